"""An exception of the user's code as a document: the frames of the user's own code, the call, the exception."""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from foundations.app.code_origin import is_sdk
from foundations.concealment import conceal
from foundations.errors import FoundationsError

_LONGEST_MESSAGE = 10_000
_MOST_FRAMES = 50
_DEEPEST_CHAIN = 8


def describe_failure(
    error: BaseException, roots: Sequence[str], stage: str, uuid: str | None, call: str
) -> dict[str, Any]:
    """Return an exception as a document of JSON's own types.

    Args:
        error: The exception.
        roots: Directories that the user's files are shown relative to: the extracted project, the original one.
        stage: The name of the stage that raised it.
        uuid: The stage's identifier.
        call: The stage's call, its arguments abbreviated.

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
        "traceback": "\n".join(_format_chain(error, roots)),
    }


def summarise(error: BaseException) -> str:
    """Return an exception on one line."""
    return _headline(error).splitlines()[0][:500]


def _headline(error: BaseException) -> str:
    message = _message(error)
    return f"{_type_name(error)}: {message}" if message else _type_name(error)


def _format_chain(error: BaseException, roots: Sequence[str]) -> list[str]:
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
        lines += _format_error(link, roots)
        if leads_on:
            lines += ["", leads_on, ""]
    return lines


def _format_error(error: BaseException, roots: Sequence[str]) -> list[str]:
    lines = []
    for frame in _list_frames(error.__traceback__, roots):
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
    lines += [note[:_LONGEST_MESSAGE] for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    return lines


def _list_frames(trace: TracebackType | None, roots: Sequence[str]) -> list[dict[str, Any]]:
    frames = []
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        if is_sdk(file):
            continue
        frames.append(
            {
                "file": _relative(file, roots),
                "line": line,
                "function": frame.f_code.co_qualname,
                "text": _source_line(file, line, roots),
            }
        )
    return frames[-_MOST_FRAMES:]


def _relative(file: str, roots: Sequence[str]) -> str:
    for root in roots:
        if file.startswith(root + os.sep):
            return file[len(root) + 1 :]
    return file


def _source_line(file: str, line: int, roots: Sequence[str]) -> str:
    """Return a line of the user's source, from the bundle where the original file is gone."""
    places = [file, *(os.path.join(root, _relative(file, roots)) for root in roots)]
    return next((text for place in places if (text := linecache.getline(place, line).strip())), "")


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _message(error: BaseException) -> str:
    try:
        text = conceal(str(error))
    except Exception as inner:
        return f"<its str() raises {type(inner).__name__}>"
    if len(text) > _LONGEST_MESSAGE:
        return f"{text[:_LONGEST_MESSAGE]}... [{len(text) - _LONGEST_MESSAGE} characters left out]"
    return text
