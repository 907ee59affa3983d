import operator
import pickle
import threading

import pytest

from foundations.adapters.cloudpickling import CloudpickleSerialiser
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.executor import execute
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.hyperparameter import Hyperparameter
from foundations.errors import DamagedBundleError, NotSerialisableError

SERIALISER = CloudpickleSerialiser()


class Holder:
    def __init__(self, **held):
        self.__dict__.update(held)


def train(*args, **kwargs):
    return args, kwargs


def job_of(target, **parameters):
    return Job(name="job", pipeline=Pipeline.of(target), parameters=parameters, project="/p", import_paths=(".",))


def there_and_back(job):
    return Job.from_buffer(b"".join(job.to_buffers(SERIALISER)), SERIALISER)


def test_a_job_comes_back_as_it_was(stage, events):
    made = stage(train, 1, [stage(operator.add, 1, Hyperparameter("a"))], key=Hyperparameter("a")).persist()
    job = job_of(made, a=5)
    back = there_and_back(job)
    assert ("job", {"a": 5}, "/p", (".",)) == (back.name, back.parameters, back.project, back.import_paths)
    assert [job.pipeline.hyperparameters] == [back.pipeline.hyperparameters]
    assert [(node.function, node.upstream, node.uuid, node.persisted, node.caching) for node in job.pipeline.nodes] == [
        (node.function, node.upstream, node.uuid, node.persisted, node.caching) for node in back.pipeline.nodes
    ]
    assert ((1, [6]), {"key": 5}) == execute(back.pipeline, back.parameters, None, events)


def test_what_stages_share_is_shared_again(stage, events):
    shared = []
    made = stage(lambda one, two: one is two, stage(lambda x: x, shared), stage(lambda x: x, shared))
    assert execute(there_and_back(job_of(made)).pipeline, {}, None, events) is True


def test_the_header_can_be_read_by_itself(stage):
    data = b"".join(job_of(stage(train, Hyperparameter("a")), a=1).to_buffers(SERIALISER))
    header = Job.header(data, SERIALISER)
    assert ("job", 1, ["a"], "/p") == (header["name"], header["stages"], header["hyperparameters"], header["project"])


@pytest.mark.parametrize("header", [{"format": 2}, ["format"], None])
def test_another_format_is_refused(header):
    with pytest.raises(DamagedBundleError, match="not of format 1"):
        Job.header(pickle.dumps(header), SERIALISER)


def test_missing_stages_are_refused(stage):
    data = b"".join(job_of(stage(train, stage(train))).to_buffers(SERIALISER))
    stream = pickle.dumps("nothing")
    header, parameters = list(SERIALISER.load_sequence(data))[:2]
    cut = pickle.dumps(header) + pickle.dumps(parameters)
    with pytest.raises(DamagedBundleError, match="0 stages of 2"):
        Job.from_buffer(cut, SERIALISER)
    with pytest.raises(DamagedBundleError):
        Job.from_buffer(stream, SERIALISER)


def lock():
    return threading.Lock()


def closure_over(held):
    return lambda: held


@pytest.mark.parametrize(
    ("build", "path", "name"),
    [
        (lambda s: s(train, model=Holder(optimizer=Holder(_lock=lock()))), "train(model=...).optimizer._lock", "train"),
        (lambda s: s(train, 1, {"a": [1, lock()]}), "train(argument 2)['a'][1]", "train"),
        (lambda s: s(train, [s(train), lock()]), "train(argument 1)[1]", "train"),
        (lambda s: s(train, s(Holder(a=lock()).__init__)), "Holder.__init__.__self__.a", "Holder.__init__"),
        (lambda s: s(closure_over(lock())), "<lambda>'s closure: held", "<lambda>"),
        (lambda s: s(train, x=(i for i in [])), "train(x=...)", "train"),
    ],
    ids=["attributes", "containers", "beside a stage", "bound method", "closure", "itself"],
)
def test_what_cannot_be_serialised_is_named(stage, build, path, name):
    with pytest.raises(NotSerialisableError) as raised:
        job_of(build(stage)).to_buffers(SERIALISER)
    assert (path, name) == (raised.value.path, raised.value.stage)
    assert str(raised.value).startswith(f"{path} cannot be serialised: it is of type ")
    assert "pickle" in raised.value.reason


def test_a_hyperparameter_that_cannot_be_serialised_is_named(stage):
    with pytest.raises(NotSerialisableError) as raised:
        job_of(stage(train, Hyperparameter("a")), a=[lock()]).to_buffers(SERIALISER)
    assert ("hyperparameter a[0]", None) == (raised.value.path, raised.value.stage)


def test_a_stage_deep_in_an_object_is_named(stage):
    with pytest.raises(NotSerialisableError, match=r"train\(argument 1\)\.inner.*Pass stages as arguments"):
        job_of(stage(train, Holder(inner=stage(train)))).to_buffers(SERIALISER)


def test_a_chain_of_a_hundred_thousand_travels_without_recursion(stage, events):
    made = stage(int)
    for _ in range(100_000):
        made = stage(operator.add, made, 1)
    back = there_and_back(job_of(made))
    assert 100_000 == execute(back.pipeline, back.parameters, None, events)


def test_ten_thousand_into_one_travel(stage, events):
    made = stage(sum, [stage(operator.neg, number) for number in range(10_000)])
    assert execute(there_and_back(job_of(made)).pipeline, {}, None, events) == -sum(range(10_000))
