"""The order in which byte code runs, independent of the order into which the compiler has put it.

The lines of the source influence how the compiler lays out jumps. The path from the first instruction on, with each
branch that is not taken left for later, is the same for all layouts.
"""

from __future__ import annotations

import bisect
import dis
from collections.abc import Callable, Iterator
from types import CodeType
from typing import NamedTuple

_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_ALWAYS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT", "JUMP_ABSOLUTE", "JUMP"})
_LAST = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"})
_OPPOSITES = {"POP_JUMP_IF_TRUE": "POP_JUMP_IF_FALSE", "POP_JUMP_IF_NOT_NONE": "POP_JUMP_IF_NONE"}
"""Conditional jumps, each with its opposite, which exchanges the branches: the compiler may choose either."""


def normal_jump_name(name: str) -> str:
    """Return the name of a jump on the path: without a direction, and the same for two opposites.

    >>> normal_jump_name("POP_JUMP_BACKWARD_IF_TRUE")
    'POP_JUMP_IF_FALSE'
    """
    name = _undirected(name)
    return _OPPOSITES.get(name, name)


def _undirected(name: str) -> str:
    return name.replace("_FORWARD_", "_").replace("_BACKWARD_", "_")


class Handler(NamedTuple):
    """The target of exceptions in a range of instructions; positions are offsets."""

    begin: int
    end: int
    target: int
    depth: int


class Step(NamedTuple):
    """One step of the path.

    Attributes:
        position: The position of the instruction in the list; None for a mark.
        mark: The target of a jump, or the content of the mark.
    """

    position: int | None
    mark: object = None


def exception_handlers(code: CodeType) -> list[Handler]:
    """Return the table of exception handlers of `code`.

    Its format: https://github.com/python/cpython/blob/main/InternalDocs/exception_handling.md
    """
    values = iter(code.co_exceptiontable)

    def number(first: int) -> int:
        value = first & 63
        while first & 64:
            first = next(values)
            value = value << 6 | first & 63
        return value

    found = []
    for first in values:
        begin, size, target, depth = (number(first), *(number(next(values)) for _ in range(3)))
        found.append(Handler(begin * 2, (begin + size) * 2, target * 2, depth))
    return found


def execution_path(instructions: list[dis.Instruction], table: list[Handler]) -> Iterator[Step]:  # noqa: C901
    """Yield the instructions in the order in which they run, with marks for branches and exception handlers."""
    table = sorted(table)
    begins = [row.begin for row in table]
    offsets = [found.offset for found in instructions]
    jumps = {found.offset: found.argval for found in instructions if found.opname in _ALWAYS}

    def position_of(offset: int) -> int:
        """Return the position of the next instruction from an offset on, after following unconditional jumps."""
        seen = set()
        while True:
            position = bisect.bisect_left(offsets, offset)
            if position in seen or position == len(offsets) or offsets[position] not in jumps:
                return position
            seen.add(position)
            offset = jumps[offsets[position]]

    steps: dict[int, int] = {}
    labels: dict[int, int] = {}
    waiting: list[int] = []

    def reference(position: int) -> str:
        if position in steps:
            return f"step {steps[position]}"
        if position not in labels:
            labels[position] = len(labels)
            waiting.append(position)
        return f"label {labels[position]}"

    guarded: tuple[int, int] | None = None
    begin = 0
    while True:
        position = position_of(offsets[begin]) if begin < len(offsets) else begin
        while position < len(offsets):
            if position in steps:
                yield Step(None, ("goto", steps[position]))
                break
            found = instructions[position]
            guard = _guard(begins, table, found.offset, position_of)
            if guard != guarded:
                guarded = guard
                yield Step(None, ("guarded", guard and (reference(guard[0]), guard[1])))
            steps[position] = len(steps)
            following, mark = position_of(found.offset + 1), None
            if found.opcode in _JUMPS:
                target = position_of(found.argval)
                if _undirected(found.opname) in _OPPOSITES:
                    following, target = target, following
                mark = reference(target)
            yield Step(position, mark)
            if found.opname in _LAST:
                break
            position = following
        while waiting and waiting[-1] in steps:
            known = waiting.pop()
            yield Step(None, ("label", labels[known], "is", steps[known]))
        if not waiting:
            return
        begin = waiting.pop()
        yield Step(None, ("label", labels[begin]))


def _guard(
    begins: list[int], table: list[Handler], offset: int, position_of: Callable[[int], int]
) -> tuple[int, int] | None:
    index = bisect.bisect_right(begins, offset) - 1  # no two ranges overlap
    if index < 0 or offset >= table[index].end:
        return None
    return position_of(table[index].target), table[index].depth
