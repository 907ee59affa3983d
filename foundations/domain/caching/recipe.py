"""Recipes: what went into a stage's content key, piece by piece, so that two of them can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foundations.domain.caching.argument_summary import Appearance, differing_parts
from foundations.domain.caching.code.parts import Closure, Part

FORMAT = 1
AFTER = "after "
"""What the name of an argument begins with that is a stage which runs before, as by ``require``."""

_MOST_TOLD = 8  # parts of an argument
_decoder = json.JSONDecoder()


class Argument(NamedTuple):
    """One argument of a stage, as its key sees it.

    Attributes:
        name: The parameter's name, or its number where it has none.
        digest: Of its content; or of the key of the stage whose output it is.
        appearance: How it is told.
    """

    name: str
    digest: str
    appearance: Appearance


class Recipe(NamedTuple):
    """What a content key is made of.

    Attributes:
        stage: The name of the function.
        closure: Its code.
        arguments: Its arguments.
        python: The implementation and minor version of the interpreter.
    """

    stage: str
    closure: Closure
    arguments: tuple[Argument, ...]
    python: str

    def key(self) -> str:
        """Return the content key, 64 hexadecimal digits."""
        pieces = [b"foundations key 2", self.closure.digest]
        for name, content in sorted([argument[:2] for argument in self.arguments]):
            pieces.append(f"{len(name)}:{name}={content};".encode())
        return hashlib.sha256(b"".join(pieces)).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON's own types, but for its code: ``closure`` is added in the form that is kept.

        ``parts`` has the parts of arguments, by name, of those that have any; it was added later, and may be absent.
        """
        told = [(argument, *argument.appearance.told()) for argument in self.arguments]
        recipe = {
            "stage": self.stage,
            "python": self.python,
            "arguments": [[argument.name, argument.digest, text] for argument, text, _ in told],
        }
        parts = {argument.name: [list(part) for part in found] for argument, _, found in told if found}
        return {**recipe, "parts": parts} if parts else recipe


def about_value(summary: Mapping[str, Any], recipe: str) -> bytes:
    """Return what lies beside a cached value: two lines of JSON, what every reader needs and the recipe.

    Args:
        summary: What is known of the value: ``stage``, ``job``, ``created_at``, ``seconds``, ``stage_log``.
        recipe: The recipe, as JSON.
    """
    return f"{json.dumps({'format': FORMAT, **summary})}\n{recipe}".encode()


def summary_of(about: bytes) -> dict[str, Any] | None:
    """Return the summary that :func:`about_value` wrote, or None where it is of another format."""
    try:
        found, _ = _decoder.raw_decode(about.partition(b"\n")[0].decode())
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def recipe_of(about: bytes) -> dict[str, Any] | None:
    """Return the summary and the recipe that :func:`about_value` wrote, or None where it is of another format."""
    summary = summary_of(about)
    try:
        return None if summary is None else {**summary, **json.loads(about.partition(b"\n")[2])}
    except ValueError:
        return None


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what differs from one recipe to another, each in words; both with their code."""
    return [*_of_python(old, new), *_of_packages(old, new), *_of_parts(old, new), *_of_arguments(old, new)]


class Traits(NamedTuple):
    """What two recipes may have in common.

    Attributes:
        code: The pieces of code.
        arguments: The arguments.
        parts: What the arguments consist of.
    """

    code: frozenset[str]
    arguments: frozenset[str]
    parts: frozenset[str]

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Traits:
        """Return the traits of a recipe, with its code."""
        return cls(
            frozenset(["\n".join(part[:3]) for part in recipe["closure"]["parts"]]),
            frozenset(["\n".join(row[:2]) for row in recipe["arguments"]]),
            frozenset(["\n".join(part) for parts in recipe.get("parts", {}).values() for part in parts]),
        )

    def likeness(self, other: Traits) -> tuple[int, int, int]:
        """Return a measure of how much is common to both: what fewest pieces tell apart, then code, then parts."""
        code, arguments = len(self.code & other.code), len(self.arguments & other.arguments)
        apart = max(len(self.code), len(other.code)) + max(len(self.arguments), len(other.arguments)) - code - arguments
        return -apart, code, len(self.parts & other.parts)

    def has_in_common(self, other: Traits) -> bool:
        """Tell whether any piece of code or any argument is the same."""
        return not (self.code.isdisjoint(other.code) and self.arguments.isdisjoint(other.arguments))


def _of_python(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["python"] != new["python"]:
        yield f"Python: {old['python']} -> {new['python']}"


def _of_packages(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = old["closure"]["packages"], new["closure"]["packages"]
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was == now or (was and now and _differ_in_what_is_known(was, now)):
            continue
        if was is None or now is None:
            yield f"package {name} is {'used now' if was is None else 'not used any more'}"
        elif was.partition(" ")[0] == now.partition(" ")[0]:
            yield f"package {name} {was.partition(' ')[0]} was installed again, with other files"
        else:
            yield f"{name} {was.partition(' ')[0]} -> {now.partition(' ')[0]}"


def _differ_in_what_is_known(was: str, now: str) -> bool:
    """Tell whether one is only the version, as it is known of what another package needs, and the same."""
    return (" " in was) != (" " in now) and was.partition(" ")[0] == now.partition(" ")[0]


def _of_parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before = {(part[0], part[1]): Part(*part) for part in old["closure"]["parts"]}
    after = {(part[0], part[1]): Part(*part) for part in new["closure"]["parts"]}
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield f"{' '.join(name)} is {'used now' if was is None else 'not used any more'}"
        elif was.digest != now.digest:
            if was.shown and now.shown:
                yield f"{' '.join(name)}: {was.shown} -> {now.shown}"
            else:
                yield f"{' '.join(name)} changed"


def _of_arguments(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before = {name: (digest, shown) for name, digest, shown in old["arguments"]}
    after = {name: (digest, shown) for name, digest, shown in new["arguments"]}
    lines: list[str] = []
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if name.startswith(AFTER):
            lines += _of_stage_before(name.removeprefix(AFTER), was, now, lines)
        elif was is None or now is None:
            lines.append(f"argument {name} is {'given now' if was is None else 'not given any more'}")
        elif was[0] != now[0]:
            parts, others = _parts(old, name), _parts(new, name)
            told = list(differing_parts(parts, others))
            otherwise = " changed, in a part that is not shown" if parts and others else _changed(was, now)
            lines += told[:_MOST_TOLD] or [f"argument {name}{otherwise}"]
            if len(told) > _MOST_TOLD:
                lines.append(f"argument {name} differs in more than these {_MOST_TOLD} parts")
    return lines


def _of_stage_before(stage: str, was: object, now: object, told: list[str]) -> list[str]:
    """Return what differs in a stage that runs before, unless it was told of the argument that it is a part of."""
    if was is None or now is None:
        return [f"it runs after {stage} now" if was is None else f"it does not run after {stage} any more"]
    if was == now or any(line.endswith(f": the output of {stage} has another key") for line in told):
        return []
    return [f"{stage}, which runs before it, has another key"]


def _parts(recipe: Mapping[str, Any], name: str) -> list[list[str]]:
    found: list[list[str]] = recipe.get("parts", {}).get(name, [])
    return found


def _changed(old: tuple[str, str], new: tuple[str, str]) -> str:
    (_, was), (digest, now) = old, new
    if was == now and now.startswith("output of"):
        return f": the {now} has another key" if digest.startswith("stage ") else f": the {now} changed"
    return f": {was} -> {now}" if was and now else " changed"
