"""Reading ``requirements.txt`` as pip reads it: encodings, continued lines, variables, and files that it includes.

The rules are those of pip's ``req_file.py`` and ``encoding.py``; https://pip.pypa.io/en/stable/reference/requirements-file-format/
describes them.
"""

from __future__ import annotations

import codecs
import locale
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from foundations.concealment import remember_secret

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_INCLUDE = re.compile(r"(?P<option>-r|-c|--requirement|--constraint)(?:\s*=?\s*)(?P<path>\S.*)\Z")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s*=?\s*)(?P<target>\S.*)\Z")
_OPTIONS = re.compile(r"\s+--?[A-Za-z].*\Z")
_LARGEST_FILE = 2**22


class RequirementLine(NamedTuple):
    """A line of a requirements file that names a package.

    Attributes:
        place: The file and the line's number, as in ``requirements.txt:3``.
        text: The requirement, without comments and options.
        is_constraint: Whether it only limits the version of a package that another line requires.
    """

    place: str
    text: str
    is_constraint: bool


class UnreadableLine(NamedTuple):
    """A line, or a whole file, that cannot be judged.

    Attributes:
        place: The file, and the line's number where one is meant.
        reason: Why.
    """

    place: str
    reason: str


def read_requirements(path: Path) -> Iterator[RequirementLine | UnreadableLine]:
    """Iterate over the requirements of a file and of those that it includes, each file once."""
    yield from _read(path, is_constraint=False, seen=set())


def _read(path: Path, *, is_constraint: bool, seen: set[Path]) -> Iterator[RequirementLine | UnreadableLine]:
    path = Path(os.path.normpath(path))
    if path in seen:
        return
    seen.add(path)
    try:
        with path.open("rb") as stream:
            text = _decode(stream.read(_LARGEST_FILE))
    except (OSError, ValueError, LookupError) as error:
        yield UnreadableLine(str(path), f"it cannot be read: {error}")
        return
    for number, line in _logical_lines(text):
        place = f"{path}:{number}"
        include, editable = _INCLUDE.match(line), _EDITABLE.match(line)
        if include:
            target = include["path"].strip("\"'")
            if "://" in target:
                yield UnreadableLine(place, f"{target} is not looked at")
            else:
                limits = is_constraint or include["option"] in ("-c", "--constraint")
                yield from _read(path.parent / target, is_constraint=limits, seen=seen)
        elif editable or (not line.startswith("-") and _is_place(line, path.parent)):
            target = editable["target"] if editable else line
            without_extras = target.partition("[")[0].strip()
            if os.path.normpath(path.parent / without_extras) != str(path.parent):  # that is the project itself
                yield UnreadableLine(place, f"whether {target} is installed is not known: it names no package")
        elif not line.startswith("-"):
            yield RequirementLine(place, _OPTIONS.sub("", line), is_constraint)


def _decode(data: bytes) -> str:
    """Return the text of a file: by its mark, by a coding line among the first two, as UTF-8, by the locale."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n", 2)[:2]:
        coding = _CODING.match(line)
        if coding:
            return data.decode(coding[1].decode("ascii"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(locale.getpreferredencoding(False))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Iterate over the lines that hold something, each with the number of its first line."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), 1):
        if not parts:
            first = number
        is_comment = _COMMENT.match(line) is not None
        if line.endswith("\\") and not is_comment:
            parts.append(line.rstrip("\\"))
            continue
        parts.append(f" {line}" if is_comment else line)
        yield from _finish_line(first, parts)
        parts = []
    yield from _finish_line(first, parts)


def _finish_line(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield number, _VARIABLE.sub(_value_of, line)


def _value_of(variable: re.Match[str]) -> str:
    """Return the value of a variable, which no message shows where it is a credential; its name where it has none."""
    value = os.environ.get(variable[1])
    if not value:
        return variable[0]
    if _is_credential(variable.string[: variable.start()], variable.string[variable.end() :]):
        remember_secret(value, variable[1])
    return value


def _is_credential(before: str, after: str) -> bool:
    """Return whether what is between two texts is in the query of a URL, or the user or password of one."""
    _, is_url, start = before.rpartition("://")
    return bool(is_url) and ("?" in start or ("/" not in start and "@" in after.partition("/")[0]))


def _is_place(line: str, directory: Path) -> bool:
    """Return whether a line is a path or a URL, without a name."""
    target = line.split("@")[0].split(";")[0]
    if "://" in target or target.startswith((".", "/", "file:")):
        return True
    target = target.partition("[")[0].strip()
    is_archive = target.endswith((".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2"))
    return is_archive or (os.sep in target and (directory / target).is_dir())
