"""Concurrent calls, in threads or in processes of their own."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from foundations.ports.store import Store

_CALLING_PROCESS = """
import pickle, sys
function, arguments = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(b"ready")
sys.stdout.buffer.flush()
sys.stdin.buffer.read(1)
sys.stdout.buffer.write(pickle.dumps(function(*arguments)))
"""


def in_threads(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call `function` with each of `arguments` in a thread of its own, all at once; return the results."""
    barrier = threading.Barrier(len(arguments))

    def call(call_arguments: tuple[Any, ...]) -> Any:
        barrier.wait()
        return function(*call_arguments)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(call, arguments))


def in_processes(function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call `function` with each of `arguments` in a process of its own, all at once; return the results.

    `function` must be importable, and its arguments and results must be picklable.
    """
    processes = [
        subprocess.Popen([sys.executable, "-c", _CALLING_PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in arguments
    ]
    try:
        for process, call_arguments in zip(processes, arguments, strict=True):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(pickle.dumps((function, call_arguments)))
            process.stdin.flush()
            assert b"ready" == process.stdout.read(5), "the process has started; otherwise its error stream shows why"
        outcomes = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"!")
            process.stdin.flush()
        for process in processes:
            written, _ = process.communicate(timeout=120)
            assert 0 == process.returncode, "the function has returned; otherwise the process's error stream shows why"
            outcomes.append(pickle.loads(written))
        return outcomes
    finally:
        for process in processes:
            with process:
                process.kill()


def in_threads_and_processes(
    function: Callable[..., Any], store: Store, further: Sequence[tuple[Any, ...]]
) -> list[Any]:
    """Call `function` with `store` and each of the `further` arguments: half in threads, the others in processes.

    All calls are in threads where the store exists in this process only.
    """
    arguments = [(store, *others) for others in further]
    half = len(arguments) if store.in_this_process_only else len(arguments) // 2
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(in_processes, function, arguments[half:])
        outcomes = in_threads(function, arguments[:half])
        return outcomes + list(others.result())
