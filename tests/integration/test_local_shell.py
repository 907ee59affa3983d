"""The local shell by itself: jobs are run scripts of the tests' own."""

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from foundations.adapters._shared.supervision.end_record import write_end
from foundations.adapters.local_shell import LocalShellJobDeployment, environment
from foundations.adapters.tarball import TarballJobBundler
from foundations.errors import (
    ConfigurationError,
    ExecutionError,
    JobExistsError,
    StorageUnavailableError,
    UntrustedLocationError,
)
from foundations.ports.bundling import BundleContents, BundleFile
from foundations.ports.execution import JobHandle, Submission
from foundations.ports.job import EndCause, JobEnd, JobState
from foundations.ports.job_layout import JobDirectory

pytestmark = pytest.mark.measured


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalShellJobDeployment:
    monkeypatch.setenv("FOUNDATIONS_HOME", str(tmp_path / "home"))
    return LocalShellJobDeployment(tmp_path / "shell", grace_seconds=0.1)


def bundle_of(tmp_path: Path, script: str, name: str = "job") -> BundleFile:
    project = tmp_path / "work" / "project"
    project.mkdir(parents=True, exist_ok=True)
    return TarballJobBundler().make(
        BundleContents(
            job_name=name,
            members={"run.sh": script.encode()},
            project=project,
            project_member="p.tgz",
            directory=project.parent,
        )
    )


def submission(bundle: BundleFile, **variables: str) -> Submission:
    return Submission(job_name=bundle.job_name, bundle=bundle, variables=variables)


def submit(shell: LocalShellJobDeployment, tmp_path: Path, script: str, **variables: str) -> JobHandle:
    shell.submit(submission(bundle_of(tmp_path, script), **variables))
    return shell.handle("job")


def ended(shell: LocalShellJobDeployment, handle: JobHandle) -> JobEnd:
    shell.wait([handle], timeout=60, interval=60)
    (status,) = shell.poll([handle])
    assert status is not None
    assert status.end is not None
    return status.end


def test_a_run_script_that_records_no_end_is_lost_with_its_last_words(
    shell: LocalShellJobDeployment, tmp_path: Path
) -> None:
    end = ended(shell, submit(shell, tmp_path, "echo the last words; exit 3"))
    assert (JobState.ERROR, EndCause.LOST) == (end.state, end.cause)
    assert end.message.endswith("Its last output: the last words")


def test_the_run_script_finds_what_it_is_promised(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    script = (
        'pwd; echo "$FOUNDATIONS_JOB_DIRECTORY" "$OWN" "$0"; cat; umask; test -d "$FOUNDATIONS_RUNTIME" && echo there'
    )
    handle = submit(shell, tmp_path, script, OWN="value")
    ended(shell, handle)
    directory = JobDirectory(shell.root / "jobs" / "job")
    mask = subprocess.run(["sh", "-c", "umask"], capture_output=True, text=True, check=True).stdout.strip()
    assert [
        str(directory.project),
        f"{directory.path} value {directory.bundle}/run.sh",
        mask,
        "there",
    ] == directory.stream("supervisor").read_text().splitlines()


def test_the_end_of_a_job_never_changes(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    handle = submit(shell, tmp_path, "exit 3")
    first = ended(shell, handle)
    other = LocalShellJobDeployment(shell.root)
    assert [first] * 3 == [status.end for status in other.poll([handle] * 3) if status]
    assert not write_end(JobDirectory(shell.root / "jobs" / "job"), first)


def test_of_many_that_find_a_lost_job_at_once_all_tell_the_same(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    handle = submit(shell, tmp_path, "exit 3")
    for child in shell._children.values():
        child.wait()
    told: list[JobEnd | None] = []

    def ask() -> None:
        told.extend(status.end for status in LocalShellJobDeployment(shell.root).poll([handle]) if status)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [told[0]] * 8 == told


def test_a_name_that_is_free_when_it_is_looked_at_and_taken_meanwhile_is_refused(
    shell: LocalShellJobDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = bundle_of(tmp_path, "exit 0")
    hold_lock = environment.hold_lock

    def faster(path: Path) -> int:
        (shell.root / "jobs" / "job" / "state").mkdir(parents=True)
        return hold_lock(path)

    monkeypatch.setattr(environment, "hold_lock", faster)
    with pytest.raises(JobExistsError):
        shell.submit(submission(bundle))
    assert [["job"], ["state"]] == [
        os.listdir(shell.root / "jobs"),
        os.listdir(shell.root / "jobs" / "job"),
    ]


@pytest.mark.parametrize("failing", ["unpack_bundle", "start_supervisor"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_what_cannot_be_started_leaves_nothing_behind(
    shell: LocalShellJobDeployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    error: BaseException,
) -> None:
    def fails(*arguments: object) -> None:
        raise error

    bundle = bundle_of(tmp_path, "exit 0")
    before = os.listdir("/proc/self/fd")
    with monkeypatch.context() as patch:
        patch.setattr(environment, failing, fails)
        with pytest.raises(StorageUnavailableError if isinstance(error, OSError) else KeyboardInterrupt):
            shell.submit(submission(bundle))
    assert [] == os.listdir(shell.root / "jobs")
    assert before == os.listdir("/proc/self/fd")
    shell.submit(submission(bundle))
    ended(shell, shell.handle("job"))


def test_a_released_job_is_not_known_any_more(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    handle = submit(shell, tmp_path, "exit 0")
    ended(shell, handle)
    shell.release(handle)
    shell.release(handle)
    shell.cancel(handle)
    assert [[None], [], b"", None] == [
        shell.poll([handle]),
        os.listdir(shell.root / "jobs"),
        shell.logs(handle, "stdout"),
        shell.read_fallback(handle, "item"),
    ]


def test_a_job_that_runs_is_not_released(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    handle = submit(shell, tmp_path, f"read line <{gate}")
    with pytest.raises(ExecutionError, match="job job is Queued; cancel it"):
        shell.release(handle)
    gate.write_text("go on\n")
    ended(shell, handle)


def test_waiting_for_several_returns_when_the_first_has_ended(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    gates = [tmp_path / name for name in ("first", "second")]
    for gate in gates:
        os.mkfifo(gate)
        shell.submit(submission(bundle_of(tmp_path, f"read line <{gate}", gate.name)))
    handles = [shell.handle(gate.name) for gate in gates]
    shell.wait(handles, timeout=0.05, interval=60)
    gates[1].write_text("go on\n")
    shell.wait(handles, timeout=60, interval=60)
    assert [JobState.QUEUED, JobState.ERROR] == [status.state for status in shell.poll(handles) if status]
    gates[0].write_text("go on\n")
    assert EndCause.LOST == ended(shell, handles[0]).cause


def test_all_that_lies_there_is_closed_to_others(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        handle = submit(shell, tmp_path, "exit 0")
    finally:
        os.umask(before)
    ended(shell, handle)
    directories = [shell.root, shell.root / "jobs", shell.root / "runtimes", *(shell.root / "jobs" / "job").iterdir()]
    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in directories}


def test_a_damaged_end_record_is_told_as_such(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    handle = submit(shell, tmp_path, "exit 0")
    ended(shell, handle)
    JobDirectory(shell.root / "jobs" / "job").end.write_text("{}")
    with pytest.raises(StorageUnavailableError, match="the end record is damaged"):
        shell.poll([handle])


def test_a_stream_that_no_job_has_is_an_error(shell: LocalShellJobDeployment) -> None:
    with pytest.raises(ExecutionError, match="not 'stdlog'"):
        shell.logs(shell.handle("job"), "stdlog")


def test_a_relative_root_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a relative path would mean another place in the job"):
        LocalShellJobDeployment("jobs")


def test_standard_streams_that_are_closed_do_not_matter(shell: LocalShellJobDeployment, tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, "echo said; test -e /proc/self/fd/$FOUNDATIONS_LOCK && echo locked")
    child = os.fork()
    if child == 0:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        try:
            shell.submit(submission(bundle))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    end = ended(shell, shell.handle("job"))
    assert end.message.endswith("Its last output: said\nlocked")


def test_a_job_that_is_being_extracted_is_queued_to_whoever_asks(
    shell: LocalShellJobDeployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    unpack = environment.unpack_bundle

    def asked_meanwhile(*arguments: object) -> Path:
        other = LocalShellJobDeployment(shell.root)
        told.extend(status.state for status in other.poll([other.handle("job")]) if status)
        return unpack(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(environment, "unpack_bundle", asked_meanwhile)
    shell.submit(submission(bundle_of(tmp_path, "exit 0")))
    shell.wait([shell.handle("job")], timeout=60, interval=1)
    assert [JobState.QUEUED] == told


@pytest.mark.parametrize("seconds", ["abc", None, -1, True, float("nan"), float("inf")])
def test_a_grace_that_is_no_number_of_seconds_is_refused(tmp_path: Path, seconds: object) -> None:
    with pytest.raises(ConfigurationError, match=r"grace_seconds is .* not a number of seconds"):
        LocalShellJobDeployment(tmp_path, grace_seconds=seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["jobs", "jobs/job", "jobs/job/state", "jobs/job/state/kept"])
def test_nothing_is_believed_that_another_user_could_have_written(
    shell: LocalShellJobDeployment, tmp_path: Path, place: str
) -> None:
    shell.submit(submission(bundle_of(tmp_path, "exit 0")))
    handle = shell.handle("job")
    shell.wait([handle], timeout=60, interval=1)
    kept = shell.root / "jobs" / "job" / "state" / "kept"
    kept.mkdir(mode=0o700, exist_ok=True)
    (kept / "item").write_bytes(b"planted")
    (shell.root / place).chmod(0o777)
    with pytest.raises(UntrustedLocationError):
        shell.read_fallback(handle, "item")
    if place.endswith("state"):
        with pytest.raises(UntrustedLocationError):
            shell.poll([handle])


@pytest.mark.parametrize(
    ("data", "reason"), [(b"{", "is damaged: Expecting"), (b'{"format": 2}', "cannot be read: .*newer version")]
)
def test_an_end_record_that_cannot_be_read_is_an_error_that_names_it(
    shell: LocalShellJobDeployment, tmp_path: Path, data: bytes, reason: str
) -> None:
    handle = submit(shell, tmp_path, "exit 0")
    ended(shell, handle)
    record = Path(handle.reference["directory"]) / "state" / "end.json"
    record.write_bytes(data)
    with pytest.raises(StorageUnavailableError, match=f"{record}: the end record {reason}"):
        shell.poll([handle])
