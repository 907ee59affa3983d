"""Recipes: the ingredients of a stage's content key, so that two keys can be compared ingredient by ingredient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foundations.domain.caching.argument_summary import ArgumentSummary, differing_parts
from foundations.domain.caching.code.parts import Closure, Part

FORMAT = 1
AFTER_PREFIX = "after "
"""The prefix in the name of an argument that is a stage which has to run before, as by ``require``."""
ORDER_PREFIX = "order of "
"""The prefix in the name of an argument that is the order of keyword arguments, where the function sees it."""

_MAX_PART_DIFFERENCES = 8  # reported differences between the parts of one argument
_decoder = json.JSONDecoder()


class Argument(NamedTuple):
    """One argument of a stage in a recipe.

    Attributes:
        name: The parameter's name, or its number where it has none.
        digest: The digest of its content, or ``stage`` and the key of the stage whose output it is.
        summary: The summary of its value, for people.
    """

    name: str
    digest: str
    summary: ArgumentSummary


class Recipe(NamedTuple):
    """The ingredients of a content key.

    Attributes:
        stage: The name of the stage.
        closure: The code closure of its function.
        arguments: Its arguments.
        python: The implementation and minor version of the interpreter.
    """

    stage: str
    closure: Closure
    arguments: tuple[Argument, ...]
    python: str

    def key(self) -> str:
        """Return the content key, 64 hexadecimal digits."""
        pieces = [b"foundations key 3", self.closure.digest]
        for name, content in sorted([argument[:2] for argument in self.arguments]):
            pieces.append(f"{len(name)}:{name}={content};".encode())
        return hashlib.sha256(b"".join(pieces)).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as types of JSON, without ``closure``, which is added in its encoded form.

        ``parts`` maps the names of arguments to their parts; it is absent where no argument has any.
        """
        described = [(argument, *argument.summary.describe()) for argument in self.arguments]
        recipe = {
            "stage": self.stage,
            "python": self.python,
            "arguments": [[argument.name, argument.digest, text] for argument, text, _ in described],
        }
        parts = {argument.name: [list(part) for part in found] for argument, _, found in described if found}
        return {**recipe, "parts": parts} if parts else recipe


def encode_about(header: Mapping[str, Any], recipe: str) -> bytes:
    """Return the description that is stored beside a cached value: two lines of JSON, the header and the recipe.

    Args:
        header: The facts that every reader needs: ``stage``, ``job``, ``created_at``, ``seconds``, ``stage_log``.
        recipe: The recipe, as JSON.
    """
    return f"{json.dumps({'format': FORMAT, **header})}\n{recipe}".encode()


def read_header(about: bytes) -> dict[str, Any] | None:
    """Return the header that :func:`encode_about` wrote, or None where the format is another."""
    try:
        found, _ = _decoder.raw_decode(about.partition(b"\n")[0].decode())
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def read_recipe(about: bytes) -> dict[str, Any] | None:
    """Return the header and the recipe that :func:`encode_about` wrote, or None where the format is another."""
    header = read_header(about)
    try:
        return None if header is None else {**header, **json.loads(about.partition(b"\n")[2])}
    except ValueError:
        return None


def describe_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the differences between two recipes, each in words; both recipes include ``closure``."""
    kinds = _python_differences, _package_differences, _code_differences, _argument_differences
    return [line for differences in kinds for line in differences(old, new)]


class Traits(NamedTuple):
    """The ingredients of a recipe as sets, to measure the similarity of two recipes.

    Attributes:
        code: The parts of the code closure.
        arguments: The arguments.
        parts: The parts of the arguments.
    """

    code: frozenset[str]
    arguments: frozenset[str]
    parts: frozenset[str]

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> Traits:
        """Return the traits of a recipe that includes ``closure``."""
        return cls(
            frozenset(["\n".join(part[:3]) for part in recipe["closure"]["parts"]]),
            frozenset(["\n".join(row[:2]) for row in recipe["arguments"]]),
            frozenset(["\n".join(part) for parts in recipe.get("parts", {}).values() for part in parts]),
        )

    def similarity(self, other: Traits) -> tuple[int, int, int]:
        """Return a measure that grows with fewer differences, then with more common code, then more common parts."""
        code, arguments = len(self.code & other.code), len(self.arguments & other.arguments)
        total = max(len(self.code), len(other.code)) + max(len(self.arguments), len(other.arguments))
        return code + arguments - total, code, len(self.parts & other.parts)

    def overlaps(self, other: Traits) -> bool:
        """Return whether any part of the code or any argument is the same."""
        return not (self.code.isdisjoint(other.code) and self.arguments.isdisjoint(other.arguments))


def _python_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["python"] != new["python"]:
        yield f"Python: {old['python']} -> {new['python']}"


def _package_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = old["closure"]["packages"], new["closure"]["packages"]
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was == now or (was and now and _is_one_without_content(was, now)):
            continue
        if was is None or now is None:
            yield f"package {name} is {'used now' if was is None else 'not used any more'}"
        elif was.partition(" ")[0] == now.partition(" ")[0]:
            yield f"package {name} {was.partition(' ')[0]} was installed again, with other files"
        else:
            yield f"{name} {was.partition(' ')[0]} -> {now.partition(' ')[0]}"


def _is_one_without_content(was: str, now: str) -> bool:
    """Return whether the versions are equal and only one has a digest of files: requirements have none."""
    return (" " in was) != (" " in now) and was.partition(" ")[0] == now.partition(" ")[0]


def _code_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before = {(part[0], part[1]): Part(*part) for part in old["closure"]["parts"]}
    after = {(part[0], part[1]): Part(*part) for part in new["closure"]["parts"]}
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield f"{' '.join(name)} is {'used now' if was is None else 'not used any more'}"
        elif was.digest != now.digest:
            if was.text and now.text:
                yield f"{' '.join(name)}: {was.text} -> {now.text}"
            else:
                yield f"{' '.join(name)} changed"


def _argument_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before = {name: (digest, shown) for name, digest, shown in old["arguments"]}
    after = {name: (digest, shown) for name, digest, shown in new["arguments"]}
    lines: list[str] = []
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if name.startswith(AFTER_PREFIX):
            lines += _upstream_differences(name.removeprefix(AFTER_PREFIX), was, now, lines)
        elif name.startswith(ORDER_PREFIX):
            if was and now and was != now and sorted(was[1].split(", ")) == sorted(now[1].split(", ")):
                lines.append(f"{name}: {was[1]} -> {now[1]}")
        elif was is None or now is None:
            lines.append(f"argument {name} is {'given now' if was is None else 'not given any more'}")
        elif was[0] != now[0]:
            parts, others = _argument_parts(old, name), _argument_parts(new, name)
            described = list(differing_parts(parts, others))
            otherwise = " changed, in a part that is not shown" if parts and others else _describe_change(was, now)
            lines += described[:_MAX_PART_DIFFERENCES] or [f"argument {name}{otherwise}"]
            if len(described) > _MAX_PART_DIFFERENCES:
                lines.append(f"argument {name} differs in more than these {_MAX_PART_DIFFERENCES} parts")
    return lines


def _upstream_differences(stage: str, was: object, now: object, described: list[str]) -> list[str]:
    """Return the difference of a stage that runs before, unless the line of an argument with its output reports it."""
    if was is None or now is None:
        return [f"it runs after {stage} now" if was is None else f"it does not run after {stage} any more"]
    if was == now or any(line.endswith(f": the output of {stage} has another key") for line in described):
        return []
    return [f"{stage}, which runs before it, has another key"]


def _argument_parts(recipe: Mapping[str, Any], name: str) -> list[list[str]]:
    found: list[list[str]] = recipe.get("parts", {}).get(name, [])
    return found


def _describe_change(old: tuple[str, str], new: tuple[str, str]) -> str:
    (_, was), (digest, now) = old, new
    if was == now and now.startswith("output of"):
        return f": the {now} has another key" if digest.startswith("stage ") else f": the {now} changed"
    return f": {was} -> {now}" if was and now else " changed"
