import functools

import pytest

from foundations import Hyperparameter, create_stage
from foundations.app.job.stage_arguments import describe_stage_call, parameter_names, secret_hyperparameters
from foundations.domain.pipeline.graph import Pipeline


def connect(user, password=None, *more, **named):
    return user


@functools.wraps(connect)
def wrapped(*arguments):
    return connect(*arguments)


class Client:
    def __init__(self, name, token):
        self.name = name

    def log_in(self, password):
        return self.name


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (connect, ["user", "password", "more", "more"]),
        (wrapped, ["user", "password", "more", "more"]),
        (Client, ["name", "token", "", ""]),
        (Client("c", "t").log_in, ["password", "", "", ""]),
        (max, [""] * 4),
    ],
)
def test_positional_arguments_have_the_names_of_their_parameters(function, names):
    assert names == parameter_names(function, 4)


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        (create_stage(connect)("bob", "s"), "connect('bob', ...)"),
        (create_stage(connect)(Hyperparameter("token")), "connect(...)"),
        (create_stage(connect)("bob", other=Hyperparameter("pat")), "connect('bob', other=\"<not recorded"),
        (create_stage(connect)("bob", password=Hyperparameter("p")), "connect('bob', password=...)"),
    ],
)
def test_a_secret_is_not_in_a_described_call(stage, shown):
    (node,) = Pipeline.of(stage).nodes
    arguments = ["s" if isinstance(given, Hyperparameter) else given for given in node.arguments]
    described = describe_stage_call("connect", node, arguments, dict.fromkeys(node.keyword_arguments, "s"))
    assert described.startswith(shown)


def test_a_hyperparameter_is_a_secret_where_a_stage_takes_it_as_one():
    stage = create_stage(connect)(Hyperparameter("a"), Hyperparameter("b"), token=Hyperparameter("c"))
    assert frozenset("bc") == secret_hyperparameters(Pipeline.of(stage))
