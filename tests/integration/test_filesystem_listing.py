import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from foundations.adapters.filesystem import (
    LocalFileSystemCacheBackend,
    LocalFileSystemPipelineArchive,
    LocalFileSystemPipelineListing,
)
from foundations.adapters.filesystem.listing import database as database_module
from foundations.adapters.filesystem.listing.tables import selection
from foundations.errors import JobNotFoundError, StorageUnavailableError, UntrustedLocationError
from foundations.ports.archive_listing import JobChange, JobQuery, JobRecord
from foundations.ports.job import JobState

RECORD = JobRecord(job_name="job", submitted_at=1.0, tags={"owner": "ana"})


@pytest.fixture
def listing(tmp_path):
    listing = LocalFileSystemPipelineListing(tmp_path / "store")
    yield listing
    listing.close()


@pytest.fixture
def file(listing):
    return listing.root / "listing.sqlite3"


def test_looking_at_a_listing_that_is_not_there_makes_nothing(listing, tmp_path):
    listing.check()
    assert ([], False) == (listing.find(JobQuery()), listing.remove("job"))
    with pytest.raises(JobNotFoundError):
        listing.get("job")
    with pytest.raises(JobNotFoundError):
        listing.update("job", JobChange())
    assert [] == list(tmp_path.iterdir())


def test_its_files_are_private(listing):
    listing.track(RECORD)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in listing.root.iterdir()}
    assert 0o700 == stat.S_IMODE(listing.root.stat().st_mode)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_unavailable_and_named(listing, file, content):
    listing.root.mkdir(mode=0o700)
    file.write_bytes(content)
    for call in (listing.check, lambda: listing.track(RECORD), lambda: listing.find(JobQuery())):
        with pytest.raises(StorageUnavailableError, match="move it away") as raised:
            call()
        assert str(file) == raised.value.path
    assert content == file.read_bytes()


def test_a_file_that_is_damaged_within_is_unavailable(listing, file):
    for number in range(200):
        listing.track(RECORD._replace(job_name=f"job-{number}"))
    listing.close()
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(StorageUnavailableError, match="malformed"):
        listing.find(JobQuery(limit=5))


def test_a_listing_of_another_version_is_unavailable(listing, file):
    listing.track(RECORD)
    listing.close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StorageUnavailableError, match="it is of version 7"):
        listing.get("job")


def test_a_database_of_something_else_is_unavailable_and_left_alone(listing, file):
    listing.root.mkdir(mode=0o700)
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE other (a)")
    connection.close()
    file.chmod(0o600)
    with pytest.raises(StorageUnavailableError, match="a database of something else"):
        listing.track(RECORD)


def test_something_other_than_a_file_is_unavailable(listing, file):
    listing.root.mkdir(mode=0o700)
    file.symlink_to(listing.root / "elsewhere")
    with pytest.raises(StorageUnavailableError, match="not a regular file"):
        listing.track(RECORD)
    assert not (listing.root / "elsewhere").exists()


def test_a_file_that_others_can_write_is_refused(listing, file):
    listing.track(RECORD)
    listing.close()
    file.chmod(0o666)
    with pytest.raises(UntrustedLocationError, match="another user could have written it"):
        listing.get("job")


def test_a_directory_that_others_can_write_is_refused(listing):
    listing.track(RECORD)
    listing.root.chmod(0o777)
    for call in (lambda: listing.get("job"), lambda: listing.track(RECORD), listing.check):
        with pytest.raises(UntrustedLocationError):
            call()


def test_a_full_disk_is_unavailable_and_undoes_the_change(listing):
    listing.track(RECORD)
    listing._database._current_connection().execute("PRAGMA max_page_count = 1")
    with pytest.raises(StorageUnavailableError, match="full"):
        listing.update("job", JobChange(metrics={"long": "x" * 1_000_000}))
    assert RECORD == listing.get("job")


def test_a_listing_that_was_removed_is_made_anew(listing, file):
    listing.track(RECORD)
    for path in listing.root.iterdir():
        path.unlink()
    with pytest.raises(JobNotFoundError):
        listing.get("job")
    listing.track(RECORD)
    assert [RECORD] == LocalFileSystemPipelineListing(listing.root).find(JobQuery())


def test_several_adapters_of_one_process_share_the_file(listing):
    other = LocalFileSystemPipelineListing(listing.root)
    listing.track(RECORD)
    other.update("job", JobChange(state=JobState.RUNNING))
    assert JobState.RUNNING is listing.get("job").state
    assert [RECORD._replace(state=JobState.RUNNING)] == other.find(JobQuery())


def test_an_adapter_travels_without_its_connection(listing):
    listing.track(RECORD)
    arrived = pickle.loads(pickle.dumps(listing))
    assert (listing.root, [RECORD]) == (arrived.root, arrived.find(JobQuery()))


def test_all_adapters_may_share_one_root(listing):
    cache, archive = LocalFileSystemCacheBackend(listing.root), LocalFileSystemPipelineArchive(listing.root)
    listing.track(RECORD)
    archive.write("job", "cache/listing.sqlite3", [b"content"])
    cache.put("listing.sqlite3", [b"value"])
    assert (["job"], ["listing.sqlite3"]) == (list(archive.jobs()), [entry.key for entry in cache.entries()])
    archive.delete("job")
    assert [RECORD] == listing.find(JobQuery())


def test_forks_use_the_listing_at_once(tmp_path):
    script = """
import os, sys
from foundations.adapters.filesystem import LocalFileSystemPipelineListing
from foundations.ports.archive_listing import JobChange, JobRecord
listing = LocalFileSystemPipelineListing(sys.argv[1])
listing.track(JobRecord(job_name="job", submitted_at=1.0))
children = []
for child in range(4):
    children.append(os.fork())
    if not children[-1]:
        for number in range(25):
            listing.update("job", JobChange(metrics={f"{child}-{number}": number}))
        os._exit(0)
    listing.update("job", JobChange(metrics={f"parent-{child}": child}))
assert [0] * 4 == [os.waitpid(child, 0)[1] for child in children]
assert 104 == len(listing.get("job").metrics), listing.get("job").metrics
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_a_failing_change_is_undone(listing):
    listing.track(RECORD)
    with pytest.raises(TypeError, match="JSON"):
        listing.update("job", JobChange(state=JobState.RUNNING, metrics={"odd": object()}))
    assert RECORD == listing.get("job")


QUERIES = [
    JobQuery(limit=20),
    JobQuery(project="project-3", limit=20),
    JobQuery(states=(JobState.ERROR, JobState.RUNNING), limit=20),
    JobQuery(project="project-3", states=(JobState.ERROR,), limit=20),
    JobQuery(tags={"owner": "user-5"}, limit=20),
    JobQuery(parameters={"number": 77}, metrics={"loss": 7}, limit=20),
    JobQuery(tags={"owner": "user-5"}, submitted_from=3.0, oldest_first=True, limit=20),
    JobQuery(submitted_until=500.0, limit=20),
]


@pytest.mark.parametrize("query", QUERIES)
def test_every_way_of_finding_walks_an_index_in_order(listing, query):
    listing.track(RECORD)
    with listing._database.transaction(writing=False) as connection:
        for state in query.states or [None]:
            sql, values = selection(query, state)
            plan = " / ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
            assert "INDEX" in plan or "PRIMARY KEY" in plan
            assert "TEMP B-TREE" not in plan
            assert "SCAN jobs /" not in f"{plan} /"


def test_finding_among_a_hundred_thousand_jobs_is_interactive(listing):
    listing.track(RECORD)
    with listing._database.transaction(writing=True) as connection:
        connection.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
            INSERT INTO jobs SELECT 'job-' || i, 'project-' || (i % 10), iif(i % 1000, 'Completed', 'Error'), NULL, i,
            NULL, NULL, '{}', '{}', json_object('owner', 'user-' || (i % 100)), '{}' FROM n
            """
        )
        connection.execute(
            "INSERT INTO attributes SELECT 'tags', 'owner', json_quote(tags ->> 'owner'), submitted_at, job_name "
            "FROM jobs WHERE job_name != 'job'"
        )
    for query in QUERIES:
        began = time.perf_counter()
        listing.find(query)
        assert time.perf_counter() - began < 0.1
    assert 20 == len(listing.find(JobQuery(tags={"owner": "user-5"}, limit=20)))
    assert ["job-99000"] == [record.job_name for record in listing.find(JobQuery(states=(JobState.ERROR,), limit=1))]


def test_the_owner_of_the_store_is_asked_for(listing):
    listing.track(RECORD)
    if os.geteuid() == 0:
        os.chown(listing.root, 65534, 65534)
    else:
        listing.root.chmod(0o777)
    with pytest.raises(UntrustedLocationError):
        listing.get("job")


def test_tables_that_another_process_made_meanwhile_are_used(listing, monkeypatch):
    version = database_module._version
    seen = []

    def stale_at_first(connection):
        seen.append(version(connection))
        return 0 if len(seen) == 1 else seen[-1]

    LocalFileSystemPipelineListing(listing.root).track(RECORD)
    monkeypatch.setattr(database_module, "_version", stale_at_first)
    assert [RECORD] == listing.find(JobQuery())


def test_many_listings_of_one_place_share_one_connection(tmp_path):
    listings = [LocalFileSystemPipelineListing(tmp_path / "root") for _ in range(50)]
    listings[0].track(JobRecord(job_name="job", submitted_at=1.0))
    before = len(os.listdir("/proc/self/fd"))
    found = {listing.get("job").job_name for listing in listings}
    assert ({"job"}, before) == (found, len(os.listdir("/proc/self/fd")))
