"""The command itself, in processes of its own: with and without a terminal, and beside others that use the cache."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import PATIENCE, Project, succeeded

from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.version import __version__

SCRIPT = str(Path(sys.executable).parent / "foundations")
YAML = "cache_implementation:\n  cache_type: foundations.LocalFileSystemCacheBackend\n  constructor_arguments: [{}]\n"
KNOWN = json.dumps({"stage": "évaluer", "job": "train-20261123-231650-mv4d2", "created_at": 1.0, "seconds": 90})
READER = """
import json, select, sys
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
cache = LocalFileSystemCacheBackend(sys.argv[1])
keys = sys.argv[2:]
held = {key: cache.get(key) for key in keys}
print("ready", flush=True)
reads = hits = wrong = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for key in keys:
        value = cache.get(key)
        reads += 1
        hits += value is not None
        wrong += value is not None and bytes(value.frames[0]) != key.encode() * 30_000
changed = sum(bytes(value.frames[0]) != key.encode() * 30_000 for key, value in held.items())
print(json.dumps({"hits": hits, "reads": reads, "wrong": wrong, "changed": changed}))
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    """A project directory that names a cache of its own."""
    made = Project(tmp_path)
    made.write({"local.config.yaml": YAML.format(tmp_path / "cache")})
    yield made
    made.close()


@pytest.fixture
def cache(place: Project) -> LocalFileSystemCacheBackend:
    return LocalFileSystemCacheBackend(place.place / "cache")


def keys(cache: LocalFileSystemCacheBackend) -> list[str]:
    return sorted(entry.key for entry in cache.entries())


def document(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text)
    return found


# -- starting ---------------------------------------------------------------------------------------------------------


def test_the_script_and_the_module_are_the_same_command(place: Project) -> None:
    told = f"foundations {__version__}\n"
    assert (told, told) == (place.run(SCRIPT, "--version"), place.run("-m", "foundations", "--version"))


def test_help_loads_neither_adapters_nor_what_draws_tables(place: Project) -> None:
    look = (
        "import sys\nfrom foundations.cli.main import main\nsys.argv = ['foundations', 'cache', 'gc', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    loaded = set(place.attempt("-c", look).stderr.split())
    other = {f"foundations.cli.cache.{name}" for name in ("stats", "ls", "why", "clear")}
    assert ({"foundations.cli.cache.gc"}, set()) == ({"foundations.cli.cache.gc"} & loaded, other & loaded)
    assert set() == {"rich", "yaml", "structlog", "cloudpickle", "foundations.app", "foundations.adapters"} & loaded


@pytest.mark.parametrize(
    "arguments", [["cache", "ls"], ["cache", "ls", "--limit", "3"], ["bundle", "ls", "--config", "a.yaml"]]
)
def test_a_command_loads_nothing_that_only_converts_its_arguments(place: Project, arguments: list[str]) -> None:
    place.write({"a.yaml": "cache_audit: 0\n"})
    look = (
        f"import sys\nfrom foundations.cli.main import main\nsys.argv = ['foundations', *{arguments}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code or 0, *sorted(sys.modules))\n"
    )
    code, *loaded = place.run("-c", look).splitlines()[-1].split()
    assert ("0", set()) == (code, {"pydantic", "rich"} & set(loaded))


def test_what_scripts_import_loads_nothing_of_the_command_line(place: Project) -> None:
    look = "import sys\nfrom foundations import *\nfrom foundations.app import wiring\nprint(*sorted(sys.modules))\n"
    loaded = set(place.run("-c", look).split())
    assert set() == {"typer", "rich", "foundations.cli"} & loaded


def test_a_shell_completes_commands(place: Project) -> None:
    completing = {"_FOUNDATIONS_COMPLETE": "complete_bash", "COMP_WORDS": "foundations cache s", "COMP_CWORD": "2"}
    assert "stats\n" == place.run(SCRIPT, variables=completing)


def test_a_shell_completes_names_of_jobs(project: Project) -> None:
    project.write({"train.py": "from foundations import *\npipe = pipeline.stage(print, 'done')\n"})
    assert "first\ndone\n" == project.run(SCRIPT, "run", "train.py", "--job-name", "first", "--follow")
    completing = {
        "_FOUNDATIONS_COMPLETE": "complete_bash",
        "COMP_WORDS": "foundations jobs cancel fi",
        "COMP_CWORD": "3",
    }
    assert "first\n" == project.run(SCRIPT, variables=completing)
    assert "done\n" == project.run(SCRIPT, "jobs", "logs", "first")


OWN_CACHE = {
    "own_cache.py": "from foundations import MemoryCacheBackend\nopen('imported', 'w').close()\n"
    "class Own(MemoryCacheBackend):\n    pass\n",
    "local.config.yaml": "cache_implementation:\n  cache_type: own_cache.Own\n",
}


def test_an_adapter_of_the_project_is_found_where_the_caller_names_the_project(place: Project) -> None:
    place.write(OWN_CACHE)
    shown = place.run(SCRIPT, "cache", "stats", "--json", variables={"PYTHONPATH": str(place.root)})
    assert 0 == document(shown)["entries"]


def test_an_adapter_of_the_project_is_found_by_a_command_that_removes(place: Project) -> None:
    place.write(OWN_CACHE)
    assert 0 == document(place.run(SCRIPT, "cache", "clear", "--yes", "--json"))["left_entries"]


@pytest.mark.parametrize("start", [[SCRIPT], ["-m", "foundations"]])
@pytest.mark.parametrize(
    "command",
    [
        ["cache", "stats"],
        ["cache", "ls"],
        ["cache", "why", "job"],
        ["cache", "gc", "--max-size", "0", "--dry-run"],
        ["adapters"],
        ["bundle", "ls"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_command_that_only_looks_runs_no_code_of_the_working_directory(
    place: Project, start: list[str], command: list[str]
) -> None:
    place.write({**OWN_CACHE, "typer.py": "open('imported', 'w').close()\n"})
    refusal = place.refusal(*start, *command)
    assert refusal.startswith(
        f"Error: {place.root}/local.config.yaml:2: cache_implementation: own_cache.Own is code of"
    )
    assert not (place.root / "imported").exists()


# -- without a terminal -----------------------------------------------------------------------------------------------


def test_commands_answer_with_one_document_each(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    for number in range(4):
        cache.put(f"{number}", [b"x" * 10_000 * (number + 1)], KNOWN.encode())
    size = sum(entry.size for entry in cache.entries())
    statistics = document(place.run(SCRIPT, "cache", "stats", "--json"))
    listing = document(place.run(SCRIPT, "cache", "ls", "--order", "size", "--limit", "1", "--json"))
    foretold = document(place.run(SCRIPT, "cache", "gc", "--max-size", "80kB", "--dry-run", "--json"))
    assert ["0", "1", "2", "3"] == keys(cache)
    collected = document(place.run(SCRIPT, "cache", "gc", "--max-size", "80kB", "--json"))
    assert ["2", "3"] == keys(cache)
    cleared = document(place.run(SCRIPT, "cache", "clear", "--yes", "--json"))
    assert [] == keys(cache)
    assert (4, size, 4, size) == (*(statistics[name] for name in ("entries", "size")), listing["total_entries"], size)
    assert [("3", "évaluer", 90.0)] == [
        (entry["key"], entry["stage"], entry["seconds"])
        for entry in listing["entries"]  # type: ignore[attr-defined]
    ]
    assert {**foretold, "dry_run": False} == collected
    assert (2, 0) == (len(cleared["removed"]), cleared["left_entries"])  # type: ignore[arg-type]


def test_a_list_in_a_pipe_has_whole_keys_and_no_escape_sequences(
    place: Project, cache: LocalFileSystemCacheBackend
) -> None:
    cache.put("k" * 200, [b"value"], KNOWN.encode())
    printed = place.run(SCRIPT, "cache", "ls", variables={"COLUMNS": "40", "TERM": "xterm-256color"})
    assert "k" * 200 == printed.splitlines()[1].split()[-1]
    assert "\x1b" not in printed


def test_a_name_that_the_output_cannot_show_is_spelt_out(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    cache.put("key", [b"value"], '{"stage": "учить"}'.encode())
    printed = place.run(SCRIPT, "cache", "ls", variables={"PYTHONIOENCODING": "latin-1"})
    assert "\\u0443\\u0447\\u0438\\u0442\\u044c" in printed


def test_a_reader_that_leaves_early_ends_the_command_silently(
    place: Project, cache: LocalFileSystemCacheBackend
) -> None:
    for number in range(600):
        cache.put(f"{number:0200}", [b"value"])
    child = place.start(SCRIPT, "cache", "ls")
    assert child.stdout is not None
    assert child.stdout.readline().split() == ["size", "last", "used", "created", "took", "stage", "job", "key"]
    child.stdout.close()
    assert child.stderr is not None
    assert ("", 1) == (child.stderr.read(), child.wait(PATIENCE))


SHOWING = [
    ["--help"],
    ["--version"],
    ["cache", "stats"],
    ["cache", "ls", "--json"],
    ["config", "show"],
    ["config", "check", "--json"],
    ["bundle", "ls"],
    ["adapters"],
    ["doctor"],
]


@pytest.mark.parametrize("arguments", SHOWING, ids=" ".join)
@pytest.mark.parametrize(
    ("how", "told"), [("> /dev/full", "Error: [Errno 28] No space left on device\n"), ("| true", "")]
)
def test_an_output_that_leads_nowhere_is_told_in_one_line_or_none(
    place: Project, arguments: list[str], how: str, told: str
) -> None:
    command = ["bash", "-c", f'"$@" {how}; exit ${{PIPESTATUS[0]}}', "bash", SCRIPT, *arguments]
    done = subprocess.run(
        command, cwd=place.root, env=place.environment(), capture_output=True, text=True, timeout=PATIENCE
    )
    assert (told, "") == (done.stderr, done.stdout)


def test_clearing_is_refused_where_nobody_can_be_asked(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    cache.put("key", [b"value"])
    done = place.attempt(SCRIPT, "cache", "clear")
    assert (2, "", ["key"]) == (done.returncode, done.stdout, keys(cache))
    assert "give --yes" in done.stderr


def test_a_cache_that_others_can_write_is_refused(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    cache.put("key", [b"value"])
    cache.root.chmod(0o777)
    done = place.attempt(SCRIPT, "cache", "clear", "--yes")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("Error: ")
    assert str(cache.root) in done.stderr
    assert "Traceback" not in done.stderr


# -- on a terminal ----------------------------------------------------------------------------------------------------


class Terminal:
    """A command on a terminal of its own, 80 columns wide."""

    def __init__(self, project: Project, *arguments: str, **variables: str) -> None:
        self._master, slave = pty.openpty()
        variables = {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color", "NO_COLOR": "", **variables}
        self.child = subprocess.Popen(
            [sys.executable, SCRIPT, *arguments],
            cwd=project.root,
            env=project.environment(variables),
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, text: str | None) -> None:
        """Read what is shown until a text comes, or to the end."""
        while text is None or text not in self.shown:
            assert select.select([self._master], [], [], PATIENCE)[0], f"nothing more after {self.shown!r}"
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the other end is closed
                return
            self.shown += data.decode()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        self.read_until(None)
        os.close(self._master)
        return self.child.wait(PATIENCE)


def test_a_list_on_a_terminal_shortens_keys_alone(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    cache.put("k" * 64, [b"value"], KNOWN.encode())
    terminal = Terminal(place, "cache", "ls")
    assert 0 == terminal.end()
    heading, row = terminal.shown.splitlines()
    assert heading.startswith("\x1b[1m")
    assert ["évaluer", "train-20261123-231650-mv4d2", "k" * 11 + "…"] == row.split()[-3:]


def test_without_colours_a_list_has_none(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    cache.put("key", [b"value"])
    terminal = Terminal(place, "cache", "ls", NO_COLOR="1")
    assert 0 == terminal.end()
    assert [] == [code for code in ("[3", "[9", ";3", ";9") if f"\x1b{code}" in terminal.shown]


@pytest.mark.parametrize(
    ("answer", "code", "told", "left"),
    [("y\n", 0, "Removed 1 entry (", []), ("n\n", 1, "Nothing was removed.", ["key"]), ("\x04", 1, "Nothing", ["key"])],
)
def test_clearing_asks_on_a_terminal(
    place: Project, cache: LocalFileSystemCacheBackend, answer: str, code: int, told: str, left: list[str]
) -> None:
    cache.put("key", [b"value"])
    terminal = Terminal(place, "cache", "clear")
    terminal.read_until("[y/N]")
    terminal.type(answer)
    assert (code, left) == (terminal.end(), keys(cache))
    assert "Remove 1 entry, " in terminal.shown
    assert told in terminal.shown


def test_findings_have_colours_on_a_terminal_unless_nobody_wants_them(place: Project) -> None:
    for variable, has_colours in (("", True), ("1", False)):
        terminal = Terminal(place, "doctor", NO_COLOR=variable)
        assert 0 == terminal.end()
        assert has_colours == ("\x1b[32mok" in terminal.shown)


def test_an_interrupt_leaves_a_job_running_that_is_followed(project: Project) -> None:
    script = "from foundations import *\npipe = pipeline.stage(steps)\n"
    steps = (
        f"{project.meeting}\n\ndef steps():\n    print('it begins', flush=True)\n    meet()\n    print('it ends')\n\n\n"
    )
    project.write({"train.py": steps + script})
    terminal = Terminal(project, "run", "train.py", "--job-name", "first", "--follow")
    project.met()
    terminal.read_until("it begins")
    terminal.child.send_signal(signal.SIGINT)
    assert 130 == terminal.end()
    assert "Job first goes on without you." in terminal.shown
    assert "Traceback" not in terminal.shown
    project.go_on()
    look = "from foundations import *\njob = load_job('first')\njob.fetch_job_results()\nprint(job.get_job_logs())\n"
    assert "it ends" in project.run("-c", look)


def test_a_reader_that_leaves_early_ends_a_command_that_follows_and_the_job_goes_on(project: Project) -> None:
    project.write({"train.py": "from foundations import *\npipe = pipeline.stage(print, 'x' * 100_000)\n"})
    command = [SCRIPT, "run", "train.py", "--job-name", "first", "--follow"]
    piped = subprocess.run(
        ["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *command],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (1, "") == (piped.returncode, piped.stderr)
    assert "Completed" == project.report("first")["status"]


def test_an_interrupt_ends_the_command_with_130(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    cache.put("key", [b"value"])
    terminal = Terminal(place, "cache", "clear")
    terminal.read_until("[y/N]")
    terminal.child.send_signal(signal.SIGINT)
    assert (130, ["key"]) == (terminal.end(), keys(cache))
    assert "Traceback" not in terminal.shown


# -- beside others ----------------------------------------------------------------------------------------------------


def test_a_collection_beside_a_reader_harms_no_value(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    names = [f"key-{number:04}" for number in range(40)]
    for name in names:
        cache.put(name, [name.encode() * 30_000])
    size = sum(entry.size for entry in cache.entries())
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(cache.root), *names],
        cwd=place.root,
        env=place.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert reader.stdout is not None
        assert "ready\n" == reader.stdout.readline()
        for part in (4, 3, 2, 1):
            place.run(SCRIPT, "cache", "gc", "--max-size", f"{size * part // 5}")
            assert sum(entry.size for entry in cache.entries()) <= size * part // 5
        read = json.loads(reader.communicate(timeout=PATIENCE)[0])
    finally:
        reader.kill()
        reader.wait()
    assert (0, 0) == (read["wrong"], read["changed"])
    assert 0 < read["hits"] < read["reads"]


def test_collections_at_once_remove_each_entry_once(place: Project, cache: LocalFileSystemCacheBackend) -> None:
    for number in range(300):
        cache.put(f"{number}", [b"value"])
    children = [place.start(SCRIPT, "cache", "gc", "--max-size", "0", "--json") for _ in range(3)]
    removed = []
    for child in children:
        stdout, stderr = child.communicate(timeout=PATIENCE)
        done = subprocess.CompletedProcess(child.args, child.returncode, stdout, stderr)
        removed += [entry["key"] for entry in json.loads(succeeded(done))["removed"]]
    assert sorted(f"{number}" for number in range(300)) == sorted(removed)
    assert [] == keys(cache)
