"""Stages for the benchmarks of the cache: functions of a module, and the stages of a job whose outputs are cached."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas

from foundations import create_stage
from foundations.app.caching.assembly import stage_cache
from foundations.app.config.settings import AdapterSettings
from foundations.app.running_stage import RunningPipeline
from foundations.app.wiring import Wiring
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.call import Call
from foundations.domain.pipeline.graph import Deferred, Pipeline
from foundations.domain.pipeline.memo import CacheResult, Hit, Miss
from foundations.domain.pipeline.stage import Stage
from foundations.testing.in_memory import in_memory_settings

VALUES: dict[str, Any] = {}
"""The values that :func:`load_value` returns. Keys ignore them, and creating them is not timed."""


def increment(number: int) -> int:
    return number + 1


def load_value(name: str, number: int) -> Any:
    return VALUES[name]


def length(value: Any) -> int:
    return len(value)


load_value_stage = create_stage(load_value, ignore=["VALUES"])


def an_array(size: int) -> numpy.ndarray:
    """Return `size` bytes of float64."""
    return numpy.random.default_rng(1).random(size // 8)


def a_frame(rows: int) -> pandas.DataFrame:
    """Return a frame of nine columns of float64 and one of int64; 80 MB where `rows` is 1,000,000."""
    numbers = numpy.random.default_rng(1).random((9, rows))
    columns = {f"column {index}": column for index, column in enumerate(numbers)}
    return pandas.DataFrame({**columns, "number": numpy.arange(rows)})


def a_frame_with_strings(rows: int) -> pandas.DataFrame:
    """Return the frame of :func:`a_frame` with a column of strings instead of the integers."""
    frame = a_frame(rows).drop(columns="number")
    frame["name"] = pandas.Series([f"name {number % 1000}" for number in range(rows)])
    return frame


def wiring_of(root: Path) -> Wiring:
    """Return in-memory adapters, except for a cache on the disk."""
    entry = AdapterSettings("foundations.LocalFileSystemCacheBackend", "cache_implementation", (str(root),))
    return Wiring(settings=in_memory_settings("benchmark")._replace(cache=entry))


class Stages:
    """A cached stage and its upstream stages, looked up as a job does it; their code is analysed once, here.

    Args:
        root: The directory of the cache.
        target: The last stage.
    """

    def __init__(self, root: Path, target: Stage) -> None:
        self.pipeline = Pipeline.of(target.enable_caching())
        self._last = len(self.pipeline.nodes) - 1
        self._node = self.pipeline.nodes[self._last]
        project = tempfile.mkdtemp(dir=root.parent)
        self._memo = stage_cache(Job("benchmark", self.pipeline, {}, project, ()), project, wiring_of(root))

    def run(self) -> Any:
        """Return the output of the last stage; the other outputs are read only where it is computed."""
        outputs: dict[int, Any] = {}
        for index, node in enumerate(self.pipeline.nodes):
            outputs[index], _ = self._output(index, Call(node, outputs, {}))
        return _read(outputs[index])

    def hit(self) -> Any:
        """Return the output of the last stage, which is in the cache and has no upstream stages."""
        output, result = self._output(self._last, Call(self._node, {}, {}))
        assert result.read_seconds is not None
        return _read(output)

    def miss(self, *arguments: Any) -> Any:
        """Compute and store the output of the last stage, for arguments that it has not been called with; return it."""
        node = self._node._replace(arguments=arguments)
        output, result = self._output(self._last, Call(node, {}, {}))
        assert result.write_seconds is not None
        return output

    def _output(self, index: int, call: Call) -> tuple[Any, CacheResult]:
        answer = self._memo.look_up(index, call)
        if isinstance(answer, Hit):
            return answer
        assert isinstance(answer, Miss)
        with RunningPipeline(None):
            output, observation = self._memo.compute(answer, call)
        result = self._memo.store(answer, output, observation)
        self._memo.release(answer)
        return output, result


def _read(output: Any) -> Any:
    return output.get() if type(output) is Deferred else output


def repeat(call: Callable[[], object], times: int) -> Callable[[], None]:
    """Return a function that calls `call` as often as `times`."""

    def many() -> None:
        for _ in range(times):
            call()

    return many
