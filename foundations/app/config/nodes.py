"""YAML's nodes as plain values that still know their lines; nothing in them can run, recurse or swell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from foundations.errors import ConfigurationError

MOST_VALUES = 50_000
"""The most values that a configuration file may hold, aliases written out."""

DEEPEST = 64
"""The most levels that a configuration file may have, aliases written out."""

LONGEST_NUMBER = 1_000
"""The most characters that a number may have."""

_TAGS = "tag:yaml.org,2002:"
_SCALARS = frozenset(
    _TAGS + name for name in ("null", "bool", "int", "float", "str", "binary", "timestamp", "value", "merge")
)
_NUMBERS = (_TAGS + "int", _TAGS + "float")


class Marked(NamedTuple):
    """A value and where it stands.

    Attributes:
        content: A scalar's value, a list's items (a list of these), or a mapping's (a dict of these by plain key).
        line: From 1; where the value stands under a key, the key's line.
        written: A scalar as it is written.
    """

    content: Any
    line: int
    written: str = ""

    def plain(self) -> Any:
        """Return the value without its lines."""
        if isinstance(self.content, dict):
            return {key: item.plain() for key, item in self.content.items()}
        if isinstance(self.content, list):
            return [item.plain() for item in self.content]
        return self.content


def mistake(
    file: str, line: int | None, message: str, *, key: str | None = None, found: str, expected: str, **details: Any
) -> ConfigurationError:
    """Return the error that says where a file is wrong, and how."""
    return ConfigurationError(message, file=file, line=line, key=key, found=found, expected=expected, **details)


def too_deep(file: str, line: int) -> ConfigurationError:
    """Return the error for a file of too many levels."""
    return mistake(
        file,
        line,
        f"a configuration file has at most {DEEPEST} levels, this one has more.",
        found=f"more than {DEEPEST} levels",
        expected=f"at most {DEEPEST} levels",
    )


def line_of(node: Any) -> int:
    """Return the line, from 1, on which a node begins."""
    return int(node.start_mark.line) + 1


class Builder:
    """Makes the values of one document."""

    def __init__(self, file: str) -> None:
        import yaml

        self._file = file
        self._scalars = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()
        self._made = 0

    def build(self, node: Any, line: int | None = None) -> Marked:
        """Return the value of a node of YAML's.

        Raises:
            ConfigurationError: A mapping has a key twice, a tag asks for more than a plain value, an alias leads back
                to itself, or the values are too many or too deep.
        """
        line = line or line_of(node)
        self._made += 1
        if self._made > MOST_VALUES:
            raise mistake(
                self._file,
                line,
                f"a configuration file has at most {MOST_VALUES:,} values, aliases written out; this one has more.",
                found=f"more than {MOST_VALUES:,} values",
                expected=f"at most {MOST_VALUES:,} values",
            )
        if node.id == "scalar":
            return Marked(self._scalar(node), line, node.value)
        if id(node) in self._open:
            raise mistake(
                self._file,
                line,
                "an alias leads back to the value that it is part of.",
                found="a recursive alias",
                expected="values that end",
            )
        if len(self._open) >= DEEPEST:
            raise too_deep(self._file, line)
        self._open.add(id(node))
        try:
            return Marked(self._collection(node), line)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: Any) -> Any:
        if node.tag not in _SCALARS:
            raise self._refused_tag(node)
        if node.tag in (_TAGS + "value", _TAGS + "merge"):
            return node.value
        try:
            if len(node.value) > LONGEST_NUMBER and node.tag in _NUMBERS:
                raise ValueError("too long")
            return self._scalars.construct_object(node)
        except Exception as error:  # the constructor lets through whatever int() and its like raise
            kind = node.tag.removeprefix(_TAGS)
            raise mistake(
                self._file,
                line_of(node),
                f"{_shown(node.value)} is no valid {kind}, though YAML takes it for one; quote it if it is text.",
                found=_shown(node.value),
                expected=f"a valid {kind}",
            ) from error

    def _collection(self, node: Any) -> Any:
        if node.id == "sequence" and node.tag == _TAGS + "seq":
            return [self.build(item) for item in node.value]
        if node.id == "mapping" and node.tag == _TAGS + "map":
            return self._mapping(node)
        if node.id == "mapping" and node.tag == _TAGS + "set":
            return set(self._mapping(node))
        raise self._refused_tag(node)

    def _mapping(self, node: Any) -> dict[Any, Marked]:
        own: dict[Any, Marked] = {}
        merged: dict[Any, Marked] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _TAGS + "merge":
                merged = {**self._merged(value_node), **merged}
                continue
            if key_node.id != "scalar":
                raise mistake(
                    self._file,
                    line_of(key_node),
                    f"a {key_node.id} cannot be a key.",
                    found=f"a {key_node.id} as a key",
                    expected="a plain key",
                )
            key = self._scalar(key_node)
            if key in own:
                raise mistake(
                    self._file,
                    line_of(key_node),
                    f"the key is here for the second time, after line {own[key].line}; remove one of them.",
                    key=str(key_node.value),
                    found=f"the key on lines {own[key].line} and {line_of(key_node)}",
                    expected="each key once",
                    lines=(own[key].line, line_of(key_node)),
                )
            own[key] = self.build(value_node, line_of(key_node))
        return {**merged, **own}

    def _merged(self, node: Any) -> Mapping[Any, Marked]:
        """Return what the merge key ``<<`` brings: a mapping's entries, or several mappings', the first one first."""
        sources = node.value if node.id == "sequence" else [node]
        merged: dict[Any, Marked] = {}
        for source in sources:
            content = self.build(source).content
            if not isinstance(content, dict):
                raise mistake(
                    self._file,
                    line_of(node),
                    "'<<' takes a mapping or a list of mappings.",
                    key="<<",
                    found=_shown(getattr(source, "value", "")) if source.id == "scalar" else "a list",
                    expected="a mapping",
                )
            merged = {**content, **merged}
        return merged

    def _refused_tag(self, node: Any) -> ConfigurationError:
        tag = node.tag.replace(_TAGS, "!!", 1)
        return mistake(
            self._file,
            line_of(node),
            f"the tag {tag} is refused: a configuration file holds plain values only, and nothing in it is run.",
            found=tag,
            expected="a plain value without a tag",
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
