import os

import pytest

from foundations.app.job import written_files
from foundations.app.job.job_files import JobFiles
from foundations.app.job.written_files import find_written_files
from foundations.ports.job_layout import JobDirectory


@pytest.fixture
def project(tmp_path):
    """A project with a file of its own, and the moment at which a job starts."""
    (tmp_path / "project" / "outputs").mkdir(parents=True)
    (tmp_path / "project" / "data.txt").write_text("data")
    return tmp_path / "project"


@pytest.fixture
def started_at(project):
    before, probe = (project / "data.txt").stat().st_ctime_ns, project.parent / "probe"
    probe.touch()
    while probe.stat().st_ctime_ns <= before:  # within one tick of the file system's clock
        probe.touch()
    return probe.stat().st_ctime_ns / 1e9 - 1e-6  # as a float has it, which is less exact


def test_files_that_are_made_or_written_are_found_and_those_of_the_project_are_not(project, started_at):
    (project / "outputs" / "model.bin").write_bytes(bytes(10))
    (project / "deep" / "er").mkdir(parents=True)
    (project / "deep" / "er" / "copied").write_bytes(bytes(3))
    os.utime(project / "deep" / "er" / "copied", (1, 1))
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "x.pyc").write_bytes(bytes(10))
    (project / "link").symlink_to("data.txt")
    assert {"outputs/model.bin": 10, "deep/er/copied": 3} == find_written_files(project, started_at)
    with (project / "data.txt").open("a") as stream:
        stream.write(" and more")
    assert 13 == find_written_files(project, started_at)["data.txt"]
    assert {"outputs/model.bin": 10} == find_written_files(project, started_at, "outputs")


def test_a_directory_that_is_not_there_has_no_files(project, started_at):
    assert {} == find_written_files(project, started_at, "absent")


def test_a_search_ends_in_time(project, started_at, monkeypatch):
    (project / "model.bin").write_bytes(bytes(10))
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(written_files.time, "monotonic", lambda: next(clock))
    assert {} == find_written_files(project, started_at)


def test_a_file_that_vanishes_during_the_search_is_left_out(project, started_at, monkeypatch):
    (project / "a").write_text("a")
    (project / "b").write_text("b")
    clock = iter(range(1000))

    def removing():
        (project / "b").unlink(missing_ok=True)
        return next(clock) * 1e-6

    monkeypatch.setattr(written_files.time, "monotonic", removing)
    assert {"a": 1} == find_written_files(project, started_at)


def test_what_was_saved_is_read_but_for_a_line_that_was_cut(tmp_path):
    directory = JobDirectory(tmp_path)
    directory.state.mkdir()
    files = JobFiles(directory)
    assert {} == files.read_saved()
    (tmp_path / "plot.png").write_text("plot")
    files.append_saved(tmp_path / "plot.png")
    with directory.saved.open("a") as stream:
        stream.write('["/cut')
    status = (tmp_path / "plot.png").stat()
    assert {os.path.realpath(tmp_path / "plot.png"): (4, status.st_mtime_ns)} == files.read_saved()


def test_starts_and_ends_of_stages_are_a_fallback_item_until_there_is_a_result(tmp_path):
    directory = JobDirectory(tmp_path)
    directory.state.mkdir()
    files = JobFiles(directory)
    files.remove_times()
    files.append_times(0, 1.0, 2.0)
    files.append_times(1, 3.5, None)
    item = directory.fallback_item("miscellaneous/times.jsonl")
    assert b"[0, 1.0, 2.0]\n[1, 3.5]\n" == item.read_bytes()
    assert 0o700 == directory.fallback.stat().st_mode & 0o777
    files.store_fallback("other", [b"x"])
    files.remove_times()
    assert [directory.fallback_item("other")] == list(directory.fallback.iterdir())


def test_times_that_cannot_be_written_do_not_fail_the_job(tmp_path):
    files = JobFiles(JobDirectory(tmp_path / "absent"))
    files.append_times(0, 1.0, 2.0)
    files.remove_times()
    assert [] == list(tmp_path.iterdir())
