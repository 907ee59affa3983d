"""What running and explaining a pipeline have in common: it is flattened and checked before anything runs."""

from __future__ import annotations

import inspect
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from foundations.app import running_stage
from foundations.app.gc_pause import gc_paused
from foundations.app.project.script import check_not_loading
from foundations.domain.pipeline.functions import short_name
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.hyperparameter import check_parameters, merge_parameters
from foundations.domain.pipeline.stage import Stage, StageFactory
from foundations.errors import InsideJobError, PipelineError, UnsupportedPlatformError
from foundations.ports.job import check_job_name


class PreparedJob(NamedTuple):
    """A pipeline that can run as a job.

    Attributes:
        name: The job's name.
        pipeline: The pipeline.
        parameters: A value for each of its hyperparameters.
    """

    name: str
    pipeline: Pipeline
    parameters: dict[str, Any]


def prepare_job(
    stage: Stage, params_dict: Mapping[str, Any] | None, job_name: str | None, params: Mapping[str, Any]
) -> PreparedJob:
    """Return the pipeline behind `stage`, once it is checked that it can run as a job of this caller.

    Args:
        stage: The stage.
        params_dict: Hyperparameters by name.
        job_name: The job's name; a readable one is made where it is None.
        params: Further hyperparameters.

    Raises:
        UnsupportedPlatformError: No jobs run on this platform.
        ScriptError: The caller is a script that is being loaded for its pipeline.
        InsideJobError: The caller is a job, or a child of multiprocessing that imports its script again.
        JobNameError: `job_name` cannot name a job.
        PipelineError: The pipeline cannot be run.
        HyperparameterError: The hyperparameters are not those of the pipeline.
    """
    _check_platform()
    _check_caller()
    name = None if job_name is None else check_job_name(job_name)
    pipeline, parameters = prepare_pipeline(stage, params_dict, params)
    return PreparedJob(name or _generate_name(pipeline), pipeline, parameters)


def prepare_pipeline(
    stage: Stage, params_dict: Mapping[str, Any] | None, params: Mapping[str, Any]
) -> tuple[Pipeline, dict[str, Any]]:
    """Return the pipeline behind `stage` and a value for each of its hyperparameters, once both are checked.

    Args:
        stage: The stage.
        params_dict: Hyperparameters by name.
        params: Further hyperparameters.

    Raises:
        PipelineError: The pipeline cannot be run.
        HyperparameterError: The hyperparameters are not those of the pipeline.
    """
    with gc_paused():
        pipeline = Pipeline.of(stage)
        _check_calls(pipeline)
    parameters = merge_parameters(params_dict, params)
    check_parameters(pipeline.hyperparameters, parameters)
    return pipeline, parameters


def _check_platform() -> None:
    if not sys.platform.startswith(("linux", "darwin")):
        raise UnsupportedPlatformError(f"foundations runs jobs on Linux, not on {sys.platform}; use WSL or a container")


def _check_caller() -> None:
    check_not_loading()
    if running_stage.is_inside():
        raise InsideJobError(
            "run() was called inside a job. Inside a stage, call the plain function (`factory.function`), or make the"
            " other stage an argument of this one. At the top level of a module, put the call below"
            ' `if __name__ == "__main__":`, because the job imports the module too.'
        )
    if _is_imported_by_multiprocessing():
        raise InsideJobError(
            "run() was called by a child process of multiprocessing, which imports this script again and would submit"
            " the job again each time. Put the code that calls run() below"
            ' `if __name__ == "__main__":`, or use the start method "fork" of multiprocessing.'
        )


def _is_imported_by_multiprocessing() -> bool:
    """Return whether this process is a child of multiprocessing's that is still being set up.

    This is how ``multiprocessing.spawn`` itself prevents a script from starting processes without end.
    """
    process = sys.modules.get("multiprocessing.process")
    return process is not None and getattr(process.current_process(), "_inheriting", False)


def _generate_name(pipeline: Pipeline) -> str:
    """Return a name with what ran and when, which no other job has: ``train-20261123-221530-4kq7m``."""
    function = re.sub(r"[^A-Za-z0-9_]+", "-", pipeline.name(len(pipeline.nodes) - 1)).strip("-_") or "job"
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    suffix = "".join(alphabet[byte % len(alphabet)] for byte in os.urandom(5))
    return f"{function[:60]}-{time.strftime('%Y%m%d-%H%M%S')}-{suffix}"


def _check_calls(pipeline: Pipeline) -> None:
    """Raise :class:`PipelineError` unless the arguments of each stage fit its function.

    Whether arguments fit depends on their number and names alone, so each function is checked once for each of these.
    """
    seen: set[tuple[int, int, tuple[str, ...]]] = set()
    for index, node in enumerate(pipeline.nodes):
        for value in (*node.arguments, *node.keyword_arguments.values()):
            if type(value) is StageFactory:
                name = short_name(value.function)
                raise PipelineError(
                    f"stage {pipeline.name(index)} got the stage factory {name} as an argument, not a stage. Pass"
                    f" a stage, {name}(...), or the plain function, {name}.function"
                )
        call = (id(node.function), len(node.arguments), tuple(node.keyword_arguments))
        if call not in seen:
            seen.add(call)
            _check_call(pipeline.name(index), node.function, node.arguments, node.keyword_arguments)


def _check_call(name: str, function: Any, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # many functions written in C have none
        return
    try:
        signature.bind(*arguments, **keyword_arguments)
    except TypeError as misfit:
        code = getattr(inspect.unwrap(function), "__code__", None)
        place = f", defined at {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
        given = [f"{len(arguments)} by position", *(f"{keyword}=..." for keyword in keyword_arguments)]
        raise PipelineError(
            f"stage {name} cannot be called: {misfit}. It is given {', '.join(given)}, and takes {signature}{place}."
            " Nothing was run."
        ) from None
