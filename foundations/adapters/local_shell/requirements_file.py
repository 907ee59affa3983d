"""Reading ``requirements.txt`` as pip reads it: encodings, continued lines, variables, and files that it includes.

The rules are those of pip's ``req_file.py`` and ``encoding.py``; https://pip.pypa.io/en/stable/reference/requirements-file-format/
describes them.
"""

from __future__ import annotations

import codecs
import locale
import os
import re
import shlex
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
_CODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_OPTION = re.compile(r"(?:(?P<short>-[rce])|(?P<long>--requirement|--constraint|--editable)(?:=|$))(?P<value>.*)")
_REMOTE = re.compile(r"(https?|file):", re.IGNORECASE)
_EGG = re.compile(r"[#&]egg=([\w.-]+)")
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


class ParsedLine(NamedTuple):
    """A line of a requirements file that requires or limits something, split as pip splits it.

    Attributes:
        place: The file and the line's number.
        directory: The directory of the file.
        target: What is required: a requirement, a path or a URL.
        is_editable: Whether it is to be installed in editable mode.
        is_constraint: Whether the file only limits versions.
    """

    place: str
    directory: Path
    target: str
    is_editable: bool
    is_constraint: bool


def read_requirements(path: Path) -> Iterator[RequirementLine | UnreadableLine]:
    """Iterate over the requirements of a file and of those that it includes, each file once."""
    for line in parse_lines(path):
        if isinstance(line, UnreadableLine):
            yield line
        elif not line.is_editable and not _is_place(line.target, line.directory):
            yield RequirementLine(line.place, line.target, line.is_constraint)
        elif egg := _EGG.search(line.target):
            yield RequirementLine(line.place, egg[1], line.is_constraint)
        else:
            without_extras = line.target.partition("[")[0].strip()
            if os.path.normpath(line.directory / without_extras) != str(line.directory):  # that is the project itself
                yield UnreadableLine(
                    line.place, f"whether {line.target} is installed is not known: it names no package"
                )


def parse_lines(path: Path) -> Iterator[ParsedLine | UnreadableLine]:
    """Iterate over the lines of a file and of those that it includes, in pip's order, each file once of each kind."""
    yield from _parse(path, is_constraint=False, seen=set())


def _parse(path: Path, *, is_constraint: bool, seen: set[tuple[Path, bool]]) -> Iterator[ParsedLine | UnreadableLine]:
    path = Path(os.path.normpath(path))
    if (path, is_constraint) in seen:
        return
    seen.add((path, is_constraint))
    try:
        text = _decode(_read(path))
    except (OSError, ValueError, LookupError) as error:
        yield UnreadableLine(str(path), f"it cannot be read: {error}")
        return
    for number, line in _logical_lines(text):
        place = f"{path}:{number}"
        requirement, options = _split_options(line)
        if requirement:
            yield ParsedLine(place, path.parent, requirement, False, is_constraint)
            continue
        try:
            values = _values_of(options)
        except ValueError as error:  # a quotation mark is missing
            yield UnreadableLine(place, f"its options cannot be read: {error}")
            continue
        if "e" in values:
            yield ParsedLine(place, path.parent, values["e"], True, is_constraint)
            continue
        included = values.get("r") or values.get("c")
        if included and _REMOTE.match(included):
            yield UnreadableLine(place, f"{included} is not looked at")
        elif included:
            yield from _parse(path.parent / included, is_constraint="r" not in values, seen=seen)


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise ValueError(f"it has more than {_LARGEST_FILE:,} bytes")
    return data


def _split_options(line: str) -> tuple[str, str]:
    """Return what a line requires, and its options: they begin at the first word with a hyphen."""
    words = line.split(" ")
    count = next((number for number, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:count]).strip(), " ".join(words[count:])


def _values_of(options: str) -> dict[str, str]:
    """Return the first value of each of the options ``r``, ``c`` and ``e`` that is there."""
    values: dict[str, str] = {}
    words = iter(shlex.split(options))
    for word in words:
        option = _OPTION.fullmatch(word)
        if option:
            name = (option["short"] or option["long"]).lstrip("-")[0]
            values.setdefault(name, option["value"] or next(words, ""))
    return values


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
            parts.append(line.strip("\\"))
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
