"""A user's YAML file as plain values that know their place, by one pass of YAML's safe loader.

Nothing in a file can run, recurse or swell: its size is bounded before it is parsed, its levels while its nodes are
composed, and its tags, its numbers and what its aliases write out while its values are made.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import yaml

from foundations.app.config.content import read_content
from foundations.errors import ConfigurationError

if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MOST_VALUES = 50_000  # aliases written out
DEEPEST = 64  # levels, aliases written out
LONGEST_NUMBER = 1_000  # characters

_TAGS = "tag:yaml.org,2002:"
_MERGE = _TAGS + "merge"
_SCALARS = ("null", "bool", "int", "float", "str", "binary", "timestamp", "value", "merge")
_PLAIN_TAGS = {
    "scalar": frozenset(_TAGS + name for name in _SCALARS),
    "sequence": frozenset((_TAGS + "seq",)),
    "mapping": frozenset((_TAGS + "map", _TAGS + "set")),
}


@attrs.frozen
class Value:
    """A value of a file, and its place.

    Attributes:
        content: A scalar's value; a list's items (a list of these); or a mapping's values (a dict of these by their
            plain keys).
        file: The file.
        line: From 1; where the value has a key, the key's line; 0 where the whole file is meant.
        key: The keys and indices that lead to it, as in ``user_settings.rates[0]``; empty for the whole file.
        text: A scalar as it is written.
    """

    content: Any
    file: str
    line: int
    key: str = ""
    text: str = ""

    def plain(self) -> Any:
        """Return the value without its place."""
        if isinstance(self.content, dict):
            return {key: item.plain() for key, item in self.content.items()}
        if isinstance(self.content, list):
            return [item.plain() for item in self.content]
        return self.content

    def lines(self) -> dict[str, int]:
        """Return the line of this value and of each value in it, by the keys and indices that lead there."""
        items = self.content.values() if isinstance(self.content, dict) else self.content
        found = {self.key: self.line}
        for item in items if isinstance(self.content, (dict, list)) else ():
            found |= item.lines()
        return found

    def error(self, message: str, *, found: str, expected: str, **details: Any) -> ConfigurationError:
        """Return the error that names this place; `details` are further attributes of the error, or replace its own."""
        place = {"file": self.file, "line": self.line or None, "key": self.key or None}
        return ConfigurationError(message, **{**place, "found": found, "expected": expected, **details})


class Document(_SafeLoader):
    """YAML's safe loader, which has composed a file and makes its values when asked.

    Args:
        file: The file's name.
        text: What it holds.

    Raises:
        ConfigurationError: It has too many levels.
        yaml.YAMLError: It is not YAML.
    """

    def __init__(self, file: str, text: str) -> None:
        super().__init__(text)
        self._file = file
        self._key = ""
        self._depth = 0
        self._values = 1
        self._roots: list[Any] = []
        while self.check_node():
            self._roots.append(self.get_node())

    @property
    def keys(self) -> dict[str, int]:
        """The keys at the top that are scalars, and their lines."""
        pairs = [pair for root in self._roots if root.id == "mapping" for pair in root.value]
        return {key.value: _line(key) for key, _ in pairs if key.id == "scalar"}

    @property
    def is_empty(self) -> bool:
        """Whether the file holds no value at all."""
        return all(root.id == "scalar" and root.value == "" for root in self._roots)

    def value(self) -> Value:
        """Make the values.

        Raises:
            ConfigurationError: There are several documents, a mapping has a key twice, a tag stands for more than a
                plain value, an alias leads back to itself, or the values are too many or too deep.
        """
        if len(self._roots) > 1:
            raise self._place(self._roots[1]).error(
                "a configuration file holds one document, this one holds several; remove the line '---'.",
                found=f"{len(self._roots)} documents",
                expected="one document",
            )
        return self.construct_object(self._roots[0])

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Count a level. The composer calls this for each node; the one in C would recurse without a limit."""
        self._depth += 1
        if self._depth > DEEPEST + 1:  # scalars may lie in the innermost level
            raise _excess(f"{DEEPEST} levels", self._file, _line(current_node))

    def ascend_resolver(self) -> None:
        """Leave a level."""
        self._depth -= 1

    def construct_object(self, node: Any, deep: bool = False) -> Value:
        """Make a value of a node, aliases written out."""
        if node.tag not in _PLAIN_TAGS[node.id]:
            tag = node.tag.replace(_TAGS, "!!", 1)
            raise self._place(node).error(
                f"the tag {tag} is refused: a configuration file holds plain values only, and nothing in it is run.",
                line=_line(node),
                found=tag,
                expected="a plain value without a tag",
            )
        if node.id == "scalar":
            return self._place(node, self._scalar(node), node.value)
        if node in self.recursive_objects:
            raise self._place(node).error(
                "an alias leads back to the value that it is part of.",
                found="a recursive alias",
                expected="values that end",
            )
        if len(self.recursive_objects) >= DEEPEST:
            raise _excess(f"{DEEPEST} levels", self._file, _line(node))
        content = super().construct_object(node, deep=True)
        del self.constructed_objects[node]
        return self._place(node, content)

    def construct_sequence(self, node: Any, deep: bool = False) -> list[Value]:
        """Make a list's items."""
        return [self._child(item, f"{self._key}[{index}]") for index, item in enumerate(node.value)]

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Value]:
        """Make a mapping's values, with what the merge key ``<<`` brings first."""
        own: dict[Any, Value] = {}
        merged: dict[Any, Value] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged = {**self._merged(value_node), **merged}
                continue
            if key_node.id != "scalar":
                kind = f"a {key_node.id}"
                raise self._place(key_node).error(
                    f"{kind} cannot be a key.", found=f"{kind} as a key", expected="a plain key"
                )
            name = self.construct_object(key_node).content
            if name in own:
                lines = (own[name].line, _line(key_node))
                raise self._place(key_node).error(
                    f"the key is here for the second time, after line {lines[0]}; remove one of them.",
                    key=key_node.value,
                    found=f"the key on lines {lines[0]} and {lines[1]}",
                    expected="each key once",
                    lines=lines,
                )
            value_node.key_line = _line(key_node)
            own[name] = self._child(value_node, f"{self._key}.{name}" if self._key else str(name))
        return {**merged, **own}

    def _merged(self, node: Any) -> dict[Any, Value]:
        """Return the entries of a mapping, or of several mappings, of which the first one wins."""
        merged: dict[Any, Value] = {}
        for source in node.value if node.id == "sequence" else [node]:
            value = self._child(source, self._key)
            if not isinstance(value.content, dict):
                raise self._place(node).error(
                    "'<<' takes a mapping or a list of mappings.",
                    key="<<",
                    found=shortened(value.text) if source.id == "scalar" else "a list",
                    expected="a mapping",
                )
            merged = {**value.content, **merged}
        return merged

    def _scalar(self, node: Any) -> Any:
        kind = node.tag.removeprefix(_TAGS)
        if kind in ("value", "merge"):  # "=" and "<<", which the safe loader makes no value of by themselves
            return node.value
        try:
            if len(node.value) > LONGEST_NUMBER and kind in ("int", "float"):
                raise ValueError("too long")
            return super().construct_object(node)
        except Exception as error:  # the constructor lets through whatever int() and its like raise
            raise self._place(node).error(
                f"{shortened(node.value)} is not a valid {kind}, though YAML takes it for one; quote it if it is text.",
                line=_line(node),
                found=shortened(node.value),
                expected=f"a valid {kind}",
            ) from error

    def _child(self, node: Any, key: str) -> Value:
        self._values += 1
        if self._values > MOST_VALUES:
            raise _excess(f"{MOST_VALUES:,} values, aliases written out", self._file, _line(node))
        outer, self._key = self._key, key
        value = self.construct_object(node)
        self._key = outer
        return value

    def _place(self, node: Any, content: Any = None, text: str = "") -> Value:
        return Value(content, self._file, getattr(node, "key_line", _line(node)), self._key, text)


def read_document(path: Path, check: Callable[[Path, bytes], None] | None = None) -> Document:
    """Read a file.

    Args:
        path: The file.
        check: Raises where the file, with this content, must not be parsed.

    Raises:
        ConfigurationError: It is no regular file, cannot be read, is too large or too deep, or is not YAML in UTF-8.
    """
    file = str(path)
    text = _decode(file, read_content(path, check))
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:  # which the parser in C would let through
        found, line = repr(unprintable[0]), text.count("\n", 0, unprintable.start()) + 1
        message = f"the character {found} is not allowed in YAML."
        raise Value(None, file, line).error(message, found=found, expected="printable text")
    try:
        return Document(file, text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        problem = getattr(error, "problem", None) or str(error)
        if "nesting depth" in problem:  # libyaml's own limit, which it may meet before the first node
            raise _excess(f"{DEEPEST} levels", file, line) from error
        raise Value(None, file, line).error(
            f"this is not YAML: {problem}. (A file of another tool must not be named *.config.yaml unless it is YAML.)",
            found=problem,
            expected="YAML",
        ) from error


def shortened(text: str) -> str:
    """Return a scalar's text for a message: quoted, and not too long.

    >>> shortened("no")
    "'no'"
    """
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _decode(file: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte, line = f"the byte 0x{data[error.start]:02x}", data.count(b"\n", 0, error.start) + 1
        raise Value(None, file, line).error(
            f"a configuration file is text in UTF-8, and {byte} is none; save it as UTF-8.",
            found=byte,
            expected="text in UTF-8",
        ) from error


def _excess(most: str, file: str, line: int) -> ConfigurationError:
    message = f"a configuration file has at most {most}; this one has more."
    return Value(None, file, line).error(message, found=f"more than {most}", expected=f"at most {most}")
