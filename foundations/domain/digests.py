"""Content keys, narrow and never stale: a function's own code, and arguments that digest alike for equal values.

What cannot be digested with certainty raises :class:`UndigestibleError`, and the stage is computed: a miss, never a
lie. Covered are plain functions whose globals are builtins, functions of the same kind, plain constants, and modules
of the standard library or installed distributions; arguments of Python's plain types, and lists, tuples, dictionaries
and sets of them. Refused is whatever looks as if it read something that is no argument: modules and calls made for
reading, and strings that name a file.
"""

from __future__ import annotations

import dis
import hashlib
import math
import re
import struct
import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from foundations.domain.stage import StageFactory

FORMAT = b"foundations key 1"
_SEES_MORE = frozenset(
    {"eval", "exec", "globals", "locals", "vars", "open", "input", "__import__", "compile", "getattr", "setattr"}
)
_OUTSIDE = frozenset(
    {
        *("_io", "bz2", "codecs", "configparser", "ctypes", "dbm", "fileinput", "ftplib", "getpass", "glob", "gzip"),
        *("http", "importlib", "inspect", "io", "linecache", "locale", "lzma", "mailbox", "mmap", "netrc", "os"),
        *("pathlib", "pkgutil", "platform", "posix", "runpy", "shelve", "shutil", "socket", "socketserver", "sqlite3"),
        *("subprocess", "tarfile", "tempfile", "urllib", "wave", "xmlrpc", "zipfile", "zoneinfo"),
        "foundations",
    }
)
"""Modules that are there to see, or to do, something beyond a call's arguments and its output."""
_READS = re.compile(
    r"(read|load|open|scan|fetch|download|urlopen|connect|fromfile|genfromtxt|imread|save|write|dump|tofile|to_|memmap"
    r"|send|upload|mkdir|unlink|remove_|rename)(?!s\Z)"
)
_GLOBAL_OPERATIONS = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
_ATTRIBUTE_OPERATIONS = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "LOAD_SUPER_ATTR")
_DEEPEST = 100


class UndigestibleError(Exception):
    """Something has no content digest; the message says what and where."""


class Digester:
    """Digests calls for one interpreter.

    Args:
        python: Names the interpreter whose byte code is digested.
        version_of: Returns what identifies the code of a module by name; None where it is no installed module.
        names_content: Tells whether a string is the name of a file, or the like, whose content is no part of it.
    """

    def __init__(
        self, python: str, version_of: Callable[[str], str | None], names_content: Callable[[str], bool]
    ) -> None:
        self._python = python.encode()
        self._installed_version = version_of
        self._names_content = names_content
        self._shared: dict[int, tuple[int, object]] = {}  # holds the objects too, so that no number is used again

    def _version_of(self, module: str) -> str | None:
        if module.partition(".")[0] in _OUTSIDE:
            raise UndigestibleError(f"the module {module} sees what no digest covers")
        return self._installed_version(module)

    def call(self, function: Any, arguments: dict[str, str]) -> str:
        """Return the content key of calling `function`.

        Args:
            function: What is called.
            arguments: A digest for each argument, by a name that tells them apart.

        Raises:
            UndigestibleError: The function has no digest.
        """
        self._shared = {}
        hasher = hashlib.sha256(FORMAT)
        _feed(hasher, self._python)
        _feed(hasher, self._function(function, {}).encode())
        for name in sorted(arguments):
            _feed(hasher, name.encode(), arguments[name].encode())
        return hasher.hexdigest()

    def value(self, value: Any) -> str:
        """Return the digest of a value.

        Raises:
            UndigestibleError: It, or a part of it, has none.
        """
        return self.values({"value": value})["value"]

    def values(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the digests of several values by name; that two share an object counts, since a call may change it.

        Raises:
            UndigestibleError: One, or a part of it, has none.
        """
        self._shared = {}
        digests = {}
        for name, value in values.items():
            hasher = hashlib.sha256()
            self._value(hasher, value, "value", 0)
            digests[name] = hasher.hexdigest()
        return digests

    def _value(self, hasher: Any, value: Any, where: str, depth: int) -> None:
        kind = type(value)
        if depth > _DEEPEST:
            raise UndigestibleError(f"{where} is nested more than {_DEEPEST} deep")
        if value is None or kind is bool or kind is int:
            _feed(hasher, kind.__name__.encode(), repr(value).encode() if kind is not int else hex(value).encode())
        elif kind is float:
            _feed(hasher, b"float", b"nan" if math.isnan(value) else struct.pack("<d", value))
        elif kind is complex:
            _feed(hasher, b"complex", struct.pack("<dd", value.real, value.imag))
        elif kind is str:
            if self._names_content(value):
                raise UndigestibleError(f"{where} is {value!r:.80}, which names something that no digest covers")
            _feed(hasher, b"str", value.encode("utf-8", "surrogatepass"))
        elif kind is bytes:
            _feed(hasher, b"bytes", value)
        elif kind in (list, dict, set) and id(value) in self._shared:
            _feed(hasher, b"shared", str(self._shared[id(value)][0]).encode())
        elif kind is list or kind is tuple:
            self._shared[id(value)] = (len(self._shared), value)
            _feed(hasher, kind.__name__.encode(), str(len(value)).encode())
            for index, item in enumerate(value):
                self._value(hasher, item, f"{where}[{index}]", depth + 1)
        elif kind is dict:
            self._shared[id(value)] = (len(self._shared), value)
            _feed(hasher, b"dict", str(len(value)).encode())
            for key, item in value.items():  # in order: a function may depend on it
                self._value(hasher, key, f"a key of {where}", depth + 1)
                self._value(hasher, item, f"{where}[{key!r:.40}]", depth + 1)
        elif kind is set or kind is frozenset:
            digests = []
            for item in value:
                inner = hashlib.sha256()
                self._value(inner, item, f"an element of {where}", depth + 1)
                digests.append(inner.digest())
            _feed(hasher, kind.__name__.encode(), *sorted(digests))
        else:
            raise UndigestibleError(f"{where} is of type {kind.__qualname__}")

    # -- code ---------------------------------------------------------------------------------------------------------

    def _function(self, function: Any, seen: dict[int, int]) -> str:
        """Return the digest of a function and of what it refers to."""
        version = self._version_of(function.__module__) if _is_named(function) else None
        if version is not None:
            _refuse_reading(function.__name__)
            return f"{function.__module__}.{function.__qualname__} {version}"
        if type(function) is not FunctionType:
            raise UndigestibleError(f"{function!r:.80} is no plain function")
        if id(function) in seen:
            return f"recursion to {seen[id(function)]}"
        seen[id(function)] = len(seen)
        name = function.__qualname__
        if set(function.__dict__) - {"__wrapped__"}:
            raise UndigestibleError(f"{name} carries attributes, which its code may read")
        hasher = hashlib.sha256()
        _feed(hasher, name.encode(), function.__name__.encode(), repr(function.__annotations__).encode())
        self._code(hasher, function.__code__, name)
        self._value_or_function(hasher, function.__defaults__ or (), f"the defaults of {name}", seen)
        self._value_or_function(hasher, function.__kwdefaults__ or {}, f"the defaults of {name}", seen)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                held = cell.cell_contents
            except ValueError:
                raise UndigestibleError(f"{variable} in the closure of {name} has no value yet") from None
            _feed(hasher, variable.encode())
            self._value_or_function(hasher, held, f"{variable} in the closure of {name}", seen)
        for variable in sorted(_named(function.__code__, _GLOBAL_OPERATIONS)):
            _feed(hasher, variable.encode())
            self._global(hasher, function, variable, seen)
        for attribute in sorted(_named(function.__code__, _ATTRIBUTE_OPERATIONS)):
            _refuse_reading(attribute)
        return hasher.hexdigest()

    def _global(self, hasher: Any, function: FunctionType, variable: str, seen: dict[int, int]) -> None:
        where = f"the global {variable} of {function.__qualname__}"
        builtins: Any = function.__globals__.get("__builtins__", {})
        names = builtins if isinstance(builtins, dict) else vars(builtins)
        if variable in function.__globals__:
            self._value_or_function(hasher, function.__globals__[variable], where, seen)
        elif variable in names:
            if variable in _SEES_MORE:
                raise UndigestibleError(
                    f"{function.__qualname__} calls {variable}, which may see what no digest covers"
                )
            _feed(hasher, b"builtin")
        else:
            raise UndigestibleError(f"{where} is not defined")

    def _value_or_function(self, hasher: Any, held: Any, where: str, seen: dict[int, int]) -> None:
        if isinstance(held, StageFactory):
            held = held.function
        if isinstance(held, ModuleType):
            version = self._version_of(held.__name__)
            if version is None:
                raise UndigestibleError(f"{where} is the module {held.__name__}, whose contents are not digested")
            _feed(hasher, held.__name__.encode(), version.encode())
        elif isinstance(held, (FunctionType, BuiltinFunctionType, type)):
            try:
                _feed(hasher, b"function", self._function(held, seen).encode())
            except UndigestibleError as error:
                raise UndigestibleError(f"{where}: {error}") from None
        else:
            self._value(hasher, held, where, 0)

    def _code(self, hasher: Any, code: CodeType, name: str) -> None:
        """Digest byte code and what it refers to, but neither line numbers nor file names."""
        _feed(
            hasher,
            code.co_code,
            struct.pack("<5q", code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, 0),
            repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)).encode(),
            getattr(code, "co_exceptiontable", b""),
            code.co_qualname.encode(),
            str(len(code.co_consts)).encode(),
        )
        for module in _imported(code):
            version = None if module.startswith(".") else self._version_of(module)
            if version is None:
                raise UndigestibleError(f"{name} imports {module}, whose contents are not digested")
            _feed(hasher, module.encode(), version.encode())
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._code(hasher, constant, name)
            elif constant is Ellipsis:
                _feed(hasher, b"...")
            else:
                self._value(hasher, constant, f"a constant of {name}", 0)


def mutable_parts(value: Any) -> set[int]:
    """Return the identities of the lists, dictionaries and sets in a value of plain types.

    Raises:
        UndigestibleError: It has parts of other types, which may hold what cannot be seen.
    """
    found: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        kind = type(item)
        if kind in (list, dict, set) and id(item) in found:
            continue
        if kind in (list, dict, set):
            found.add(id(item))
        if kind is dict:
            waiting += [*item.keys(), *item.values()]
        elif kind in (list, tuple, set, frozenset):
            waiting += item
        elif item is not None and kind not in (bool, int, float, complex, str, bytes):
            raise UndigestibleError(f"the output is of type {kind.__qualname__}, which may hold an argument")
    return found


def _refuse_reading(name: str) -> None:
    if _READS.match(name):
        raise UndigestibleError(f"{name} looks as if it read or wrote what no digest covers; pass the content along")


def _feed(hasher: Any, *parts: bytes) -> None:
    """Add parts so that no two sequences of parts read the same."""
    for part in parts:
        hasher.update(struct.pack("<Q", len(part)))
        hasher.update(part)


def _named(code: CodeType, operations: tuple[str, ...]) -> set[str]:
    """Return the names that certain operations of byte code are about, inner functions' included."""
    found = {str(instruction.argval) for instruction in dis.get_instructions(code) if instruction.opname in operations}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _named(constant, operations)
    return found


def _imported(code: CodeType) -> list[str]:
    """Return the modules that byte code imports, sorted; relative ones begin with a dot."""
    instructions = list(dis.get_instructions(code))
    found = set()
    for index, instruction in enumerate(instructions):
        if instruction.opname == "IMPORT_NAME":
            level = instructions[index - 2].argval  # the two before it push the level and the names
            found.add(("" if level == 0 else ".") + str(instruction.argval))
    return sorted(found)


def _is_named(function: Any) -> bool:
    """Tell whether a function or class is what its module and qualified name lead to; they can be borrowed."""
    if not isinstance(function, (FunctionType, BuiltinFunctionType, type)) or function.__module__ is None:
        return False
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is function
