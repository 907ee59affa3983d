"""YAML text as a document; nothing in the text can run, recurse or swell.

The text is looked at three times, each look safe after the one before: as a flat run of events, which cannot exhaust
the stack; as nodes, without making any value; as values, of YAML's safe types only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foundations.app.config.nodes import DEEPEST, Builder, Marked, line_of, mistake, too_deep

LARGEST_FILE = 1 << 20
"""The most bytes that a configuration file may have."""


class Document:
    """A file that is YAML, of whose values none has been made yet."""

    def __init__(self, file: str, roots: list[Any]) -> None:
        self.file = file
        self._roots = roots

    @property
    def keys(self) -> dict[str, int]:
        """The keys at the top that are strings, and their lines."""
        pairs = [pair for root in self._roots if root.id == "mapping" for pair in root.value]
        return {key.value: line_of(key) for key, _ in pairs if key.id == "scalar"}

    @property
    def is_empty(self) -> bool:
        """Whether the file says nothing at all."""
        return all(root.id == "scalar" and root.value == "" for root in self._roots)

    def values(self) -> Marked:
        """Make the values.

        Raises:
            ConfigurationError: There are several documents, a mapping has a key twice, a tag asks for more than plain
                values, an alias leads back to itself, or the values are too many or too deep.
        """
        if len(self._roots) > 1:
            raise mistake(
                self.file,
                line_of(self._roots[1]),
                "a configuration file holds one document, this one holds several; remove the line '---'.",
                found=f"{len(self._roots)} documents",
                expected="one document",
            )
        return Builder(self.file).build(self._roots[0])


def read_document(path: Path) -> Document:
    """Read a file.

    Raises:
        ConfigurationError: It is no regular file, cannot be read, is too large, or is not YAML in UTF-8.
    """
    text = _read(path)
    file = str(path)
    import yaml

    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        raise mistake(
            file,
            text.count("\n", 0, unprintable.start()) + 1,
            f"the character {unprintable[0]!r} is not allowed in YAML.",
            found=repr(unprintable[0]),
            expected="printable text",
        )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(file, yaml.parse(text, loader))
        return Document(file, list(yaml.compose_all(text, loader)))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        if mark and "nesting depth" in problem:  # libyaml's own limit, which it may meet before the first event
            raise too_deep(file, mark.line + 1) from error
        raise mistake(
            file,
            mark.line + 1 if mark else None,
            f"this is not YAML: {problem}. (A file of another tool must not be named *.config.yaml unless it is YAML.)",
            found=problem,
            expected="YAML",
        ) from error


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            kind = "a directory" if path.is_dir() else "not a regular file" if path.exists() else "not there"
            raise mistake(
                str(path),
                None,
                f"a configuration file cannot be read: it is {kind}.",
                found=kind,
                expected="a readable file",
            )
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise mistake(
            str(path),
            None,
            f"a configuration file cannot be read: {reason}.",
            found=reason,
            expected="a readable file",
        ) from error
    if len(data) > LARGEST_FILE:
        raise mistake(
            str(path),
            None,
            f"a configuration file has at most {LARGEST_FILE:,} bytes, this one has more.",
            found=f"more than {LARGEST_FILE:,} bytes",
            expected=f"at most {LARGEST_FILE:,} bytes",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"the byte 0x{data[error.start]:02x}"
        raise mistake(
            str(path),
            data.count(b"\n", 0, error.start) + 1,
            f"a configuration file is text in UTF-8, and {byte} is none; save it as UTF-8.",
            found=byte,
            expected="text in UTF-8",
        ) from error


def _check_depth(file: str, events: Iterable[Any]) -> None:
    """Refuse what would exhaust the stack of the composer, which recurses, and in C without a limit."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            depth += 1
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1
        if depth > DEEPEST:
            raise too_deep(file, event.start_mark.line + 1)
