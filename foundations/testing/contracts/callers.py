"""Many callers at once, in threads or in processes of their own."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_IN_ANOTHER_PROCESS = """
import pickle, sys
function, arguments = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(b"ready")
sys.stdout.buffer.flush()
sys.stdin.buffer.read(1)
sys.stdout.buffer.write(pickle.dumps(function(*arguments)))
"""


def in_threads(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call `function` with each of `arguments` in a thread of its own, all at once; return what they returned."""
    together = threading.Barrier(len(arguments))

    def call(of_one: tuple[Any, ...]) -> Any:
        together.wait()
        return function(*of_one)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(call, arguments))


def in_processes(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call `function` with each of `arguments` in a process of its own, all at once; return what they returned.

    `function` can be imported, and its arguments and results pickled.
    """
    processes = [
        subprocess.Popen([sys.executable, "-c", _IN_ANOTHER_PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in arguments
    ]
    try:
        for process, of_one in zip(processes, arguments, strict=True):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(pickle.dumps((function, of_one)))
            process.stdin.flush()
            assert b"ready" == process.stdout.read(5), "the process began; its error stream says why it did not"
        outcomes = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"!")
            process.stdin.flush()
        for process in processes:
            written, _ = process.communicate(timeout=120)
            assert 0 == process.returncode, "the function returned; the process's error stream says why it did not"
            outcomes.append(pickle.loads(written))
        return outcomes
    finally:
        for process in processes:
            with process:
                process.kill()


def in_threads_and_processes(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], *, in_this_process_only: bool
) -> list[Any]:
    """Call `function` as often as there are `arguments`: the first half in threads, the others in processes.

    All of them are called in threads where the store is for this process only.
    """
    half = len(arguments) if in_this_process_only else len(arguments) // 2
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(in_processes, function, arguments[half:])
        outcomes = in_threads(function, arguments[:half])
        return outcomes + list(others.result())
