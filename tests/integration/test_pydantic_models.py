"""Models of pydantic as arguments, whose validators pydantic compiles anew in every process."""

import pytest
from support import Project

MODELS = """
import pydantic

class Config(pydantic.BaseModel):
    rate: float = 0.1
    layers: list[int] = [64]

    @pydantic.field_validator("rate")
    @classmethod
    def positive(cls, value):
        if value <= 0:
            raise ValueError("it is not positive")
        return value

    @pydantic.computed_field
    @property
    def depth(self) -> int:
        return len(self.layers)
"""
TRAIN = """
import sys
from foundations import *
from models import Config
def train(config):
    return config.rate * config.depth
print(pipeline.stage(train, Config(rate=float(sys.argv[1]))).enable_caching().explain().key)
"""


@pytest.fixture
def key(project: Project):
    def key(rate: float, models: str = MODELS, seed: str = "0") -> str:
        project.write({"models.py": models, "train.py": TRAIN})
        return project.run("train.py", str(rate), variables={"PYTHONHASHSEED": seed}).strip()

    return key


def test_equal_models_have_one_key_in_every_process_and_different_ones_another(key):
    found = {key(0.5, seed=seed) for seed in ("1", "2", "3")}
    assert [64] == [len(each) for each in found]
    assert key(0.25) not in found


@pytest.mark.parametrize(
    ("old", "new"), [("value <= 0", "value < 0"), ("len(self.layers)", "len(self.layers) + 1"), ("[64]", "[64, 32]")]
)
def test_another_validator_computed_field_or_default_is_another_key(key, old, new):
    assert key(0.5) != key(0.5, MODELS.replace(old, new))


def test_a_comment_in_a_model_changes_nothing(key):
    assert key(0.5) == key(0.5, MODELS.replace("    @property", "    # how many there are\n    @property"))
