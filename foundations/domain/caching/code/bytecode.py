"""The normal form of byte code: what a function does, without how it is written down.

Line numbers, comments, docstrings, formatting, the names of local variables and the annotations of inner functions are
no part of it. The instructions are those of the running interpreter, so normal forms are comparable within one minor
version of Python.

The instructions are documented at https://docs.python.org/3/library/dis.html.
"""

from __future__ import annotations

import dis
import re
from collections.abc import Callable, Iterable
from types import CodeType
from typing import NamedTuple

from foundations.domain.caching.code.control_flow import handlers, jump_name, path
from foundations.domain.caching.code.instructions import ANNOTATIONS, instructions_of

_BEHAVIOUR_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Variable arguments, generators and coroutines: those of ``inspect.CO_*`` that change what a call does."""

READS_STRINGS = frozenset({"eval", "exec", "query", "sql"})
"""What finds variables by names inside of strings, as pandas does in ``query``."""

_NAMED_IN_QUERIES = re.compile(r"@([^\W\d]\w*)")  # https://pandas.pydata.org/docs/reference/api/pandas.eval.html
IMPORTS = frozenset({"import_module", "__import__"})
"""What imports a module by its name."""

_FINDS_MODULES = IMPORTS | {"modules"}  # sys.modules

_LOCALS_BY_NAME = frozenset({"locals", "vars", "dir", "_getframe", "currentframe"}) | READS_STRINGS
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_NAMES = frozenset(dis.hasname)
_CONSTANTS = frozenset(dis.hasconst)


Modules = dict[str, list[tuple[str, int, tuple[str, ...]]]]
"""What variables may stand for: a module, how far up its import begins, and what is taken of it."""


class Request(NamedTuple):
    """Something outside of itself that code refers to by name.

    Attributes:
        name: The global variable, or the module where ``level`` is given.
        attributes: The attributes that are asked of it, one after the other.
        level: For an import inside the function: how many packages up it begins, 0 for none.
    """

    name: str
    attributes: tuple[str, ...] = ()
    level: int | None = None


class Shape(NamedTuple):
    """What a code object does.

    Attributes:
        parts: Bytes, and the constants between them, in order; they tell it apart from every other.
        requests: What it refers to, in the order of first use.
        free: The names of its free variables, in the order of first use.
        names: Every name that it, or code inside it, uses for a global, an attribute or an import.
        stored: The names of global variables that it sets.
    """

    parts: tuple[object, ...]
    requests: tuple[Request, ...]
    free: tuple[str, ...]
    names: frozenset[str]
    stored: frozenset[str] = frozenset()


def shape(code: CodeType) -> Shape:
    """Return what `code` does, code inside it included."""
    walk = _Walk()
    free: dict[str, str] = {}
    walk.code(code, free, 0, {})
    return Shape(tuple(walk.parts), tuple(walk.requests), tuple(free), frozenset(walk.names), frozenset(walk.stored))


class _Walk:
    def __init__(self) -> None:
        self.parts: list[object] = []
        self.requests: dict[Request, None] = {}
        self.names: set[str] = set()
        self.stored: set[str] = set()
        self._globals: dict[str, int] = {}

    def code(self, code: CodeType, free: dict[str, str], depth: int, around: Modules) -> None:
        """Add `code`; `free` maps its free variables to what they are called, and is added to where it is the first."""
        kept = instructions_of(code)
        named = [*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars]
        self.names.update(code.co_names)
        by_name = not _LOCALS_BY_NAME.isdisjoint(code.co_names)
        variables = _Variables(code, free, depth, by_name)
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.parts.append(
            repr(
                (
                    "code",
                    code.co_argcount,
                    code.co_posonlyargcount,
                    code.co_kwonlyargcount,
                    code.co_flags & _BEHAVIOUR_FLAGS,
                    parameters,
                    named if by_name else None,
                )
            ).encode()
        )
        modules = {name: around[name] for name in code.co_freevars if name in around}
        for name, imported in _imports(kept, self._ask).items():
            modules[name] = [*modules.get(name, ()), *imported]
        if not _FINDS_MODULES.isdisjoint(named):
            _modules_by_name(kept, self._ask)
        if not READS_STRINGS.isdisjoint(code.co_names):
            for constant in code.co_consts:
                for name in names_inside(constant):
                    self._ask(Request(name))
                    self._number(name)
        else:  # it may hand one on to what reads it
            for constant in code.co_consts[1:]:  # the first is the docstring, or nothing
                for name in _NAMED_IN_QUERIES.findall(constant) if isinstance(constant, str) else ():
                    self._ask(Request(name))
        variables.stored = frozenset(found.argval for found in kept if found.opname == "STORE_NAME")
        for step in path(kept, handlers(code)):
            if step.position is None:
                self.parts.append(repr(step.mark).encode())
            else:
                self._instruction(kept, step.position, step.mark, variables, modules)
        self.parts.append(b"end")

    def _instruction(
        self,
        kept: list[dis.Instruction],
        position: int,
        target: object,
        variables: _Variables,
        modules: Modules,
    ) -> None:
        instruction = kept[position]
        name, opcode = instruction.opname, instruction.opcode
        argument: object = instruction.arg
        if target is not None:
            name, argument = jump_name(name), target
        elif opcode in _CONSTANTS or name == "KW_NAMES":
            self.parts.append(b"LOAD_CONST" if name == "RETURN_CONST" else name.encode())
            if isinstance(instruction.argval, CodeType):
                self.code(instruction.argval, variables.for_inner(instruction.argval), variables.depth + 1, modules)
            else:
                self.parts.append((instruction.argval,))
            if name != "RETURN_CONST":
                return
            name, argument = "RETURN_VALUE", None
        elif name in _GLOBALS:
            if name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                self.stored.add(instruction.argval)
            self._ask(Request(instruction.argval, _attributes(kept, position)))
            self._ask_modules(kept, position, modules.get(instruction.argval, ()))
            number = self._number(instruction.argval)
            argument = (number, instruction.argval) if instruction.argval in variables.stored else number
        elif opcode in _NAMES:  # whether it is a method that is loaded, the compiler guesses
            name = "LOAD_ATTR" if name == "LOAD_METHOD" else name
            argument = (instruction.argval, (instruction.arg or 0) & 2 if name == "LOAD_SUPER_ATTR" else 0)
        elif opcode in dis.haslocal or opcode in dis.hasfree:
            variable = instruction.argval
            argument = variables.called(variable)
            if name.startswith("LOAD"):
                self._ask_modules(kept, position, modules.get(variable, ()))
        elif name == "MAKE_FUNCTION":
            argument = (instruction.arg or 0) & ~ANNOTATIONS
        elif name == "COMPARE_OP":
            argument = instruction.argrepr
        self.parts.append(repr((name, argument)).encode())

    def _ask_modules(
        self, kept: list[dis.Instruction], position: int, modules: Iterable[tuple[str, int, tuple[str, ...]]]
    ) -> None:
        for module, level, begin in modules:
            self._ask(Request(module, begin + _attributes(kept, position), level))

    def _number(self, name: str) -> int:
        """Return what a global variable is called: its place among those that were asked for."""
        return self._globals.setdefault(name, len(self._globals))

    def _ask(self, request: Request) -> None:
        self.requests.setdefault(request)


class _Variables:
    """What the variables of one code object are called: parameters by their place, others by their first use.

    Where the code can find them by name, that is added.
    """

    def __init__(self, code: CodeType, free: dict[str, str], depth: int, by_name: bool) -> None:
        self._by_name = by_name
        self._free_names = frozenset(code.co_freevars)
        self._free = free
        self.depth = depth
        self.stored: frozenset[str] = frozenset()
        parameters = code.co_argcount + code.co_kwonlyargcount
        parameters += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
        self._own = {name: f"v{depth}.{number}" for number, name in enumerate(code.co_varnames[:parameters])}

    def called(self, name: str) -> str:
        if name in self._free_names:
            called = self._free.setdefault(name, f"free{len(self._free)}")
        else:
            called = self._own.setdefault(name, f"v{self.depth}.{len(self._own)}")
        return f"{called} {name}" if self._by_name else called

    def for_inner(self, code: CodeType) -> dict[str, str]:
        """Return what the free variables of code inside this one are called."""
        return {name: self.called(name) for name in _first_used(code)}


def _first_used(code: CodeType) -> list[str]:
    """Return the free variables of `code` in the order of their use, so that a variable's name does not count."""
    free = frozenset(code.co_freevars)
    found: dict[str, None] = {}
    for instruction in instructions_of(code):
        if isinstance(instruction.argval, CodeType):
            found.update((name, None) for name in _first_used(instruction.argval) if name in free)
        elif (instruction.opcode in dis.hasfree or instruction.opcode in dis.haslocal) and instruction.argval in free:
            found.setdefault(instruction.argval)
    return [*found, *(name for name in code.co_freevars if name not in found)]


def _attributes(instructions: list[dis.Instruction], position: int) -> tuple[str, ...]:
    """Return the attributes that are asked, one after the other, of what the instruction at `position` loads."""
    found = []
    for following in instructions[position + 1 :]:
        if following.opname not in _ATTRIBUTES:
            break
        found.append(following.argval)
    return tuple(found)


def names_inside(value: object) -> list[str]:
    """Return the names that stand in a string, as they would in code; none for anything else."""
    return re.findall(r"[^\W\d]\w*", value) if isinstance(value, str) else []


def _modules_by_name(instructions: list[dis.Instruction], ask: Callable[[Request], None]) -> None:
    """Ask for the modules that are found by a name that stands beside, as in ``import_module("a.b")``, as a whole."""
    for position, found in enumerate(instructions[:-1]):
        if found.opname[:5] != "LOAD_" or found.opcode in _CONSTANTS or found.argval not in _FINDS_MODULES:
            continue
        if found.argval == "modules" and found.opname in _ATTRIBUTES and instructions[position - 1].argval != "sys":
            continue
        name = instructions[position + 1].argval
        if name == "__name__":  # the code's own
            ask(Request("globals"))
        elif isinstance(name, str) and instructions[position + 1].opname == "LOAD_CONST":
            further = instructions[position + 2 : position + 3]
            package = further[0].argval if further and further[0].opname == "LOAD_CONST" else None
            level = len(name) - len(name.lstrip("."))
            if level and isinstance(package, str):
                name, level = f"{package.rsplit('.', level - 1)[0]}.{name.lstrip('.')}", 0
            ask(Request(name.lstrip("."), (), level))
            if found.argval == "__import__":  # which returns the first of them
                ask(Request(name.partition(".")[0], (), 0))


def _imports(instructions: list[dis.Instruction], ask: Callable[[Request], None]) -> Modules:
    """Ask for what is imported by name; return the modules that are bound to variables, by these."""
    modules: Modules = {}
    for position, instruction in enumerate(instructions):
        if instruction.opname != "IMPORT_NAME":
            continue
        name = instruction.argval
        level, wanted = (found.argval for found in instructions[position - 2 : position])
        following = instructions[position + 1 :]
        if wanted:
            for attribute in wanted:
                ask(Request(name, (attribute,), level))
        elif following and following[0].opname.startswith("STORE_"):
            modules.setdefault(following[0].argval, []).append((name.partition(".")[0], level, ()))
            ask(Request(name, ("",), level))  # it is imported; what is asked of it stands elsewhere
        else:  # import a.b as c
            stored = next((later for later in following if later.opname.startswith("STORE_")), None)
            if stored is not None:
                modules.setdefault(stored.argval, []).append((name, level, ()))
    return modules
