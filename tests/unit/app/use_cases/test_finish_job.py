import json

import pytest

from foundations.app.job.job_files import JobFiles
from foundations.app.project import job_loading
from foundations.app.project.relocation import Relocation
from foundations.app.use_cases.finish_job import JobSupervisorHooks, archive_streams
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.job import Job
from foundations.domain.jobs.reconciliation import record_end
from foundations.domain.pipeline.graph import Pipeline
from foundations.ports.archive_listing import JobRecord
from foundations.ports.job import EndCause, JobEnd, JobState
from foundations.ports.job_layout import JobDirectory

END = JobEnd(job_name="job", state=JobState.ERROR, cause=EndCause.KILLED, started_at=1.0, ended_at=2.0)


@pytest.fixture
def imported_from(monkeypatch):
    """Where the supervisor's process imports from, as it was told."""
    told = []
    monkeypatch.setattr(job_loading, "use_import_paths", lambda *places: told.append(places))
    return told


@pytest.fixture
def directory(tmp_path, sdk, wiring, imported_from):
    """A job's directory, as its bundle was extracted."""
    place = tmp_path / "job"
    (place / "bundle").mkdir(parents=True)
    (place / "state").mkdir()
    (place / "bundle" / "job.config.yaml").write_text(json.dumps(wiring.settings.to_json()))
    pipeline = Pipeline.of(sdk.pipeline.stage(int))
    job = Job(name="job", pipeline=pipeline, parameters={}, project="/gone", import_paths=("src",))
    (place / "bundle" / "job.bin").write_bytes(b"".join(job.to_buffers(wiring.serialiser)))
    for stream in ("stdout", "stderr"):
        (place / "state" / stream).write_text(stream)
    wiring.listing.track(JobRecord(job_name="job", submitted_at=0.5))
    return place


def test_the_listing_learns_that_the_job_runs_and_how_it_ended(directory, wiring):
    hooks = JobSupervisorHooks.of(str(directory))
    hooks.record_start(1.0)
    assert (JobState.RUNNING, 1.0) == (wiring.listing.get("job").state, wiring.listing.get("job").started_at)
    hooks.record_end(END)
    record = wiring.listing.get("job")
    assert (JobState.ERROR, "killed", 2.0) == (record.state, record.cause, record.ended_at)


def test_adapters_of_the_project_are_imported_from_the_bundle(directory, imported_from):
    JobSupervisorHooks.of(str(directory))
    assert [(Relocation(directory / "project", ("/gone",)), ("src",))] == imported_from


def test_streams_and_end_are_archived(directory, wiring):
    hooks = JobSupervisorHooks.of(str(directory))
    assert END == hooks.archive_streams(END)
    hooks.record_end(END)
    read = wiring.archives.miscellaneous.read
    assert [b"stdout", b"stderr"] == [bytes(read("job", items.stream_item(name))) for name in ("stdout", "stderr")]
    assert END == JobEnd.from_json(json.loads(bytes(read("job", items.END))))


def test_the_stage_that_ran_is_named_by_the_provenance(directory, wiring):
    hooks = JobSupervisorHooks.of(str(directory))
    assert hooks.stage_name(0) is None
    wiring.archives.provenance.write("job", items.PROVENANCE, [b'{"stages": {"names": ["a", "b"]}}'])
    assert "b" == hooks.stage_name(1)


def test_a_stream_that_cannot_be_archived_is_told_in_the_end(wiring, tmp_path):
    end = archive_streams(wiring, END._replace(not_archived=("before",)), {"stdout": tmp_path / "absent"})
    assert "before" == end.not_archived[0]
    assert end.not_archived[1].startswith("stage_log/stdout: ")


def test_an_end_that_cannot_be_archived_is_told_in_the_log_and_to_the_listing(with_adapter, said):
    from foundations.app.wiring import Wiring

    sdk = with_adapter("miscellaneous_archive_implementation", "test_run_job.FailingArchive")
    wiring = Wiring(settings=sdk.config_manager.settings())
    wiring.listing.track(JobRecord(job_name="job", submitted_at=0.5))
    record_end(END, wiring)
    assert JobState.ERROR is wiring.listing.get("job").state
    assert [("warning", "end_not_archived")] == [(level, event) for level, event, _ in said]


@pytest.fixture
def written(directory):
    """The files that a job wrote into its copy of the project."""
    for name in ("outputs/model.bin", "outputs/empty", "plot.png", "saved.png"):
        path = directory / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name.endswith("empty") else name)
    JobFiles(JobDirectory(directory)).append_saved(directory / "project" / "saved.png")


@pytest.mark.usefixtures("written")
def test_files_that_nothing_saves_are_named_in_the_end(directory, wiring):
    end = JobSupervisorHooks.of(str(directory)).archive_files(END)
    assert ({"outputs/model.bin": 17, "plot.png": 8}, 2) == (end.unsaved_files, end.unsaved_count)
    (directory / "project" / "saved.png").write_text("changed since")
    end = JobSupervisorHooks.of(str(directory)).archive_files(END)
    assert 13 == end.unsaved_files["saved.png"]
    assert [] == list(wiring.archives.artifact.items("job", items.ARTIFACTS))


@pytest.mark.usefixtures("written")
def test_files_below_the_artifact_path_are_archived(directory, wiring):
    settings = wiring.settings._replace(artifact_path="outputs")
    (directory / "bundle" / "job.config.yaml").write_text(json.dumps(settings.to_json()))
    end = JobSupervisorHooks.of(str(directory)).archive_files(END)
    assert {"plot.png": 8} == end.unsaved_files
    saved = [item.name for item in wiring.archives.artifact.items("job", items.ARTIFACTS)]
    assert [items.ARTIFACTS + "outputs/empty", items.ARTIFACTS + "outputs/model.bin"] == sorted(saved)


@pytest.mark.usefixtures("written")
def test_a_file_below_the_artifact_path_that_its_archive_refuses_is_stored_in_the_job_directory(
    directory, wiring, monkeypatch
):
    settings = wiring.settings._replace(artifact_path="outputs")
    (directory / "bundle" / "job.config.yaml").write_text(json.dumps(settings.to_json()))

    def refuse(*arguments, **options):
        raise OSError("full")

    monkeypatch.setattr(type(wiring.archives.artifact), "write_file", refuse)
    end = JobSupervisorHooks.of(str(directory)).archive_files(END)
    assert {"plot.png": 8} == end.unsaved_files
    assert "artifacts/outputs/model.bin: OSError: full" in end.not_archived
    assert b"outputs/model.bin" == JobDirectory(directory).fallback_item("artifacts/outputs/model.bin").read_bytes()


def test_an_end_without_a_start_names_no_files(directory):
    end = END._replace(started_at=None)
    assert end == JobSupervisorHooks.of(str(directory)).archive_files(end)
