import itertools

import pytest

from foundations.domain.pipeline.executor import execute
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.stage import Stage, unwrapped


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


class SilentJournal:
    """Notes the events of a run."""

    def __init__(self):
        self.events = []

    def begin(self, index):
        self.events.append(("begin", index))

    def answer(self, index, call):
        self.events.append(("answer", index))
        return call.make()

    def end(self, index, output):
        self.events.append(("end", index))

    def fail(self, index, error, arguments, keyword_arguments):
        self.events.append(("fail", index, arguments, keyword_arguments))


@pytest.fixture
def launcher():
    return FakeLauncher()


@pytest.fixture
def stage(launcher):
    """Make a stage of a function and its arguments."""
    return lambda function, *args, **kwargs: Stage(launcher, unwrapped(function), args, kwargs)


@pytest.fixture
def journal():
    return SilentJournal()


@pytest.fixture
def run(journal):
    """Flatten and run the pipeline behind a stage."""
    return lambda target, **parameters: execute(Pipeline.of(target), parameters, journal)
