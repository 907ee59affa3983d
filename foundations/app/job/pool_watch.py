"""Pools of multiprocessing whose processes die as soon as they start: such a pool starts new ones for ever.

``multiprocessing.pool.Pool`` waits for results that never come, where ``concurrent.futures`` raises. In a job, the
calls that wait raise instead. The module is patched when it is imported, since most jobs never import it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_MODULE = "multiprocessing.pool"


def watch_pools() -> None:
    """Have the pools of this process raise where their processes die without ever returning a result."""
    if _MODULE in sys.modules:
        _patch(sys.modules[_MODULE])
    else:
        sys.meta_path.insert(0, _PoolFinder())


class _PoolFinder:
    """Finds the one module, once, to patch it as soon as it is imported."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        if name != _MODULE:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec: ModuleSpec | None = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_patch(module: ModuleType) -> None:
                execute(module)
                _patch(module)

            spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


class _Deaths:
    """Counts the processes of one pool that have died since it last made progress."""

    def __init__(self, results: dict[int, Any], most: int) -> None:
        self.results = results
        self.most = most
        self.count = 0
        self.progress: object = None

    def add(self, codes: list[int]) -> bool:
        """Add the exit codes of processes that have ended; return whether the pool can be given up."""
        counts = ("_number_left", "_index")
        progress = [
            (job, *(getattr(result, count, None) for count in counts)) for job, result in list(self.results.items())
        ]
        if progress != self.progress:
            self.progress, self.count = progress, 0
        self.count += len(codes)
        return bool(self.results) and self.count > self.most

    def fail(self, code: int) -> None:
        """Have every call that waits for a result of the pool raise."""
        error = RuntimeError(
            f"{self.count} processes of a multiprocessing pool died one after the other, the last with exit code"
            f" {code}, and none returned a result. Their errors are in the job's stderr. Processes that are spawned"
            ' import the script again: what runs jobs in it must be below `if __name__ == "__main__":`'
        )
        for result in list(self.results.values()):
            for _ in range(max(1, getattr(result, "_number_left", 1))):
                result._set(getattr(result, "_index", 0), (False, error))


def _patch(module: ModuleType) -> None:
    pool: Any = module.Pool
    handle, join = pool._handle_workers.__func__, pool._join_exited_workers
    local = threading.local()

    def handle_workers(cls: Any, cache: dict[int, Any], *arguments: Any) -> Any:
        local.deaths = _Deaths(cache, 3 * arguments[3] + 3)  # three times the number of processes
        return handle(cls, cache, *arguments)

    def join_exited_workers(workers: list[Any]) -> Any:
        codes = [worker.exitcode for worker in workers if worker.exitcode]
        deaths: _Deaths | None = getattr(local, "deaths", None)
        if codes and deaths is not None and deaths.add(codes):
            deaths.fail(codes[-1])
            threading.current_thread()._state = module.TERMINATE  # type: ignore[attr-defined]
        return join(workers)

    pool._handle_workers = classmethod(handle_workers)
    pool._join_exited_workers = staticmethod(join_exited_workers)
