"""The use case behind ``foundations run``: load a script for its pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foundations.app.project.script import load_script
from foundations.domain.pipeline.stage import Stage, StageFactory
from foundations.errors import ScriptError

PIPELINE_NAME = "pipe"
"""The name by which a script's module has its pipeline."""


def load_pipeline(script: Path) -> Stage:
    """Return the pipeline of a script: the stage that its module calls ``pipe``.

    Raises:
        ScriptError: The script cannot be loaded, or has no such stage.
    """
    names = vars(load_script(script))
    found = names.get(PIPELINE_NAME)
    if isinstance(found, Stage):
        return found
    others = sorted(name for name, value in names.items() if isinstance(value, Stage) and not name.startswith("_"))
    if PIPELINE_NAME not in names:
        problem = f"{script} has no {PIPELINE_NAME!r}"
    elif isinstance(found, StageFactory):
        problem = f"{PIPELINE_NAME!r} of {script} is a stage factory: call it, as in pipe = train()"
    else:
        problem = f"{PIPELINE_NAME!r} of {script} is no stage; its type is {type(found).__name__}"
    hint = f" It has the stages {', '.join(others)}." if others else ""
    raise ScriptError(
        f"{problem}.{hint} Name the last stage of the pipeline so at the top level of the script, as in"
        f' `{PIPELINE_NAME} = train(load())`; what is below `if __name__ == "__main__":` is left out.',
        path=str(script),
    )


def parse_parameter(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``; the value is YAML, and numbers such as ``1e-3`` are numbers.

    Raises:
        ValueError: There is no name, or the value is not YAML.

    >>> parse_parameter("rate=1e-3"), parse_parameter("kind=forest"), parse_parameter("deep=true")
    (('rate', 0.001), ('kind', 'forest'), ('deep', True))
    """
    import re

    import yaml

    name, equals, written = text.partition("=")
    if not name or not equals:
        raise ValueError(f"{text!r} is not a hyperparameter: give its name and its value, as in rate=0.1.")
    try:
        value = yaml.safe_load(written)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        raise ValueError(f"the value of {name} is not YAML: {problem}. Quote it if it is text.") from error
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", written):
        return name, float(written)  # YAML 1.1 takes it for text
    return name, value
