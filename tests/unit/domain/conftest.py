import itertools

import pytest

from foundations.domain.pipeline.executor import execute
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.memo import CacheResult, Miss, Observation
from foundations.domain.pipeline.stage import Stage, unwrap


class FakeLauncher:
    """Stands for the SDK: counts uuids, and keeps what stages ask of it."""

    def __init__(self):
        self.asked = []
        self._numbers = itertools.count(1)

    def deploy(self, stage, params_dict, job_name, params):
        self.asked.append((stage, params_dict, job_name, params))
        return "a deployment"

    def run_inline(self, stage, params_dict, params):
        self.asked.append((stage, params_dict, params))
        return "an output"

    def new_uuid(self):
        return f"uuid-{next(self._numbers)}"


class Events:
    """A memo that has no outputs, and a recorder: both note the events of a run."""

    def __init__(self):
        self.events = []

    def look_up(self, index, call):
        self.events.append(("look_up", index))
        return Miss(index)

    def compute(self, miss, call):
        self.events.append(("compute", miss.lookup))
        return call.make(), Observation()

    def store(self, miss, output, observation):
        self.events.append(("store", miss.lookup))
        return CacheResult()

    def release(self, miss):
        self.events.append(("release", miss.lookup))

    def record_start(self, index):
        self.events.append(("start", index))

    def record_cache_result(self, index, result):
        self.events.append(("cache_result", index, result))

    def record_end(self, index, output):
        self.events.append(("end", index))

    def record_failure(self, index, error, arguments, keyword_arguments):
        self.events.append(("failure", index, arguments, keyword_arguments))


@pytest.fixture
def launcher():
    return FakeLauncher()


@pytest.fixture
def stage(launcher):
    """Make a stage of a function and its arguments."""
    return lambda function, *args, **kwargs: Stage(launcher, unwrap(function), args, kwargs)


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def run(events):
    """Flatten and run the pipeline behind a stage."""
    return lambda target, **parameters: execute(Pipeline.of(target), parameters, events, events)
