"""``foundations init``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from foundations.cli import output
from foundations.cli.options import AsJson
from foundations.errors import FoundationsError
from foundations.escaping import escape_unprintable

EXAMPLES = """\b
Examples:
  foundations init wine
  foundations init"""

_TEMPLATE = Path(__file__).parent / "template"
_FILES = {
    "train.py": "train.py.txt",
    "test_train.py": "test_train.py.txt",
    "local.config.yaml": "local.config.yaml.txt",
    ".foundationsignore": "foundationsignore.txt",
    "requirements.txt": "requirements.txt.txt",
    "README.md": "README.md.txt",
}


def init(
    name: Annotated[
        Path | None, typer.Argument(metavar="NAME", help="The directory to make; the working directory by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a project that runs.

    It has a pipeline, its test, a configuration file and an ignore file. Nothing is overwritten: where one of the files
    is there already, none is written.
    """
    directory = Path.cwd() if name is None else name
    _write(directory)
    if as_json:
        output.write_json({"directory": str(directory.absolute()), "files": list(_FILES)})
        return
    output.write("\n".join(escape_unprintable(str(directory / file if name else file)) for file in _FILES))
    enter = "" if name is None else f"cd {shlex.quote(str(name))} && "
    output.write_note(f"Run it: {escape_unprintable(enter)}foundations run train.py -p rate=0.5 --follow")


def _write(directory: Path) -> None:
    """Write the files of a new project; where one cannot be written, none is left.

    Raises:
        FoundationsError: One is there already, or cannot be written.
    """
    taken = [file for file in _FILES if (directory / file).exists() or (directory / file).is_symlink()]
    if taken:
        raise FoundationsError(
            f"{directory} has {', '.join(taken)} already, and nothing is overwritten. Choose another directory, as in"
            " `foundations init NAME`. Nothing was written."
        )
    made: list[Path] = []
    try:
        is_new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        for file, template in _FILES.items():
            text = (_TEMPLATE / template).read_text(encoding="utf-8").replace("PROJECT", directory.absolute().name)
            with (directory / file).open("x", encoding="utf-8") as stream:
                made.append(directory / file)
                stream.write(text)
    except BaseException as error:
        for path in made:
            path.unlink(missing_ok=True)
        if made and is_new:
            directory.rmdir()
        if isinstance(error, OSError):
            raise FoundationsError(
                f"{error.filename or directory} cannot be written: {error.strerror or error}. Nothing was left behind."
            ) from error
        raise
