"""The normal form of byte code: what a function does, independent of how its source is written.

It contains no line numbers, comments, docstrings, formatting, names of local variables or annotations of inner
functions. Its instructions are those of the running interpreter, so that normal forms are comparable within one minor
version of Python.

The instructions are documented at https://docs.python.org/3/library/dis.html.
"""

from __future__ import annotations

import dis
import itertools
import re
from collections.abc import Callable, Iterable
from types import CodeType
from typing import NamedTuple

from foundations.domain.caching.code.control_flow import exception_handlers, execution_path, normal_jump_name
from foundations.domain.caching.code.instructions import ANNOTATIONS, normal_instructions

_BEHAVIOUR_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Variable arguments, generators and coroutines: those of ``inspect.CO_*`` that change what a call does."""

STRING_EVALUATORS = frozenset({"eval", "exec", "query", "sql"})
"""The names of functions that find variables by names in strings, as pandas does in ``query``."""

_QUERY_VARIABLE = re.compile(r"@([^\W\d]\w*)")  # https://pandas.pydata.org/docs/reference/api/pandas.eval.html
IMPORT_FUNCTIONS = frozenset({"import_module", "__import__"})
"""The names of functions that import a module by its name."""

_MODULE_FINDERS = IMPORT_FUNCTIONS | {"modules"}  # sys.modules

_LOCALS_READERS = frozenset({"locals", "vars", "dir", "_getframe", "currentframe"}) | STRING_EVALUATORS
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "STORE_GLOBAL", "DELETE_GLOBAL"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_NAMES = frozenset(dis.hasname)
_CONSTANTS = frozenset(dis.hasconst)


ModuleBindings = dict[str, list[tuple[str, int, tuple[str, ...]]]]
"""The modules that variables may refer to: name, level of the import, and the attributes that are taken from it."""


class NameReference(NamedTuple):
    """A reference by name from code to something outside of it.

    Attributes:
        name: The global variable, or the module where ``level`` is given.
        attributes: The attributes that are read from it, one after the other.
        level: For an import inside the function: how many packages up it starts, 0 for an absolute one.
    """

    name: str
    attributes: tuple[str, ...] = ()
    level: int | None = None


class NormalForm(NamedTuple):
    """The normal form of a code object.

    Attributes:
        parts: Bytes, and constants in tuples between them, in order; code that behaves differently has different parts.
        references: Its references, in the order of first use.
        free: The names of its free variables, in the order of first use.
        names: All names that it, or code inside it, uses for globals, attributes and imports.
        stored: The names of global variables that it sets.
    """

    parts: tuple[object, ...]
    references: tuple[NameReference, ...]
    free: tuple[str, ...]
    names: frozenset[str]
    stored: frozenset[str] = frozenset()


def normal_form(code: CodeType) -> NormalForm:
    """Return the normal form of `code` and the code inside it."""
    normaliser = _Normaliser()
    free: dict[str, str] = {}
    normaliser.code(code, free, 0, {})
    return NormalForm(
        tuple(normaliser.parts),
        tuple(normaliser.references),
        tuple(free),
        frozenset(normaliser.names),
        frozenset(normaliser.stored),
    )


class _Normaliser:
    def __init__(self) -> None:
        self.parts: list[object] = []
        self.references: dict[NameReference, None] = {}
        self.names: set[str] = set()
        self.stored: set[str] = set()
        self._globals: dict[str, int] = {}

    def code(self, code: CodeType, free: dict[str, str], depth: int, outer_modules: ModuleBindings) -> None:
        """Add `code`; `free` maps free variables to their normal names, and receives those of the outermost code."""
        instructions = normal_instructions(code)
        named = [*code.co_names, *code.co_varnames, *code.co_cellvars, *code.co_freevars]
        self.names.update(code.co_names)
        by_name = not _LOCALS_READERS.isdisjoint(code.co_names)
        variables = _Variables(code, free, depth, by_name)
        parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        head = ("code", *counts, code.co_flags & _BEHAVIOUR_FLAGS, parameters, named if by_name else None)
        self.parts.append(repr(head).encode())
        modules = {name: outer_modules[name] for name in code.co_freevars if name in outer_modules}
        for name, imported in _bind_imports(instructions, self._add_reference).items():
            modules[name] = [*modules.get(name, ()), *imported]
        if not _MODULE_FINDERS.isdisjoint(named):
            _find_modules_by_name(instructions, self._add_reference)
        if not STRING_EVALUATORS.isdisjoint(code.co_names):
            for constant in code.co_consts:
                for name in names_in_text(constant):
                    self._add_reference(NameReference(name))
                    self._number(name)
        else:  # it may pass a query on
            for constant in code.co_consts[1:]:  # the first is the docstring, or None
                for name in _QUERY_VARIABLE.findall(constant) if isinstance(constant, str) else ():
                    self._add_reference(NameReference(name))
        variables.stored = frozenset(found.argval for found in instructions if found.opname == "STORE_NAME")
        for step in execution_path(instructions, exception_handlers(code)):
            if step.position is None:
                self.parts.append(repr(step.mark).encode())
            else:
                self._instruction(instructions, step.position, step.mark, variables, modules)
        self.parts.append(b"end")

    def _instruction(  # noqa: C901
        self,
        instructions: list[dis.Instruction],
        position: int,
        target: object,
        variables: _Variables,
        modules: ModuleBindings,
    ) -> None:
        instruction = instructions[position]
        name, opcode = instruction.opname, instruction.opcode
        argument: object = instruction.arg
        if target is not None:
            name, argument = normal_jump_name(name), target
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
            self._add_reference(NameReference(instruction.argval, _attribute_chain(instructions, position)))
            self._add_module_references(instructions, position, modules.get(instruction.argval, ()))
            number = self._number(instruction.argval)
            argument = (number, instruction.argval) if instruction.argval in variables.stored else number
        elif opcode in _NAMES:  # the compiler only guesses that it loads a method
            name = "LOAD_ATTR" if name == "LOAD_METHOD" else name
            argument = (instruction.argval, (instruction.arg or 0) & 2 if name == "LOAD_SUPER_ATTR" else 0)
        elif opcode in dis.haslocal or opcode in dis.hasfree:
            variable = instruction.argval
            argument = variables.normal_name(variable)
            if name.startswith("LOAD"):
                self._add_module_references(instructions, position, modules.get(variable, ()))
        elif name == "MAKE_FUNCTION":
            argument = (instruction.arg or 0) & ~ANNOTATIONS
        elif name == "COMPARE_OP":
            argument = instruction.argrepr
        self.parts.append(repr((name, argument)).encode())

    def _add_module_references(
        self, instructions: list[dis.Instruction], position: int, modules: Iterable[tuple[str, int, tuple[str, ...]]]
    ) -> None:
        for module, level, begin in modules:
            self._add_reference(NameReference(module, begin + _attribute_chain(instructions, position), level))

    def _number(self, name: str) -> int:
        """Return the normal name of a global variable: its position in the order of first use."""
        return self._globals.setdefault(name, len(self._globals))

    def _add_reference(self, reference: NameReference) -> None:
        self.references.setdefault(reference)


class _Variables:
    """The normal names of one code object's variables: parameters by position, others in the order of first use.

    Where the code can find variables by name, their own names are added.
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

    def normal_name(self, name: str) -> str:
        if name in self._free_names:
            name_in_form = self._free.setdefault(name, f"free{len(self._free)}")
        else:
            name_in_form = self._own.setdefault(name, f"v{self.depth}.{len(self._own)}")
        return f"{name_in_form} {name}" if self._by_name else name_in_form

    def for_inner(self, code: CodeType) -> dict[str, str]:
        """Return the normal names of the free variables of code inside this one."""
        return {name: self.normal_name(name) for name in _free_by_first_use(code)}


def _free_by_first_use(code: CodeType) -> list[str]:
    """Return the free variables of `code` in the order of first use, which does not depend on their names."""
    free = frozenset(code.co_freevars)
    found: dict[str, None] = {}
    for instruction in normal_instructions(code):
        if isinstance(instruction.argval, CodeType):
            found.update((name, None) for name in _free_by_first_use(instruction.argval) if name in free)
        elif (instruction.opcode in dis.hasfree or instruction.opcode in dis.haslocal) and instruction.argval in free:
            found.setdefault(instruction.argval)
    return [*found, *(name for name in code.co_freevars if name not in found)]


def _attribute_chain(instructions: list[dis.Instruction], position: int) -> tuple[str, ...]:
    """Return the attributes that are read, one after the other, from what the instruction at `position` loads."""
    following = itertools.takewhile(lambda found: found.opname in _ATTRIBUTES, instructions[position + 1 :])
    return tuple(found.argval for found in following)


def names_in_text(value: object) -> list[str]:
    """Return the identifiers in a string; none for any other value."""
    return re.findall(r"[^\W\d]\w*", value) if isinstance(value, str) else []


def _find_modules_by_name(instructions: list[dis.Instruction], add: Callable[[NameReference], None]) -> None:
    """Add references to whole modules that are found by a constant name, as in ``import_module("a.b")``."""
    for position, found in enumerate(instructions[:-1]):
        if found.opname[:5] != "LOAD_" or found.opcode in _CONSTANTS or found.argval not in _MODULE_FINDERS:
            continue
        if found.argval == "modules" and found.opname in _ATTRIBUTES and instructions[position - 1].argval != "sys":
            continue
        name = instructions[position + 1].argval
        if name == "__name__":  # the code's own
            add(NameReference("globals"))
        elif isinstance(name, str) and instructions[position + 1].opname == "LOAD_CONST":
            further = instructions[position + 2 : position + 3]
            package = further[0].argval if further and further[0].opname == "LOAD_CONST" else None
            level = len(name) - len(name.lstrip("."))
            if level and isinstance(package, str):
                name, level = f"{package.rsplit('.', level - 1)[0]}.{name.lstrip('.')}", 0
            add(NameReference(name.lstrip("."), (), level))
            if found.argval == "__import__":  # it returns the first package
                add(NameReference(name.partition(".")[0], (), 0))


def _bind_imports(instructions: list[dis.Instruction], add: Callable[[NameReference], None]) -> ModuleBindings:
    """Add references to what is imported; return the modules that are bound to variables, by variable."""
    modules: ModuleBindings = {}
    for position, instruction in enumerate(instructions):
        if instruction.opname != "IMPORT_NAME":
            continue
        name = instruction.argval
        level, wanted = (found.argval for found in instructions[position - 2 : position])
        following = instructions[position + 1 :]
        if wanted:
            for attribute in wanted:
                add(NameReference(name, (attribute,), level))
        elif following and following[0].opname.startswith("STORE_"):
            modules.setdefault(following[0].argval, []).append((name.partition(".")[0], level, ()))
            add(NameReference(name, ("",), level))  # the import itself; attributes are read elsewhere
        else:  # import a.b as c
            stored = next((later for later in following if later.opname.startswith("STORE_")), None)
            if stored is not None:
                modules.setdefault(stored.argval, []).append((name, level, ()))
    return modules
