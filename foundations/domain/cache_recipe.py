"""Recipes: what went into a stage's content key, piece by piece, so that two of them can be compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foundations.domain.code_parts import PLAIN, Closure, Part, shown

FORMAT = 1
_decoder = json.JSONDecoder()


class Argument(NamedTuple):
    """One argument of a stage, as its key sees it.

    Attributes:
        name: The parameter's name, or its number where it has none.
        digest: Of its content; or of the key of the stage whose output it is.
        shown: What to show of it, or the value that decides so.
    """

    name: str
    digest: str
    shown: object = ""


class Shown(NamedTuple):
    """What is shown of an argument, whatever its value."""

    text: str


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
        """Return the recipe as JSON's own types, but for its code: ``closure`` is added in the form that is kept."""
        return {
            "stage": self.stage,
            "python": self.python,
            "arguments": [
                [name, digest, held.text if isinstance(held, Shown) else shown(name, held, PLAIN)]
                for name, digest, held in self.arguments
            ],
        }


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


def likeness(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[int, int]:
    """Return a measure of how much two recipes have in common: arguments first, then code."""
    same_parts = _pairs(old["closure"]["parts"]) & _pairs(new["closure"]["parts"])
    arguments = {tuple(row[:2]) for row in old["arguments"]} & {tuple(row[:2]) for row in new["arguments"]}
    missing = max(len(new["closure"]["parts"]), len(old["closure"]["parts"])) - len(same_parts)
    return -(missing + max(len(new["arguments"]), len(old["arguments"])) - len(arguments)), len(same_parts)


def _pairs(parts: list[list[str]]) -> set[tuple[str, ...]]:
    return {tuple(part[:3]) for part in parts}


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


def _of_arguments(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before = {row[0]: Argument(*row) for row in old["arguments"]}
    after = {row[0]: Argument(*row) for row in new["arguments"]}
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            yield f"argument {name} is {'given now' if was is None else 'not given any more'}"
        elif was.digest != now.digest:
            if was.shown == now.shown and str(now.shown).startswith("output of"):
                yield f"argument {name}: the {now.shown} has another key"
            elif was.shown and now.shown:
                yield f"argument {name}: {was.shown} -> {now.shown}"
            else:
                yield f"argument {name} changed"
