"""An exception of the user's code as a document: the frames of the user's own code, the call, the exception."""

from __future__ import annotations

import itertools
import linecache
import os
import traceback
from collections.abc import Callable, Sequence
from types import CodeType, TracebackType
from typing import Any

from foundations import events
from foundations.app.code_origin import is_installed, is_sdk, is_standard_library
from foundations.concealment import conceal, cut_tokens
from foundations.domain.text.redaction import redact_text
from foundations.errors import FoundationsError
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser

_MOST_SEARCHED = 100_000  # bytes of a pickle
_LONGEST_MESSAGE = 10_000
_MOST_FRAMES = 50
_DEEPEST_CHAIN = 8

_FindHints = Callable[[BaseException], Sequence[str]]


def describe_failure(
    error: BaseException,
    roots: Sequence[str],
    stage: str,
    uuid: str | None,
    call: str,
    find_hints: _FindHints = lambda error: (),
) -> dict[str, Any]:
    """Return an exception as a document of JSON's own types.

    Args:
        error: The exception.
        roots: Directories that the user's files are shown relative to: the extracted project, the original one.
        stage: The name of the stage that raised it.
        uuid: The stage's identifier.
        call: The stage's call, its arguments abbreviated.
        find_hints: Returns what the report adds to an exception's message.

    Returns:
        ``type``, ``message``, ``stage``, ``stage_uuid``, ``call``, ``frames`` (``file``, ``line``, ``function``,
        ``text``; the user's own, innermost last) and ``traceback``, the text for a person.
    """
    frames = _list_frames(error.__traceback__, roots)
    return {
        "type": _type_name(error),
        "message": _message(error),
        "stage": stage,
        "stage_uuid": uuid,
        "call": call,
        "frames": frames,
        "traceback": "\n".join(_format_chain(error, roots, find_hints)),
    }


def summarise(error: BaseException) -> str:
    """Return an exception on one line."""
    return _headline(error).splitlines()[0][:500]


def dump_exception(error: BaseException, serialiser: Serialiser) -> Sequence[Buffer]:
    """Return an exception as it is archived.

    Raises:
        ValueError: It holds a secret that its report leaves out: a token, a private key, or one in a URL.
        Exception: It cannot be pickled, or rebuilt afterwards.
    """
    frames: Sequence[Buffer] = serialiser.dump(error)
    content = b"".join(bytes(memoryview(frame)[:_MOST_SEARCHED]) for frame in frames).decode("latin-1")
    if redact_text(content) != content:
        raise ValueError("it holds what looks like a secret")
    serialiser.load(frames)  # one that cannot be rebuilt is of no use
    return frames


def _headline(error: BaseException) -> str:
    message = _message(error)
    return f"{_type_name(error)}: {message}" if message else _type_name(error)


def _format_chain(error: BaseException, roots: Sequence[str], find_hints: _FindHints) -> list[str]:
    links: list[tuple[BaseException, str]] = [(error, "")]
    while len(links) < _DEEPEST_CHAIN:
        last = links[-1][0]
        if isinstance(last, FoundationsError):  # its message is complete, and its causes are not the user's code
            break
        if last.__cause__ is not None:
            links.append((last.__cause__, "The above exception was the direct cause of the following exception:"))
        elif last.__context__ is not None and not last.__suppress_context__:
            links.append((last.__context__, "During handling of the above exception, another exception occurred:"))
        else:
            break
    lines: list[str] = []
    for link, leads_on in reversed(links):
        lines += [*_format_error(link, roots), *_read_hints(link, find_hints)]
        if leads_on:
            lines += ["", leads_on, ""]
    return lines


def _format_error(error: BaseException, roots: Sequence[str]) -> list[str]:
    lines = []
    for block in _folded_frames(error.__traceback__, roots)[-_MOST_FRAMES:]:
        if isinstance(block, str):
            lines.append(block)
            continue
        frame = _describe_frame(*block, roots)
        lines.append(f'  File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}')
        if frame["text"]:
            lines.append(f"    {frame['text']}")
    if isinstance(error, BaseExceptionGroup):
        lines.append(_headline(error))
        for number, part in enumerate(error.exceptions[:5], 1):
            lines += [f"  +-- {number}", *("  | " + line for line in _format_error(part, roots))]
        return lines
    if isinstance(error, SyntaxError):
        return lines + "".join(traceback.format_exception_only(type(error), error)).rstrip().splitlines()
    lines.append(_headline(error))
    lines += [
        conceal(redact_text(note[:_LONGEST_MESSAGE]))
        for note in getattr(error, "__notes__", ())
        if isinstance(note, str)
    ]
    return lines


def _list_frames(trace: TracebackType | None, roots: Sequence[str]) -> list[dict[str, Any]]:
    return [_describe_frame(code, line, roots) for code, line in _walk(trace)[-_MOST_FRAMES:]]


def _walk(trace: TracebackType | None) -> list[tuple[CodeType, int]]:
    """Return code and line of each frame that is not the SDK's."""
    walked = ((frame.f_code, line) for frame, line in traceback.walk_tb(trace))
    return [(code, line) for code, line in walked if not is_sdk(code.co_filename)]


def _describe_frame(code: CodeType, line: int, roots: Sequence[str]) -> dict[str, Any]:
    file = code.co_filename
    return {
        "file": _relative(file, roots),
        "line": line,
        "function": code.co_qualname,
        "text": _source_line(file, line, roots),
    }


def _folded_frames(trace: TracebackType | None, roots: Sequence[str]) -> list[tuple[CodeType, int] | str]:
    """Return the frames; one line replaces several frames of libraries that follow each other, except for the last."""
    frames = _walk(trace)
    blocks: list[tuple[CodeType, int] | str] = []
    for is_library, run in itertools.groupby(frames[:-1], lambda frame: _library(frame[0].co_filename, roots) != ""):
        several = list(run)
        if not is_library or len(several) == 1:
            blocks += several
            continue
        names = ", ".join(dict.fromkeys(_library(code.co_filename, roots) for code, _ in several))
        blocks.append(f"  [{len(several)} frames of {names}]")
    return blocks + frames[-1:]


def _library(file: str, roots: Sequence[str]) -> str:
    """Return the name of the installed package that a file is of; an empty one for the user's own."""
    relative = _relative(file, roots)
    if is_installed(relative):
        parts = relative.split(os.sep)
        return parts[max(index for index, part in enumerate(parts) if is_installed(part)) + 1].removesuffix(".py")
    return "Python's library" if is_standard_library(relative) else ""


def _read_hints(error: BaseException, find_hints: _FindHints) -> Sequence[str]:
    try:
        return find_hints(error)
    except Exception as why:  # the report is worth more
        events.debug("no_hint", exception=_type_name(error), reason=f"{type(why).__name__}: {why}")
        return ()


def _relative(file: str, roots: Sequence[str]) -> str:
    for root in roots:
        if file.startswith(root + os.sep):
            return file[len(root) + 1 :]
    return file


def _source_line(file: str, line: int, roots: Sequence[str]) -> str:
    """Return a line of the user's source, as it was bundled: the original file may have changed since."""
    places = [*(os.path.join(root, _relative(file, roots)) for root in roots), file]
    return cut_tokens(next((text for place in places if (text := linecache.getline(place, line).strip())), ""))


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        text = conceal(redact_text(str(error)))
    except Exception as inner:
        return f"<its str() raises {type(inner).__name__}>"
    if len(text) > _LONGEST_MESSAGE:
        return f"{text[:_LONGEST_MESSAGE]}... [{len(text) - _LONGEST_MESSAGE} characters left out]"
    return text
