"""Pickles of protocol 5 by cloudpickle: functions of ``__main__`` are pickled by value."""

from __future__ import annotations

import functools
import importlib
import io
import linecache
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

from foundations.adapters.cloudpickling.script_definitions import (
    complete_class,
    find,
    reduce_definition,
    reduce_main_class,
)
from foundations.errors import FoundationsError, NotSerialisableError, OtherPythonError
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser

_PROTOCOL = 5
_PYTHON = "{}.{}".format(*sys.version_info)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles a function that a decorator has re-bound as the module and qualified name of its wrapper.

    A plain pickle by reference would find the wrapper, and by value the function would lose its module.

    A cache of ``__main__`` (``functools.cache``) is pickled by value and empty, as its function is.

    Code that is pickled by value includes the name of its file, which cloudpickle omits since 3.1.3, and code of a
    notebook's cell includes its lines, which are in no file: a failing job shows the user's own lines.

    Classes of ``__main__`` are pickled by value in what is sent to a job, which has no other; what the script may load
    again finds them in it.

    The functions of this module that make values again are named in pickles on disk: their names must not change.
    """

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is CodeType:
            make, arguments = self.dispatch_table[CodeType](obj)
            lines = _notebook_lines(obj)
            return _code_of_file, (obj.co_filename, make, arguments, obj.co_firstlineno, lines, _PYTHON)
        if isinstance(obj, io.TextIOWrapper) and not obj.closed and obj.readable() and obj is not sys.stdin:
            raise TypeError(
                f"cannot pickle the open file {obj.name!r}: hand over its path"
            )  # cloudpickle would read it
        definition = reduce_definition(obj)
        if definition is not None:
            return definition
        if type(obj) is functools._lru_cache_wrapper and obj.__module__ == "__main__":
            return _memoised, (obj.__wrapped__, obj.cache_parameters())
        if type(obj) is FunctionType and obj.__module__ != "__main__":
            module, name = str(obj.__module__), obj.__qualname__
            found = find(module, name)
            if found is not obj and getattr(found, "__wrapped__", None) is obj:
                return _wrapped_function, (module, name)
        reduction = super().reducer_override(obj)
        return complete_class(obj, reduction) if isinstance(obj, type) else reduction


def _code_of_file(
    file: str,
    make: Callable[..., CodeType],
    arguments: tuple[Any, ...],
    first: int = 0,
    lines: Sequence[str] = (),
    python: str | None = None,
) -> CodeType:
    if python not in (None, _PYTHON):  # it would crash the interpreter
        raise OtherPythonError(
            f"it holds code that was made by Python {python}, and this is Python {_PYTHON}. Load it with Python"
            f" {python}; functions and classes of a module, unlike the script's own, can be read by both",
            python=python,
        )
    if lines:
        entry = linecache.cache.get(file)
        lines_of_file = [] if entry is None or len(entry) != 4 else list(entry[2])
        lines_of_file += ["\n"] * (first - 1 + len(lines) - len(lines_of_file))
        lines_of_file[first - 1 : first - 1 + len(lines)] = lines
        linecache.cache[file] = (sum(map(len, lines_of_file)), None, lines_of_file, file)
    return make(*arguments).replace(co_filename=file)


def _notebook_lines(code: CodeType) -> list[str]:
    """Return the lines of code in a notebook's cell, which IPython stores for tracebacks alone, in no file."""
    entry = linecache.cache.get(code.co_filename)
    if entry is None or len(entry) != 4 or entry[1] is not None:  # the entry of a file has a modification time
        return []
    last = max((line for _, _, line in code.co_lines() if line is not None), default=0)
    return entry[2][code.co_firstlineno - 1 : last]


def _memoised(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _wrapped_function(module_name: str, qualified_name: str) -> Any:
    found: Any = importlib.import_module(module_name)
    for part in qualified_name.split("."):
        found = getattr(found, part)
    return getattr(found, "__wrapped__", found)


class CloudpickleSerialiser(Serialiser):
    """Serialises with cloudpickle and out-of-band buffers."""

    def dump(self, value: object, called: str = "the value") -> list[Buffer]:
        """Return `value` as a pickle followed by its out-of-band buffers."""
        pickle_buffers: list[pickle.PickleBuffer] = []
        stream = io.BytesIO()
        try:
            _MainPickler(stream, protocol=_PROTOCOL, buffer_callback=pickle_buffers.append).dump(value)
        except Exception as error:
            raise _explain([(called, value)], error) from error
        return [stream.getvalue(), *(buffer.raw() for buffer in pickle_buffers)]

    def load(self, buffers: Sequence[Buffer]) -> object:
        """Return the value that was passed to :meth:`dump`."""
        return pickle.loads(buffers[0], buffers=buffers[1:])

    def installed_versions(self, buffers: Sequence[Buffer]) -> dict[str, str | None]:
        """Return the installed versions of the libraries that a pickle names."""
        from foundations.adapters.cloudpickling.libraries import installed_versions  # loading has failed

        return installed_versions(buffers[0])

    def dump_sequence(
        self, values: Iterable[object], parts: Callable[[int], Iterable[tuple[str, object]]]
    ) -> list[Buffer]:
        """Return the values as a sequence of pickles from one pickler."""
        stream = io.BytesIO()
        pickler = _Pickler(stream, protocol=_PROTOCOL)
        for position, value in enumerate(values):
            try:
                pickler.dump(value)
            except Exception as error:
                raise _explain(parts(position), error) from error
        return [stream.getvalue()]

    def load_sequence(self, data: Buffer) -> Iterator[object]:
        """Iterate over the values that were passed to :meth:`dump_sequence`."""
        source = _Reader(data)
        unpickler = pickle.Unpickler(source)
        while source.has_more():
            yield unpickler.load()


class _MainPickler(_Pickler):
    """Pickles classes of ``__main__`` so that loading finds them there again, where ``__main__`` has them."""

    def reducer_override(self, obj: Any) -> Any:
        found = reduce_main_class(obj, _dump_by_value) if isinstance(obj, type) else None
        return super().reducer_override(obj) if found is None else found


def _dump_by_value(kind: type) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, protocol=_PROTOCOL).dump(kind)
    return stream.getvalue()


class _Reader:
    """Reads a buffer in place, so that reading the first of many values copies only that one."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data).cast("B")
        self._position = 0

    def has_more(self) -> bool:
        return self._position < self._view.nbytes

    def read(self, size: int) -> bytes:
        begin = self._position
        self._position = min(begin + size, self._view.nbytes)
        return bytes(self._view[begin : self._position])

    def readline(self) -> bytes:
        raise pickle.UnpicklingError("a pickle of a protocol below 2")  # only such pickles have lines

    def readinto(self, target: Any) -> int:
        found = self._view[self._position : self._position + len(target)]
        target[: found.nbytes] = found
        self._position += found.nbytes
        return found.nbytes


def _find_failure(value: object) -> Exception | None:
    """Return the error that pickling `value` alone raises, or None."""
    try:
        _Pickler(io.BytesIO(), protocol=_PROTOCOL, buffer_callback=lambda buffer: None).dump(value)
    except Exception as error:
        return error
    return None


_REMEDIES = {
    "coroutine": "It has not run: return the result of asyncio.run(...) instead.",
    "generator": "Return a list of its items, list(...), instead.",
    "async_generator": "Return a list of its items instead.",
}
"""What to do about a value that its function returns before its code has run, by the name of its type."""


def _explain(parts: Iterable[tuple[str, object]], error: Exception) -> NotSerialisableError:
    from foundations.adapters.cloudpickling.diagnosis import find_culprit

    path, culprit, cause = find_culprit(parts, error, _find_failure)
    if isinstance(cause, FoundationsError):  # its message says what to do
        reason = cause.message
        message = f"{path} cannot be serialised: {reason}"
    else:
        reason = f"{type(cause).__name__}: {cause}".rstrip(".")
        message = (
            f"{path} cannot be serialised: it is of type {culprit}, and pickling it fails: {reason:.500}."
            f" {_REMEDIES.get(culprit, 'Create it where it is used, or hand over what it is made of instead.')}"
        )
    return NotSerialisableError(
        message,
        path=path,
        reason=reason[:500],
    )
