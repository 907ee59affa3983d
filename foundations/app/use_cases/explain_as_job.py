"""Explaining a pipeline as its job would see it: in a process that has nothing of the submitter's state."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from foundations import events
from foundations.app import running_stage
from foundations.app.config.settings import Settings
from foundations.app.gc_pause import gc_paused
from foundations.app.project.job_loading import load_job, prepare_imports
from foundations.app.use_cases.freeze_job import (
    check_importable,
    freeze_job,
    resolve_extra_source_paths,
    resolve_run_script_environment,
)
from foundations.app.wiring import Wiring
from foundations.domain.caching.explanation import Explanation
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.graph import Pipeline
from foundations.errors import FoundationsError
from foundations.ports.bundling import extra_source_member
from foundations.ports.frames import Buffer

_SDK = Path(__file__).absolute().parents[3]  # where `foundations` is imported from
_PROGRAM = """
import sys
sys.path.insert(0, {sdk!r})
from foundations.app.sdk import config_manager
from foundations.app.use_cases.explain_cache import serve
serve(config_manager.freeze)
"""


def explain_as_job(pipeline: Pipeline, parameters: dict[str, Any], wiring: Wiring) -> Explanation | None:
    """Return the explanation that the process of a job of this pipeline gives; None where the environment has none.

    Args:
        pipeline: The pipeline.
        parameters: A value for each of its hyperparameters.
        wiring: The adapters.

    Raises:
        FoundationsError: The job could not be frozen here or loaded there.
    """
    project = Path.cwd()
    extra_source_paths = resolve_extra_source_paths(project, wiring.settings)
    check_importable(pipeline, project, extra_source_paths, wiring)
    job = _in_place(freeze_job("explained", pipeline, parameters, project, extra_source_paths), extra_source_paths)
    with gc_paused():
        buffers = [json.dumps(wiring.settings.to_json()).encode() + b"\n", *job.to_buffers(wiring.serialiser)]
    variables = resolve_run_script_environment(wiring.settings)
    answer = wiring.environment.run_program(_PROGRAM.format(sdk=str(_SDK)), buffers, variables)
    if answer is None:
        events.warning(
            "explained_by_this_process",
            hint="the execution environment cannot do it. Where modules were changed since they were imported, the job"
            " may have other keys",
        )
        return None
    document = json.loads(answer)
    if "error" in document:
        raise FoundationsError(f"a job of this pipeline could not be loaded: {document['error']}")
    return Explanation.from_json(document)


def answer_explanation(explain: Callable[[Job, Wiring], Explanation], configure: Callable[[Settings], None]) -> None:
    """Explain the pipeline of the job that is read from standard input, in a process that serves nothing else.

    Args:
        explain: Explains the pipeline of a job.
        configure: Gives the job's settings to whatever else in this process asks for the configuration.
    """
    answer, nothing = os.fdopen(os.dup(1), "wb"), os.open(os.devnull, os.O_RDWR)
    settings = Settings.from_json(json.loads(sys.stdin.buffer.readline()))
    data = sys.stdin.buffer.read()
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # what modules print when they are imported
    running_stage.serve()
    configure(settings)
    document = _explain(data, Wiring(settings=settings), explain)
    with answer:
        answer.write(json.dumps(document).encode())


def _explain(data: Buffer, wiring: Wiring, explain: Callable[[Job, Wiring], Explanation]) -> dict[str, Any]:
    try:
        project = Path(Job.header(data, wiring.serialiser)["project"])
        prepare_imports(data, project, wiring.serialiser)
        return explain(load_job(data, project, wiring.serialiser).job, wiring).to_json()
    except (Exception, SystemExit) as error:  # of the user's modules, for instance
        return {"error": f"{type(error).__name__}: {error}"}


def _in_place(job: Job, extra_source_paths: tuple[Path, ...]) -> Job:
    """Return a job that finds the extra source directories where they are, not where its copy would have them."""
    places = {extra_source_member(number): str(path) for number, path in enumerate(extra_source_paths)}

    def moved(path: str) -> str:
        found: Iterator[str] = (member for member in places if f"{path}{os.sep}".startswith(member + os.sep))
        member = next(found, None)
        return path if member is None else places[member] + path[len(member) :]

    return job._replace(
        import_paths=tuple(map(moved, job.import_paths)),
        modules=tuple((name, moved(file), is_package) for name, file, is_package in job.modules),
    )
