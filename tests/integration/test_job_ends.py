"""However a job ends, every process is told the same, and nothing of it is left running."""

import fcntl
import json
import os
import signal
import time

import pytest
from support import Project, processes_of, wait_until_gone

pytestmark = pytest.mark.measured

SCRIPT = """from foundations import *
import ctypes, os, signal, subprocess, sys, threading, time
{meeting}
def first():
    print("said before")
    return "kept"

def last(value):
    {body}
    return value

pipe = pipeline.stage(last, pipeline.stage(first).persist())
print(pipe.run(job_name="job").job_name())
"""


def submitted(project: Project, body: str, **options: object) -> None:
    project.write({"train.py": SCRIPT.format(meeting=project.meeting, body=body.replace("\n", "\n    "))})
    assert "job\n" == project.run("train.py", **options)


@pytest.mark.parametrize(
    ("body", "cause", "message"),
    [
        ("raise ValueError('no such thing')", "user_code", "stage last raised ValueError: no such thing"),
        ("sys.exit(3)", "user_code", "stage last raised SystemExit: 3"),
        ("raise KeyboardInterrupt", "user_code", "stage last raised KeyboardInterrupt"),
        ("os._exit(0)", "exited", "exited with code 0 before the pipeline had ended, in stage last"),
        ("os._exit(3)", "exited", "exited with code 3 before the pipeline had ended, in stage last"),
        ("ctypes.string_at(0)", "killed", "was killed by SIGSEGV (Segmentation fault), in stage last"),
        ("os.kill(os.getpid(), 40)", "killed", "was killed by SIGRTMIN+6"),
        (
            "return threading.Lock()",
            "not_serialisable",
            "the output of last cannot be serialised: it is of type _thread.lock",
        ),
    ],
)
def test_a_failing_job_has_a_cause_that_everybody_is_told(
    project: Project, body: str, cause: str, message: str
) -> None:
    submitted(project, body)
    reports = [*project.reports("job", 2), project.report("job")]
    assert reports[0] == reports[1] == reports[2]
    report = reports[0]
    assert ["Error", cause, "said before\n", ["'kept'"]] == [
        report[key] for key in ("status", "cause", "stdout", "outputs")
    ]
    assert message in report["message"]


def test_what_a_stage_raised_is_the_cause_of_the_exception(project: Project) -> None:
    submitted(project, "raise ValueError('no such thing')")
    report = project.report("job")
    assert "ValueError('no such thing')" == report["original"]
    assert 'File "train.py"' in report["message"]
    assert "raise ValueError('no such thing')" in report["message"]


def test_a_crash_is_reported_with_the_python_stack(project: Project) -> None:
    submitted(project, "ctypes.string_at(0)")
    message = project.report("job")["message"]
    crash = message[message.index("Where it crashed, innermost call first:") :].splitlines()
    assert "  Fatal Python error: Segmentation fault" == crash[1]
    assert ["string_at", "last"] == [line.split()[-1] for line in crash if line.startswith("    File ")]


@pytest.mark.parametrize(
    ("killed", "cause", "message"),
    [
        ("worker", "killed", "was killed by SIGKILL (Killed), in stage last"),
        ("supervisor", "lost", "the job's supervisor ended without writing an end record"),
        ("both", "lost", "the job's supervisor ended without writing an end record"),
    ],
)
def test_whoever_is_killed_the_job_has_ended_and_nothing_of_it_runs(
    project: Project, killed: str, cause: str, message: str
) -> None:
    submitted(project, "meet()")
    worker, supervisor = project.met()
    processes = processes_of(project.job_directory("job"))
    assert {worker, supervisor} == set(processes)
    project.said("job", "said before")  # what the killed supervisor had not read yet would be lost
    for pid in {"worker": [worker], "supervisor": [supervisor], "both": [supervisor, worker]}[killed]:
        os.kill(pid, signal.SIGKILL)
    reports = [*project.reports("job", 2), project.report("job")]
    assert reports[0] == reports[1] == reports[2]
    assert ["Error", cause, "said before\n", ["'kept'"]] == [
        reports[0][key] for key in ("status", "cause", "stdout", "outputs")
    ]
    assert message in reports[0]["message"]
    assert wait_until_gone(processes)
    assert wait_until_gone(processes_of(project.job_directory("job")))


STAGES = """from foundations import *
{meeting}
def load():
    return 1
def clean(value):
    if value == 3:
        meet()
    return value + 1
def train(value):
    return value
value = pipeline.stage(load)
for function in (clean, clean, clean, train):
    value = pipeline.stage(function, value)
print(value.run(job_name="job").job_name())
"""

TABLE = """from foundations import *
try:
    load_job("job").fetch_job_results(timeout=60)
except RemoteException as error:
    contexts = error.result["stage_contexts"].values()
    print([context["delta_time"] is not None for context in contexts])
    print([context["start_time"] is not None for context in contexts])
    print([line.split()[:2] for line in str(error.result).splitlines() if "  " in line and len(line.split()) > 2][1:])
"""


@pytest.mark.parametrize("killed", ["worker", "supervisor", "both"])
def test_a_stage_that_had_ended_is_shown_as_done_though_a_later_one_was_killed(project: Project, killed: str) -> None:
    project.write({"train.py": STAGES.format(meeting=project.meeting)})
    project.run("train.py")
    worker, supervisor = project.met()
    for pid in {"worker": [worker], "supervisor": [supervisor], "both": [supervisor, worker]}[killed]:
        os.kill(pid, signal.SIGKILL)
    assert wait_until_gone([worker, supervisor])
    for _ in range(2):
        told = project.run("-c", TABLE)
        assert "[True, True, True, False, False]" in told
        assert "[True, True, True, True, False]" in told
        assert "['load', 'done'], ['clean', 'done'], ['clean', 'done'], ['clean', 'cut'], ['train', 'not']" in told
    report = project.job_directory("job") / "state" / "kept"
    assert ["miscellaneous%2Ftimes.jsonl"] == os.listdir(report)


def test_a_job_that_has_a_result_leaves_no_times_behind(project: Project) -> None:
    submitted(project, "return value")
    assert "Completed" == project.report("job")["status"]
    project.settle()
    assert not (project.job_directory("job") / "state" / "kept").exists()


def test_a_job_whose_supervisor_was_killed_before_it_forked_is_lost(project: Project) -> None:
    project.write({"sitecustomize.py": project.meeting + "if 'FOUNDATIONS_LOCK' in os.environ:\n    meet()\n"})
    submitted(project, "pass", variables={"PYTHONPATH": str(project.root)})
    supervisor, _ = project.met()
    told = project.run("-c", "from foundations import *; print(load_job('job').get_job_status())")
    os.kill(supervisor, signal.SIGKILL)
    assert wait_until_gone([supervisor])
    report = project.report("job")
    assert ["Queued\n", "Error", "lost"] == [told, report["status"], report["cause"]]


def test_a_job_that_is_cancelled_before_its_supervisor_is_up_ends_as_cancelled(project: Project) -> None:
    project.write({"sitecustomize.py": project.meeting + "if 'FOUNDATIONS_LOCK' in os.environ:\n    meet()\n"})
    submitted(project, "time.sleep(1000)", variables={"PYTHONPATH": str(project.root)})
    project.met()
    canceller = project.start("-c", "from foundations import *; load_job('job').cancel()")
    request = project.job_directory("job") / "state" / "cancel"
    while not request.exists():
        assert canceller.poll() is None
        os.sched_yield()
    project.go_on()
    assert 0 == canceller.wait(60), canceller.stderr and canceller.stderr.read()
    assert "Cancelled" == project.report("job")["status"]


def test_a_job_goes_on_when_its_caller_is_killed(project: Project) -> None:
    script = SCRIPT.format(meeting=project.meeting, body="meet()") + "os.kill(os.getpid(), signal.SIGKILL)\n"
    project.write({"train.py": script})
    assert -signal.SIGKILL == project.attempt("train.py").returncode
    project.met()
    project.go_on()
    assert ["Completed", ["'kept'", "'kept'"]] == [project.report("job")[key] for key in ("status", "outputs")]


def test_a_job_survives_the_end_of_its_callers_process_group(project: Project) -> None:
    submitted(project, "meet()")
    worker, supervisor = project.met()
    assert {os.getsid(worker), os.getsid(supervisor)} == {supervisor}
    project.go_on()
    assert "Completed" == project.report("job")["status"]


CANCEL = "from foundations import *; d = load_job('job'); d.cancel(); print(d.get_job_status())"

FAMILY = """ORPHAN = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(1000)"
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
orphan = subprocess.Popen([sys.executable, "-c", ORPHAN])
orphan.wait()
meet()"""


def test_cancelling_ends_every_process_of_the_job(project: Project) -> None:
    submitted(project, FAMILY)
    project.met()
    processes = processes_of(project.job_directory("job"))
    assert 4 == len(processes)
    assert "Cancelled\n" == project.run("-c", CANCEL)
    assert wait_until_gone(processes)
    assert wait_until_gone(processes_of(project.job_directory("job")))
    report = project.report("job")
    assert ["Cancelled", None, "said before\n", ["'kept'"]] == [
        report[key] for key in ("status", "cause", "stdout", "outputs")
    ]


def test_what_a_completed_job_leaves_running_is_ended(project: Project) -> None:
    submitted(project, FAMILY)
    project.met()
    processes = processes_of(project.job_directory("job"))
    project.go_on()
    assert "Completed" == project.report("job")["status"]
    assert wait_until_gone(processes)
    assert wait_until_gone(processes_of(project.job_directory("job")))


IMPATIENT = """deployment_implementation:
  deployment_type: foundations.LocalShellJobDeployment
  constructor_keyword_arguments: {grace_seconds: 0.2}
"""


def test_a_stage_that_ignores_the_request_is_killed_when_its_grace_is_over(project: Project) -> None:
    project.write({"local.config.yaml": IMPATIENT})
    submitted(project, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nmeet()")
    project.met()
    assert "Cancelled\n" == project.run("-c", CANCEL)
    end = json.loads((project.job_directory("job") / "state" / "end.json").read_bytes())
    assert ["Cancelled", "SIGKILL"] == [end["state"], end["signal"]]


def test_a_supervisor_that_hangs_is_killed_with_its_worker(project: Project) -> None:
    project.write({"local.config.yaml": IMPATIENT})
    submitted(project, "meet()")
    worker, supervisor = project.met()
    os.kill(supervisor, signal.SIGSTOP)
    assert "Cancelled\n" == project.run("-c", CANCEL)
    assert wait_until_gone([worker, supervisor])


def test_a_stage_may_end_politely_when_it_is_cancelled(project: Project) -> None:
    submitted(
        project,
        "def stop(*_):\n    print('cleaned up')\n    sys.exit(0)\nsignal.signal(signal.SIGTERM, stop)\nmeet()",
    )
    project.met()
    assert "Cancelled\n" == project.run("-c", CANCEL)
    assert "said before\ncleaned up\n" == project.report("job")["stdout"]


def test_cancelling_again_or_after_the_end_changes_nothing(project: Project) -> None:
    submitted(project, "meet()")
    project.met()
    assert "Cancelled\n" == project.run("-c", CANCEL)
    before = (project.job_directory("job") / "state" / "end.json").read_bytes()
    assert "Cancelled\n" == project.run("-c", CANCEL)
    assert before == (project.job_directory("job") / "state" / "end.json").read_bytes()


def test_a_completed_job_cannot_be_cancelled(project: Project) -> None:
    submitted(project, "pass")
    project.report("job")
    assert "Completed\n" == project.run("-c", CANCEL)


def test_two_processes_may_cancel_at_once(project: Project) -> None:
    submitted(project, "meet()")
    project.met()
    children = [project.start("-c", CANCEL) for _ in range(2)]
    assert ["Cancelled\n"] * 2 == [child.communicate(timeout=60)[0] for child in children]


def test_waiting_gives_up_after_its_timeout_and_leaves_the_job_alone(project: Project) -> None:
    submitted(project, "meet()")
    project.met()
    refusal = project.refusal(
        "-c", "from foundations import *; load_job('job').wait_for_deployment_to_complete(timeout=0.2)"
    )
    assert "WaitTimeoutError: job job is still Running after 0.2 s" in refusal
    project.go_on()
    assert "Completed" == project.report("job")["status"]


def test_a_fresh_process_is_told_of_the_end_by_the_kernel(project: Project) -> None:
    submitted(project, "meet()")
    project.met()
    waiting = project.start(
        "-c",
        "from foundations import *; d = load_job('job'); print(d.get_job_status(), flush=True);"
        "d.wait_for_deployment_to_complete(wait_seconds=1000); print(d.get_job_status())",
    )
    assert waiting.stdout is not None
    assert "Running\n" == waiting.stdout.readline()
    project.go_on()
    assert ("Completed\n", "") == waiting.communicate(timeout=60)


def test_a_stage_that_the_caller_told_to_ignore_signals_can_be_cancelled_at_once(project: Project) -> None:
    project.write(
        {
            "train.py": "import signal\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])\n"
            + SCRIPT.format(meeting=project.meeting, body="meet()")
        }
    )
    project.run("train.py")
    project.met()
    begun = time.monotonic()
    assert "Cancelled\n" == project.run("-c", CANCEL)
    assert time.monotonic() - begun < 9  # the grace is 10 s


def test_a_caller_that_forks_while_it_submits_does_not_keep_a_dead_job_alive(project: Project) -> None:
    """The fork inherits the lock that the submitter holds until the supervisor is up."""
    submitted(
        project,
        "meet()",
        variables={"PYTHONPATH": str(project.place)},
    )
    _, supervisor = project.met()
    lock = os.open(project.job_directory("job") / "state" / "lock", os.O_RDWR)
    try:
        os.kill(supervisor, signal.SIGKILL)
        assert wait_until_gone([supervisor])
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "lost" == project.report("job")["cause"]
    finally:
        os.close(lock)


def test_the_caller_is_left_without_zombies_descriptors_or_warnings(project: Project) -> None:
    project.write(
        {
            "train.py": "from foundations import *\nimport gc, os\n"
            "def once():\n"
            "    pipeline.stage(int).run().fetch_job_results()\n"
            "once(); gc.collect()\n"
            "before = sorted(os.listdir('/proc/self/fd'))\n"
            "once(); once(); gc.collect()\n"
            "print(before == sorted(os.listdir('/proc/self/fd')))\n"
            "pipeline.stage(int).run()\n"
            "gc.collect()\n"
        }
    )
    done = project.attempt("-X", "dev", "-W", "error", "train.py")
    assert ("True\n", "", 0) == (done.stdout, done.stderr, done.returncode)


def test_a_job_has_no_standard_input(project: Project) -> None:
    submitted(project, "value = sys.stdin.read()")
    assert ["''", "'kept'"] == project.report("job")["outputs"]


def test_a_forked_process_that_returns_from_a_stage_is_not_the_job(project: Project) -> None:
    submitted(project, "if os.fork() == 0:\n    return 'child'\nos.wait()\nsignal.raise_signal(signal.SIGSEGV)")
    report = project.report("job")
    assert ["Error", "killed", ["'kept'"]] == [report[key] for key in ("status", "cause", "outputs")]
    assert "a process that stage last forked returned from its function, and was ended there" in report["stderr"]


def test_a_forked_process_that_raises_does_not_fail_the_job(project: Project) -> None:
    submitted(project, "if os.fork() == 0:\n    sys.exit(1)\nos.wait()")
    assert ["Completed", ["'kept'", "'kept'"]] == [project.report("job")[key] for key in ("status", "outputs")]


def test_a_metric_that_a_forked_process_logs_is_refused_there(project: Project) -> None:
    body = """reading, writing = os.pipe()
if os.fork() == 0:
    try:
        log_metric("a", 1)
    except FoundationsError as error:
        os.write(writing, str(error).encode())
    os._exit(0)
value = os.read(reading, 1000).decode()[:61]"""
    submitted(project, body)
    told = "log_metric was called in a child process of a stage, from whi"
    assert ["'kept'", repr(told)] == project.report("job")["outputs"]


def test_a_worker_that_has_closed_everything_dies_with_its_supervisor(project: Project) -> None:
    submitted(project, "os.closerange(3, 1000)\nmeet()")
    worker, supervisor = project.met()
    os.kill(supervisor, signal.SIGKILL)
    assert wait_until_gone([worker])
    assert "lost" == project.report("job")["cause"]


FAILING_ARCHIVE = """import os
from foundations import LocalFileSystemPipelineArchive

class Archive(LocalFileSystemPipelineArchive):
    def write(self, job_name, item, data):
        raise OSError(28, "No space left on device")

    def write_file(self, job_name, item, source, *, digest=None):
        raise OSError(28, "No space left on device")

class Unreadable(Archive):
    def read(self, job_name, item):
        raise StorageUnavailableError(f"cannot read {item}")

class OnlyHere(LocalFileSystemPipelineArchive):
    def __init__(self, root):
        if "FOUNDATIONS_LOCK" in os.environ:
            raise RuntimeError("no such server")
        super().__init__(root)

from foundations.errors import StorageUnavailableError
"""


def with_archive(project: Project, role: str, kind: str) -> None:
    """Have one archive of the project be a failing one of its own."""
    root = project.place / "failing"
    project.write(
        {
            "mine.py": FAILING_ARCHIVE,
            "local.config.yaml": f"{role}_archive_implementation:\n"
            f"  archive_type: mine.{kind}\n  constructor_arguments: [{root}]\n",
        }
    )


@pytest.mark.parametrize("kind", ["Archive", "Unreadable"])
@pytest.mark.parametrize(
    "role", ["stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous"]
)
def test_when_only_one_archive_fails_nothing_is_lost_and_the_failure_is_told(
    project: Project, role: str, kind: str
) -> None:
    with_archive(project, role, kind)
    submitted(project, "log_metric('a', 1)")
    result = project.run(
        "-c",
        "from foundations import *\n"
        "result = load_job('job').fetch_job_results()\n"
        "logs = [context['stage_log'] for context in result['stage_contexts'].values()]\n"
        "load_job('job').fetch_job_source('source.tgz')\n"
        "names = result['provenance']['stages']['names']\n"
        "print(result.output, logs, names, load_job('job').get_job_logs())\n"
        "print(result)",
    )
    assert "kept [{}, {'a': 1}] ['first', 'last'] said before\n" in result
    assert (role == "artifact") != ("not archived: " in result)
    assert (project.root / "source.tgz").stat().st_size


@pytest.mark.parametrize("role", ["stage_log", "job_source"])
def test_what_could_not_be_archived_is_told_though_the_worker_died(project: Project, role: str) -> None:
    with_archive(project, role, "Archive")
    submitted(project, "os._exit(3)")
    report = project.report("job")
    assert ["Error", "exited", ["'kept'"]] == [report[key] for key in ("status", "cause", "outputs")]
    assert f"not archived: {role}/" in report["message"]
    project.run("-c", "from foundations import *; load_job('job').fetch_job_source('source.tgz')")


@pytest.mark.parametrize("role", ["stage_log", "persisted_data", "miscellaneous"])
def test_an_archive_that_cannot_be_made_in_the_job_is_a_failure_of_its_set_up(project: Project, role: str) -> None:
    with_archive(project, role, "OnlyHere")
    submitted(project, "pass")
    report = project.report("job")
    assert ["Error", "environment_setup"] == [report[key] for key in ("status", "cause")]
    assert "no such server" in report["message"]
    assert "stdout and stderr: " in report["message"]
