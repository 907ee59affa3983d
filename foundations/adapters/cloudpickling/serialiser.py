"""Values as pickles of protocol 5, by cloudpickle: functions of ``__main__`` travel by value."""

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

from foundations.errors import FoundationsError, NotSerialisableError
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser

_PROTOCOL = 5


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Sends a function that a decorator re-bound as module + qualified name of the wrapper around it.

    A plain pickle by reference would find the wrapper, and by value the function would lose its module.

    A memory (``functools.cache``) of ``__main__`` goes by value, empty, as its function does.

    Code that goes by value keeps its file's name, which cloudpickle leaves out since 3.1.3, and that of a notebook's
    cell its lines, which are in no file: a failing job shows the user's own lines.
    """

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is CodeType:
            make, arguments = self.dispatch_table[CodeType](obj)
            return _code_of_file, (obj.co_filename, make, arguments, obj.co_firstlineno, _lines_in_cell(obj))
        if type(obj) is functools._lru_cache_wrapper and obj.__module__ == "__main__":
            return _memoised, (obj.__wrapped__, obj.cache_parameters())
        if type(obj) is FunctionType and obj.__module__ != "__main__":
            module, name = str(obj.__module__), obj.__qualname__
            found = _lookup(module, name)
            if found is not obj and getattr(found, "__wrapped__", None) is obj:
                return _wrapped_function, (module, name)
        return super().reducer_override(obj)


def _lookup(module_name: str, qualified_name: str) -> Any:
    found: Any = sys.modules.get(module_name)
    for part in qualified_name.split("."):
        found = getattr(found, part, None)
    return found


def _code_of_file(
    file: str,
    make: Callable[..., CodeType],
    arguments: tuple[Any, ...],
    first: int = 0,
    lines: Sequence[str] = (),
) -> CodeType:
    if lines:
        kept = linecache.cache.get(file)
        known = [] if kept is None or len(kept) != 4 else list(kept[2])
        known += ["\n"] * (first - 1 + len(lines) - len(known))
        known[first - 1 : first - 1 + len(lines)] = lines
        linecache.cache[file] = (sum(map(len, known)), None, known, file)
    return make(*arguments).replace(co_filename=file)


def _lines_in_cell(code: CodeType) -> list[str]:
    """Return the lines of code in a notebook's cell: IPython keeps it where tracebacks look, and in no file."""
    kept = linecache.cache.get(code.co_filename)
    if kept is None or len(kept) != 4 or kept[1] is not None:  # a file's has the time of its change
        return []
    last = max((line for _, _, line in code.co_lines() if line is not None), default=0)
    return kept[2][code.co_firstlineno - 1 : last]


def _memoised(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _wrapped_function(module_name: str, qualified_name: str) -> Any:
    found: Any = importlib.import_module(module_name)
    for part in qualified_name.split("."):
        found = getattr(found, part)
    return getattr(found, "__wrapped__", found)


class CloudpickleSerialiser(Serialiser):
    """Serialises with cloudpickle, out-of-band buffers kept apart."""

    def dump(self, value: object, called: str = "the value", *, for_cache: bool = False) -> list[Buffer]:
        """Return `value` as a pickle followed by its out-of-band buffers."""
        held: list[pickle.PickleBuffer] = []
        stream = io.BytesIO()
        try:
            kind = _CachePickler if for_cache else _Pickler
            kind(stream, protocol=_PROTOCOL, buffer_callback=held.append).dump(value)
        except Exception as error:
            raise _explained([(called, value)], error) from error
        return [stream.getbuffer(), *(buffer.raw() for buffer in held)]

    def load(self, buffers: Sequence[Buffer]) -> object:
        """Return the value that :meth:`dump` was given."""
        return pickle.loads(buffers[0], buffers=buffers[1:])

    def dump_sequence(
        self, values: Iterable[object], parts: Callable[[int], Iterable[tuple[str, object]]]
    ) -> list[Buffer]:
        """Return the values as pickles one after the other, from one pickler."""
        stream = io.BytesIO()
        pickler = _Pickler(stream, protocol=_PROTOCOL)
        for position, value in enumerate(values):
            try:
                pickler.dump(value)
            except Exception as error:
                raise _explained(parts(position), error) from error
        return [stream.getbuffer()]

    def load_sequence(self, data: Buffer) -> Iterator[object]:
        """Iterate over the values that :meth:`dump_sequence` was given."""
        source = _Reader(data)
        unpickler = pickle.Unpickler(source)
        while source.has_more():
            yield unpickler.load()


class _CachePickler(_Pickler):
    """Has classes of ``__main__`` found again where it has them, so that what comes back is of the same class."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type) and obj.__module__ == "__main__" and _lookup("__main__", obj.__qualname__) is obj:
            return _class_of_main, (obj.__qualname__, cloudpickle.dumps(obj, protocol=_PROTOCOL))
        return super().reducer_override(obj)


def _class_of_main(qualified_name: str, by_value: bytes) -> Any:
    found = _lookup("__main__", qualified_name)
    return found if isinstance(found, type) else pickle.loads(by_value)


class _Reader:
    """Reads a buffer in place, so that the first of many values costs no copy of all."""

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
        raise pickle.UnpicklingError("a pickle of a protocol below 2")  # only these have lines

    def readinto(self, target: Any) -> int:
        found = self._view[self._position : self._position + len(target)]
        target[: found.nbytes] = found
        self._position += found.nbytes
        return found.nbytes


def _failure(value: object) -> Exception | None:
    """Return what goes wrong where `value` is pickled by itself."""
    try:
        _Pickler(io.BytesIO(), protocol=_PROTOCOL, buffer_callback=lambda buffer: None).dump(value)
    except Exception as error:
        return error
    return None


def _explained(parts: Iterable[tuple[str, object]], error: Exception) -> NotSerialisableError:
    from foundations.adapters.cloudpickling.diagnosis import find_culprit

    path, culprit, cause = find_culprit(parts, error, _failure)
    if isinstance(cause, FoundationsError):  # it says what to do
        reason = cause.message
        message = f"{path} cannot be serialised: {reason}"
    else:
        reason = f"{type(cause).__name__}: {cause}".rstrip(".")
        message = (
            f"{path} cannot be serialised: it is of type {culprit}, and pickling it says: {reason:.500}."
            " Create it where it is used, or hand over what it is made of instead."
        )
    return NotSerialisableError(
        message,
        path=path,
        reason=reason[:500],
    )
