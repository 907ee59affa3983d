import copy
import pickle

import pytest

from foundations import errors
from foundations.errors import ConfigurationError, FoundationsError


def leaves(cls=FoundationsError):
    return [cls, *(leaf for sub in cls.__subclasses__() if sub.__module__ == errors.__name__ for leaf in leaves(sub))]


@pytest.mark.parametrize("cls", leaves())
@pytest.mark.parametrize("travel", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"])
def test_every_error_survives_travelling_with_message_and_details(cls, travel):
    error = cls("what happened", path="/somewhere", job_name="job", missing=("a", "b"))
    arrived = travel(error)
    assert (cls, "what happened") == (type(arrived), arrived.message)
    assert ("/somewhere", "job", ("a", "b")) == (arrived.path, arrived.job_name, arrived.missing)
    assert str(error) == str(arrived)


@pytest.mark.parametrize("cls", leaves())
def test_every_error_is_caught_by_the_base_and_says_its_message(cls):
    with pytest.raises(FoundationsError, match="what happened"):
        raise cls("what happened")


@pytest.mark.parametrize("cls", leaves())
def test_names_end_in_error_but_the_one_that_users_know(cls):
    assert cls.__name__.endswith("Error") or cls.__name__ == "RemoteException"


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({}, "configuration: wrong"),
        ({"file": "a.yaml"}, "a.yaml: wrong"),
        ({"file": "a.yaml", "line": 3, "key": "cache"}, "a.yaml:3: cache: wrong"),
        ({"key": "cache"}, "configuration: cache: wrong"),
    ],
)
def test_a_configuration_error_says_where(details, expected):
    assert expected == str(ConfigurationError("wrong", **details))
