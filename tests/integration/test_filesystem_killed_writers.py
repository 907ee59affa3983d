"""Each line of an adapter is the last one that a writer gets to; what readers then see is old or new."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_HARNESS = """
import json, os, signal, sys, warnings
from pathlib import Path

root = Path(sys.argv[1])
{scenario}

def killed_at(number):
    seen = 0
    def tracer(frame, event, argument):
        nonlocal seen
        if "adapters" not in frame.f_code.co_filename:
            return None
        if event == "line":
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return tracer
    sys.settrace(tracer)
    act()
    sys.settrace(None)

number, outcomes = 0, set()
while True:
    number += 1
    prepare()
    with warnings.catch_warnings():  # of a thread that was joined and is still in /proc, where Python counts
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        killed_at(number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    outcomes.add(outcome())
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, status
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
print(json.dumps([number, sorted(outcomes)]))
"""

_CACHE = """
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
cache = LocalFileSystemCacheBackend(root)
def outcome():
    value = cache.get("key")
    assert {entry.key for entry in cache.entries()} <= {"key"}
    assert not (root / "damaged").exists()
    if value is None:
        return "none"
    assert bytes(value.frames[0]) == value.metadata
    return "|".join(bytes(frame[:5]).decode() for frame in value.frames)
"""

_LARGE = """
large = b"large" * 300_000
def put(first, **settings):
    LocalFileSystemCacheBackend(root, **settings).put("key", [first, large, large], first)
"""

_LEASE = """
from foundations.adapters.filesystem import LocalFileSystemCacheBackend
from foundations.adapters.filesystem.cache import leases
cache = LocalFileSystemCacheBackend(root)
held = None
def prepare():
    global held
    held = None
def outcome():
    lease = cache.lease("key")
    assert lease is not None
    assert cache.lease("key") is None
    lease.release()
    return "free"
"""

_ARCHIVE = """
from foundations.adapters.filesystem import LocalFileSystemPipelineArchive
archive = LocalFileSystemPipelineArchive(root)
source = root.parent / "source"
source.write_bytes(b"new")
def prepare():
    archive.delete("job")
    archive.write("job", "a/item", [b"old"])
def outcome():
    assert ["a/item"] == [item.name for item in archive.items("job")]
    return bytes(archive.read("job", "a/item")).decode()
"""

_LISTING = """
from foundations.adapters.filesystem import LocalFileSystemPipelineListing
from foundations.ports.archive_listing import JobChange, JobRecord
from foundations.ports.job_query import AllOf, Comparison, Field, JobQuery
from foundations.ports.job import JobState
listing = LocalFileSystemPipelineListing(root)
def of(metrics):
    return AllOf(tuple(Comparison(Field(name, "metrics"), "==", value) for name, value in metrics.items()))
def outcome():
    listing.close()
    return " ".join(
        f"{record.state} {record.metrics} {listing.count(of(record.metrics))}"
        for record in listing.find(JobQuery())
    )
"""

_SCENARIOS = {
    "putting the first value": (
        _CACHE + "prepare = lambda: cache.delete('key')\n" + "act = lambda: cache.put('key', [b'new', b'er'], b'new')",
        {"none", "new|er"},
    ),
    "putting another value": (
        _CACHE
        + "prepare = lambda: cache.put('key', [b'old'], b'old')\n"
        + "act = lambda: cache.put('key', [b'new'], b'new')",
        {"new", "old"},
    ),
    "putting a large value": (
        _CACHE + _LARGE + "prepare = lambda: put(b'old')\n" + "act = lambda: put(b'new')",
        {"new|large|large", "old|large|large"},
    ),
    "putting a compressed value": (
        _CACHE
        + _LARGE
        + "prepare = lambda: cache.put('key', [b'old'], b'old')\n"
        + "act = lambda: put(b'new', compress='zstd')",
        {"new|large|large", "old"},
    ),
    "setting a value aside": (
        _CACHE.replace('not (root / "damaged").exists()', "True")
        + "prepare = lambda: cache.put('key', [b'old'], b'old')\n"
        + "from foundations import events\n"
        + "events.warning = lambda event, **keys: None\n"
        + "act = lambda: cache.set_aside('key', 'damaged')",
        {"none", "old"},
    ),
    "leasing": (_LEASE + "def act(): cache.lease('key').release()", {"free"}),
    "taking a lease over": (
        _LEASE
        + "def prepare():\n"
        + "    global held\n"
        + "    held = cache.lease('key')\n"
        + '    os.utime(root / "leases" / "key", (1, 1))\n'
        + "    leases._holders.clear()\n"
        + "def act(): cache.lease('key').release()",
        {"free"},
    ),
    "putting if absent": (
        _CACHE
        + "prepare = lambda: cache.delete('key')\n"
        + "act = lambda: cache.put('key', [b'new'], b'new', if_absent=True)",
        {"none", "new"},
    ),
    "writing an item": (
        _ARCHIVE + "act = lambda: archive.write('job', 'a/item', [b'n', b'e', b'w'])",
        {"new", "old"},
    ),
    "writing a file": (_ARCHIVE + "act = lambda: archive.write_file('job', 'a/item', source)", {"new", "old"}),
    "writing a shared file": (
        _ARCHIVE + "act = lambda: archive.write_file('job', 'a/item', source, digest='0' * 64)",
        {"new", "old"},
    ),
    "appending": (_ARCHIVE + "act = lambda: archive.append('job', 'a/item', b' new')", {"old new", "old"}),
    "tracking": (
        _LISTING
        + "def prepare(): listing.remove('job')\n"
        + "def act(): listing.track(JobRecord(job_name='job', submitted_at=1.0, metrics={'loss': 1}))",
        {"", "Queued {'loss': 1} 1"},
    ),
    "updating": (
        _LISTING
        + "def prepare():\n"
        + "    listing.remove('job')\n"
        + "    listing.track(JobRecord(job_name='job', submitted_at=1.0, metrics={'loss': 1}))\n"
        + "def act(): listing.update('job', JobChange(state=JobState.ERROR, metrics={'loss': 2}))",
        {"Queued {'loss': 1} 1", "Error {'loss': 2} 1"},
    ),
}


@pytest.mark.parametrize("name", _SCENARIOS)
def test_a_writer_killed_at_any_line_leaves_the_old_or_the_new(name: str, tmp_path: Path) -> None:
    scenario, expected = _SCENARIOS[name]
    done = subprocess.run(
        [sys.executable, "-c", _HARNESS.replace("{scenario}", scenario), str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    lines, outcomes = json.loads(done.stdout)
    assert lines > 30
    assert expected == set(outcomes)


def test_deleting_that_was_cut_short_is_finished_by_deleting_again(tmp_path: Path) -> None:
    scenario = """
from foundations.adapters.filesystem import LocalFileSystemPipelineArchive
archive = LocalFileSystemPipelineArchive(root)
source = root.parent / "source"
source.write_bytes(b"content")
def prepare():
    archive.write_file("job", "a/item", source, digest="0" * 64)
    archive.write("job", "b", [b"content"])
def act():
    archive.delete("job")
def outcome():
    assert len(archive.items("job")) in (0, 2)
    archive.delete("job")
    assert [] == [path for path in root.rglob("*") if path.is_file()], list(root.rglob("*"))
    return ""
"""
    done = subprocess.run(
        [sys.executable, "-c", _HARNESS.replace("{scenario}", scenario), str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
