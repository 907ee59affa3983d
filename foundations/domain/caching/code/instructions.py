"""The instructions of byte code, without those that depend only on how the source is written.

Left out are docstrings, line numbers and annotations of inner functions, and what differs between the minor versions of
Python: the set-up of closures and calls, and instructions that stand for two.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from types import CodeType

_IGNORED = frozenset({"NOP", "CACHE", "EXTENDED_ARG", "RESUME", "MAKE_CELL", "COPY_FREE_VARS", "LOAD_CLOSURE"})
"""Instructions that do nothing, or that the others imply."""

_METADATA = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})
"""Names under which the body of a class or module stores facts about its source."""

ANNOTATIONS = 0x04
"""The flag of ``MAKE_FUNCTION``, and of ``SET_FUNCTION_ATTRIBUTE``, for annotations."""

_CLOSURE = 0x08
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))


def normal_instructions(code: CodeType) -> list[dis.Instruction]:
    """Return the instructions of `code`, without those that depend only on how the source is written."""
    cells = frozenset((*code.co_cellvars, *code.co_freevars))
    found: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if isinstance(instruction.argval, tuple) and "_FAST_" in instruction.opname:
            found += _split_pair(instruction)
        elif instruction.opname not in _IGNORED:
            if instruction.opname == "KW_NAMES":  # `dis` does not resolve it
                instruction = instruction._replace(argval=code.co_consts[instruction.arg or 0])
            found.append(instruction)
    found = _drop(found, _closure_load_positions(found, cells))
    found = _drop(found, _metadata_positions(found))
    return [instruction for instruction in found if instruction.opname != "PUSH_NULL"]  # it prepares a call


def _drop(instructions: list[dis.Instruction], positions: Iterable[int]) -> list[dis.Instruction]:
    hidden = frozenset(positions)
    return [found for position, found in enumerate(instructions) if position not in hidden] if hidden else instructions


def _closure_load_positions(instructions: list[dis.Instruction], cells: frozenset[str]) -> Iterator[int]:
    """Yield the positions at which an inner function's cells are loaded; newer versions have no LOAD_CLOSURE."""
    for position, instruction in enumerate(instructions[1:], start=1):
        if isinstance(instruction.argval, CodeType) and instructions[position - 1].opname == "BUILD_TUPLE":
            first = position - 1 - (instructions[position - 1].arg or 0)
            loads = range(max(first, 0), position - 1)
            if all(instructions[load].opname == "LOAD_FAST" and instructions[load].argval in cells for load in loads):
                yield from loads


def _metadata_positions(instructions: list[dis.Instruction]) -> Iterator[int]:
    for position, instruction in enumerate(instructions):
        if instruction.opname == "STORE_NAME" and instruction.argval in _METADATA:
            yield from (position - 1, position)
        elif instruction.opname == "MAKE_FUNCTION":
            yield from _annotation_positions(instructions, position)


def _annotation_positions(instructions: list[dis.Instruction], position: int) -> Iterator[int]:
    """Yield the positions at which the annotations of an inner function are pushed onto the stack.

    ``MAKE_FUNCTION`` follows, where they exist: defaults, annotations, closure (one instruction) and code.
    """
    flags, setter = instructions[position].arg or 0, None
    for later, found in enumerate(instructions[position + 1 : position + 5], start=position + 1):
        if found.opname != "SET_FUNCTION_ATTRIBUTE":  # newer versions set the flags so
            break
        flags |= found.arg or 0
        setter = later if found.arg == ANNOTATIONS else setter
    if not flags & ANNOTATIONS:
        return
    end = begin = position - 2 - bool(flags & _CLOSURE)
    missing = 1
    while begin >= 0:
        found = instructions[begin]
        missing -= dis.stack_effect(found.opcode, found.arg if found.opcode >= dis.HAVE_ARGUMENT else None)
        if missing <= 0:
            break
        begin -= 1
    if any(_hides_depth(found) for found in instructions[max(begin, 0) : end + 1]):
        return  # where paths part, the beginning cannot be found; the annotations stay
    yield from range(begin, end + 1)
    if setter is not None:
        yield setter


def _hides_depth(found: dis.Instruction) -> bool:
    """Return whether an instruction makes the depth of the stack unpredictable from the sequence alone."""
    takes_closure = found.opname in ("MAKE_FUNCTION", "SET_FUNCTION_ATTRIBUTE") and bool((found.arg or 0) & _CLOSURE)
    return takes_closure or found.opcode in _JUMPS


def _split_pair(instruction: dis.Instruction) -> Iterator[dis.Instruction]:
    """Yield the two instructions that one stands for, as in ``STORE_FAST_LOAD_FAST``."""
    middle = instruction.opname.index("_FAST_") + len("_FAST")
    names = instruction.opname[:middle], instruction.opname[middle + 1 :]
    for number, (name, variable) in enumerate(zip(names, instruction.argval, strict=True)):
        yield instruction._replace(
            opname=name, opcode=dis.opmap[name], argval=variable, offset=instruction.offset + number
        )
