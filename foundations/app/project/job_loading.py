"""Loading a serialised job in a process of its own: what its submitter had in ``__main__`` and imported comes first."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foundations.app.project.import_paths import use_import_paths
from foundations.app.project.library_settings import SettingDifference, not_imported_here, report_setting_differences
from foundations.app.project.main_module import NO_MAIN, fill_main, make_main
from foundations.app.project.module_state import Difference, report_differences
from foundations.app.project.modules import ProjectModule, import_modules
from foundations.app.project.relocation import Relocation
from foundations.domain.jobs.job import Job
from foundations.ports.frames import Buffer
from foundations.ports.serialisation import Serialiser


class LoadedJob(NamedTuple):
    """A job that was loaded, and what differs here from where it was submitted.

    Attributes:
        job: The job.
        attributes: The attributes of the project's modules that have other values here.
        settings: The settings of libraries that have other values here.
        unread_settings: The submitter's settings of libraries that are not imported here yet, by library.
    """

    job: Job
    attributes: list[Difference]
    settings: list[SettingDifference]
    unread_settings: Mapping[str, Mapping[str, str]]

    def report_differences(self) -> list[tuple[str, str, str]]:
        """Return what differs: its name, its value where the job was submitted, and its value here.

        Settings of libraries that have been imported since the job was loaded are read, and logged where they differ.
        """
        attributes = [(each.attribute, each.submitted, each.job) for each in self.attributes]
        settings = [*self.settings, *report_setting_differences(self.unread_settings)]
        return [*attributes, *((each.setting, each.submitted, each.job) for each in settings)]


def prepare_imports(data: Buffer, project: Path, serialiser: Serialiser) -> None:
    """Import modules, from now on, from where the submitter of a job did.

    Args:
        data: The serialised job.
        project: The project directory, as it lies here.
        serialiser: Reads the header of the job.
    """
    header = Job.header(data, serialiser)
    use_import_paths(Relocation.of(project, header), header["import_paths"])


def load_job(data: Buffer, project: Path, serialiser: Serialiser) -> LoadedJob:
    """Load a job, once the modules that its submitter had imported are imported here, and its script is ``__main__``.

    Differences from where it was submitted are logged.

    Args:
        data: The serialised job.
        project: The project directory, as it lies here.
        serialiser: Reads the job.

    Raises:
        Exception: Whatever importing the modules of its functions raises.
    """
    header = Job.header(data, serialiser)
    relocation, main = Relocation.of(project, header), header["main"] or NO_MAIN
    sys.argv = [""]
    make_main(main, relocation)
    modules = list(itertools.starmap(ProjectModule, header["modules"]))
    import_modules(modules, project)
    attributes = report_differences(modules, header["state"], project)
    job = Job.from_buffer(data, serialiser)
    fill_main(_functions(job), main, relocation)
    settings = report_setting_differences(job.settings)
    return LoadedJob(job, attributes, settings, not_imported_here(job.settings))


def _functions(job: Job) -> Iterator[Any]:
    """Iterate over the functions of the stages, their arguments and the parameters: any of these may be a function."""
    for node in job.pipeline.nodes:
        yield from (node.function, *node.arguments, *node.keyword_arguments.values())
    yield from job.parameters.values()
