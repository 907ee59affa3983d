import functools

import pytest

from foundations import Hyperparameter
from foundations.errors import FoundationsError, HyperparameterError, JobNameError, PipelineError


def mean(values, power=1):
    return values, power


class Klass:
    def __init__(self, one):
        self.one = one

    def method(self, two):
        return two


@pytest.mark.parametrize(
    ("function", "arguments", "keyword_arguments", "why"),
    [
        (mean, (), {}, "missing a required argument: 'values'"),
        (mean, (1, 2, 3), {}, "too many positional arguments"),
        (mean, (1,), {"q": 3}, "got an unexpected keyword argument 'q'"),
        (mean, (1,), {"values": 3}, "multiple values for argument 'values'"),
        (Klass, (), {}, "missing a required argument: 'one'"),
        (Klass(1).method, (), {}, "missing a required argument: 'two'"),
        (functools.partial(mean, power=2), (1, 2, 3), {}, "too many positional arguments"),
    ],
)
@pytest.mark.parametrize("how", ["run", "run_same_process"])
def test_arguments_that_do_not_fit_are_refused_before_anything_runs(
    sdk, function, arguments, keyword_arguments, why, how
):
    target = sdk.pipeline.stage(len, sdk.pipeline.stage(function, *arguments, **keyword_arguments))
    with pytest.raises(PipelineError) as raised:
        getattr(target, how)()
    assert why in str(raised.value)
    assert str(raised.value).endswith("Nothing was run.")


def test_the_place_of_the_function_is_told(sdk):
    with pytest.raises(PipelineError, match=rf"takes \(values, power=1\), defined at {__file__}:\d+"):
        sdk.pipeline.stage(mean).run()


def test_what_does_not_tell_what_it_takes_is_called_and_sees(sdk):
    assert 3 == sdk.pipeline.stage(max, 1, 3).run_same_process()
    with pytest.raises(TypeError):
        sdk.pipeline.stage(max).run_same_process()


def test_a_maker_that_was_not_called_is_refused_with_both_remedies(sdk):
    maker = sdk.create_stage(mean)
    with pytest.raises(PipelineError, match=r"Pass a stage, mean\(\.\.\.\), or the plain function, mean\.function"):
        sdk.pipeline.stage(mean, maker).run_same_process()
    assert (mean, 1) == sdk.pipeline.stage(mean, maker.function).run_same_process()


def test_arguments_may_have_any_name(sdk):
    def take(**named):
        return named

    named = {"self": 1, "function": 2, "args": 3}
    assert named == sdk.pipeline.stage(take, **named).run_same_process()
    assert named == sdk.create_stage(take)(**named).run_same_process()
    assert (0, 1) == sdk.pipeline.stage(int).stage(
        lambda value, function: (value, function), function=1
    ).run_same_process()


def test_a_hole_is_not_filled_with_a_hole(sdk):
    with pytest.raises(HyperparameterError, match="which is itself a placeholder; give it a value"):
        sdk.pipeline.stage(mean, Hyperparameter("values")).run(values=Hyperparameter("other"))


@pytest.mark.parametrize("name", [None, 3, ["half"], object(), "\ud800", 10**30])
def test_only_a_name_finds_a_job(sdk, name):
    with pytest.raises(JobNameError):
        sdk.load_job(name)


@pytest.mark.parametrize(
    "options",
    [{"wait_seconds": 0}, {"wait_seconds": "a"}, {"timeout": "a"}, {"timeout": -1}, {"timeout": float("nan")}],
)
def test_seconds_are_numbers(sdk, options):
    deployment = sdk.pipeline.stage(int).run()
    with pytest.raises(FoundationsError, match="number of seconds"):
        deployment.wait_for_deployment_to_complete(**options)


def test_an_artifact_that_was_not_saved_is_told_with_those_that_were(sdk, tmp_path):
    from foundations import save_artifact

    deployment = sdk.pipeline.stage(save_artifact, "data.txt").run()
    deployment.wait_for_deployment_to_complete()
    for name in ("../x", "", "/etc", None, "other"):
        with pytest.raises(FoundationsError, match=r"has saved no artifact .*; it has saved: data\.txt"):
            deployment.fetch_artifact(name, tmp_path / "target")
    deployment.fetch_artifact("data.txt", tmp_path / "target")
    with pytest.raises(FoundationsError, match="already exists and is not overwritten"):
        deployment.fetch_artifact("data.txt", tmp_path / "target")


def test_a_variable_that_is_not_set_is_told_with_its_place(sdk, project, monkeypatch):
    from foundations.app.config.manager import ConfigManager
    from foundations.app.sdk import Sdk

    monkeypatch.setenv("FOUNDATIONS_HOME", str(project.parent / "home"))
    (project / "a.config.yaml").write_text("user_settings: {}\nrun_script_environment:\n  A: ${NOPE}\n")
    with pytest.raises(FoundationsError) as raised:
        Sdk(ConfigManager()).pipeline.stage(int).run()
    assert str(raised.value).startswith(
        f"{project}/a.config.yaml:2: run_script_environment.A: the environment variable"
    )
    assert ["project"] == [path.name for path in project.parent.iterdir()]
