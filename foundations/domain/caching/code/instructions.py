"""The instructions of byte code, without what they say of how it is written down.

What is left out differs between the minor versions of Python: docstrings, line numbers and annotations of inner
functions, the set-up of closures and calls, and two instructions in one.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from types import CodeType

_LEFT_OUT = frozenset({"NOP", "CACHE", "EXTENDED_ARG", "RESUME", "MAKE_CELL", "COPY_FREE_VARS", "LOAD_CLOSURE"})
"""Instructions that do nothing, or that follow from the others."""

_UNSEEN = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})
"""What a class's or module's body says of how it is written down."""

ANNOTATIONS = 0x04
"""The flag of ``MAKE_FUNCTION``, and of ``SET_FUNCTION_ATTRIBUTE``, that says that there are annotations."""

_CLOSURE = 0x08
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))


def instructions_of(code: CodeType) -> list[dis.Instruction]:
    """Return the instructions of `code` without what it says of how it is written down."""
    cells = frozenset((*code.co_cellvars, *code.co_freevars))
    found: list[dis.Instruction] = []
    for instruction in dis.get_instructions(code):
        if isinstance(instruction.argval, tuple) and "_FAST_" in instruction.opname:
            found += _singles(instruction)
        elif instruction.opname not in _LEFT_OUT:
            if instruction.opname == "KW_NAMES":  # dis does not look it up
                instruction = instruction._replace(argval=code.co_consts[instruction.arg or 0])
            found.append(instruction)
    found = _without(found, _closure_loads(found, cells))
    found = _without(found, _written_down(found))
    return [instruction for instruction in found if instruction.opname != "PUSH_NULL"]  # how a call is prepared


def _without(instructions: list[dis.Instruction], positions: Iterable[int]) -> list[dis.Instruction]:
    hidden = frozenset(positions)
    return [found for position, found in enumerate(instructions) if position not in hidden] if hidden else instructions


def _closure_loads(instructions: list[dis.Instruction], cells: frozenset[str]) -> Iterator[int]:
    """Yield where the cells of an inner function's closure are loaded; newer versions have no LOAD_CLOSURE for it."""
    for position, instruction in enumerate(instructions[1:], start=1):
        if isinstance(instruction.argval, CodeType) and instructions[position - 1].opname == "BUILD_TUPLE":
            first = position - 1 - (instructions[position - 1].arg or 0)
            loads = range(max(first, 0), position - 1)
            if all(instructions[load].opname == "LOAD_FAST" and instructions[load].argval in cells for load in loads):
                yield from loads


def _written_down(instructions: list[dis.Instruction]) -> Iterator[int]:
    for position, instruction in enumerate(instructions):
        if instruction.opname == "STORE_NAME" and instruction.argval in _UNSEEN:
            yield from (position - 1, position)
        elif instruction.opname == "MAKE_FUNCTION":
            yield from _annotations(instructions, position)


def _annotations(instructions: list[dis.Instruction], position: int) -> Iterator[int]:
    """Yield where the annotations of an inner function are put on the stack.

    Before ``MAKE_FUNCTION`` stand, as far as there are any: defaults, annotations, closure (one instruction), code.
    """
    flags, setter = instructions[position].arg or 0, None
    for later, found in enumerate(instructions[position + 1 : position + 5], start=position + 1):
        if found.opname != "SET_FUNCTION_ATTRIBUTE":  # what newer versions have for the flags
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
        return  # where paths part, nobody can tell where it begins; it stays
    yield from range(begin, end + 1)
    if setter is not None:
        yield setter


def _hides_depth(found: dis.Instruction) -> bool:
    """Tell whether the depth of the stack cannot be told from the instructions one after the other."""
    takes_closure = found.opname in ("MAKE_FUNCTION", "SET_FUNCTION_ATTRIBUTE") and bool((found.arg or 0) & _CLOSURE)
    return takes_closure or found.opcode in _JUMPS


def _singles(instruction: dis.Instruction) -> Iterator[dis.Instruction]:
    """Yield the two instructions that one stands for, as in ``STORE_FAST_LOAD_FAST``, where they share a line."""
    middle = instruction.opname.index("_FAST_") + len("_FAST")
    names = instruction.opname[:middle], instruction.opname[middle + 1 :]
    for number, (name, variable) in enumerate(zip(names, instruction.argval, strict=True)):
        yield instruction._replace(
            opname=name, opcode=dis.opmap[name], argval=variable, offset=instruction.offset + number
        )
