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
from foundations.adapters.filesystem.listing.selection import selection
from foundations.errors import JobNotFoundError, StorageUnavailableError, UntrustedLocationError
from foundations.ports.archive_listing import JobChange, JobRecord
from foundations.ports.job import JobState
from foundations.ports.job_query import AllOf, AnyOf, Comparison, Field, JobQuery, Like, OneOf

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
    assert ([], 0, [], False) == (
        [*listing.find(JobQuery())],
        listing.count(),
        listing.names("tags"),
        listing.remove("job"),
    )
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
    for call in (listing.check, lambda: listing.track(RECORD), lambda: [*listing.find(JobQuery())]):
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
        [*listing.find(JobQuery(limit=5))]


def test_a_listing_of_another_version_is_unavailable(listing, file):
    listing.track(RECORD)
    listing.close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StorageUnavailableError, match="it is of version 7, of a newer release"):
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
    assert [RECORD] == [*LocalFileSystemPipelineListing(listing.root).find(JobQuery())]


def test_several_adapters_of_one_process_share_the_file(listing):
    other = LocalFileSystemPipelineListing(listing.root)
    listing.track(RECORD)
    other.update("job", JobChange(state=JobState.RUNNING))
    assert JobState.RUNNING is listing.get("job").state
    assert [RECORD._replace(state=JobState.RUNNING)] == [*other.find(JobQuery())]


def test_an_adapter_travels_without_its_connection(listing):
    listing.track(RECORD)
    arrived = pickle.loads(pickle.dumps(listing))
    assert (listing.root, [RECORD]) == (arrived.root, [*arrived.find(JobQuery())])


def test_all_adapters_may_share_one_root(listing):
    cache, archive = LocalFileSystemCacheBackend(listing.root), LocalFileSystemPipelineArchive(listing.root)
    listing.track(RECORD)
    archive.write("job", "cache/listing.sqlite3", [b"content"])
    cache.put("listing.sqlite3", [b"value"])
    assert (["job"], ["listing.sqlite3"]) == (list(archive.jobs()), [entry.key for entry in cache.entries()])
    archive.delete("job")
    assert [RECORD] == [*listing.find(JobQuery())]


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


def _all(*conditions):
    return JobQuery(AllOf(conditions), limit=20)


def _is(name, operator, value, group=None):
    return Comparison(Field(name, group), operator, value)


RARE = AnyOf((_is("number", "==", 77, "parameters"), _is("state", "==", "Error"), _is("loss", "<", 0.1, "metrics")))
QUERIES = {
    "the newest": JobQuery(limit=20),
    "a project": _all(_is("project", "==", "project-3")),
    "a project's failures": _all(_is("project", "==", "project-0"), _is("state", "==", "Error")),
    "states": _all(OneOf(Field("state"), ("Error", "Running"))),
    "a tag": _all(_is("owner", "==", "user-5", "tags")),
    "a range of a metric": _all(_is("loss", ">", 10, "metrics"), _is("loss", "<=", 11, "metrics")),
    "a parameter and a state": _all(_is("number", "==", 77, "parameters"), _is("state", "==", "Completed")),
    "one of several, by a metric": JobQuery(RARE, sort=Field("loss", "metrics"), descending=False, limit=20),
    "a beginning of the name": _all(Like(Field("job_name"), "job-77%")),
    "a time": _all(_is("submitted_at", "<", 500.0)),
    "all by a metric": JobQuery(sort=Field("loss", "metrics"), limit=20),
}


@pytest.fixture(scope="module")
def hundred_thousand(tmp_path_factory):
    """A listing of so many jobs, with a parameter, a metric and a tag each."""
    listing = LocalFileSystemPipelineListing(tmp_path_factory.mktemp("many") / "store")
    listing.track(RECORD._replace(parameters={"number": 0}, metrics={"loss": 0.0}))
    with listing._database.transaction(writing=True) as connection:
        connection.execute(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
            INSERT INTO jobs
            (job_name, project, state, submitted_at, kind, attempt, environment, parameters, metrics, tags)
            SELECT 'job-' || i, 'project-' || (i % 10), iif(i % 1000, 'Completed', 'Error'), i, 'job', 1, '{}',
            json_object('number', i), json_object('loss', i * 0.01), json_object('owner', 'user-' || (i % 100)) FROM n
            """
        )
        for group in ("parameters", "metrics", "tags"):
            connection.execute(
                "INSERT INTO attributes SELECT jobs.id, names.id, each.value "
                f"FROM jobs, json_each(jobs.{group}) AS each "
                "JOIN names ON names.in_group = ? AND names.name = each.key WHERE jobs.job_name != 'job'",
                (group,),
            )
    yield listing
    listing.close()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_finding_among_a_hundred_thousand_jobs_is_interactive(hundred_thousand, query):
    began = time.perf_counter()
    found = [*hundred_thousand.find(query)]
    assert time.perf_counter() - began < 0.5
    assert 20 == len(found) or "parameters" in str(query)


@pytest.mark.parametrize("query", [query for name, query in QUERIES.items() if "by a metric" not in name])
def test_every_way_of_finding_uses_an_index(hundred_thousand, query):
    with hundred_thousand._database.transaction(writing=False) as connection:
        sql, values = selection(query, "jobs.id")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert [] == [step for step in plan if step.startswith("SCAN") and "INDEX" not in step]


VERSION_1 = """
CREATE TABLE jobs (
  job_name TEXT PRIMARY KEY, project TEXT NOT NULL, state TEXT NOT NULL, cause TEXT,
  submitted_at REAL NOT NULL, started_at REAL, ended_at REAL,
  parameters TEXT NOT NULL, metrics TEXT NOT NULL, tags TEXT NOT NULL, environment TEXT NOT NULL
);
CREATE INDEX jobs_by_time ON jobs (submitted_at, job_name);
CREATE INDEX jobs_by_project ON jobs (project, submitted_at, job_name);
CREATE INDEX jobs_by_state ON jobs (state, submitted_at, job_name);
CREATE INDEX jobs_by_project_and_state ON jobs (project, state, submitted_at, job_name);
CREATE TABLE attributes (
  kind TEXT, name TEXT, value TEXT, submitted_at REAL, job_name TEXT,
  PRIMARY KEY (kind, name, value, submitted_at, job_name)
) WITHOUT ROWID;
INSERT INTO jobs VALUES ('old', 'vision', 'Error', 'user_code', 1.5, 2.0, 3.0, '{"lr": 0.1}', '{"loss": NaN}',
  '{"owner": "ana"}', '{"host": "here"}');
INSERT INTO jobs VALUES ('older', 'vision', 'Completed', NULL, 1.0, 2.0, 3.0, '{}', '{"loss": 2}', '{}', '{}');
INSERT INTO attributes VALUES ('tags', 'owner', '"ana"', 1.5, 'old');
PRAGMA user_version = 1
"""


@pytest.fixture
def version_1(listing, file):
    """The listing, as an earlier release has written it."""
    listing.root.mkdir(mode=0o700)
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(VERSION_1)
    connection.close()
    for path in listing.root.iterdir():
        path.chmod(0o600)
    return listing


def test_a_listing_of_an_earlier_release_is_migrated(version_1):
    old = JobRecord(
        job_name="old",
        submitted_at=1.5,
        project="vision",
        state=JobState.ERROR,
        cause="user_code",
        started_at=2.0,
        ended_at=3.0,
        parameters={"lr": 0.1},
        tags={"owner": "ana"},
        environment={"host": "here"},
    )
    found = [*version_1.find(JobQuery())]
    assert ["old", "older"] == [record.job_name for record in found]
    assert old == found[0]._replace(metrics={})
    assert ["older"] == [record.job_name for record in version_1.find(_all(_is("loss", ">=", 2.0, "metrics")))]
    version_1.update("older", JobChange(tags={"seen": ""}))
    assert 1 == version_1.count(_is("seen", "==", "", "tags"))


def test_a_migration_that_fails_leaves_the_listing_as_it_was(version_1, file, monkeypatch):
    connection = sqlite3.connect(file)
    connection.execute("UPDATE jobs SET metrics = 'damaged' WHERE job_name = 'older'")
    connection.commit()
    with pytest.raises(StorageUnavailableError, match=str(file)):
        version_1.get("old")
    assert [(1,)] == connection.execute("PRAGMA user_version").fetchall()
    assert [(2,)] == connection.execute("SELECT count(*) FROM jobs").fetchall()
    connection.execute("UPDATE jobs SET metrics = '{}' WHERE job_name = 'older'")
    connection.commit()
    connection.close()
    assert 2 == version_1.count()


def test_a_listing_that_another_process_migrated_meanwhile_is_used(version_1, monkeypatch):
    version = database_module._version
    seen = []

    def stale_at_first(connection):
        seen.append(version(connection))
        return 1 if len(seen) == 1 else seen[-1]

    assert 2 == LocalFileSystemPipelineListing(version_1.root).count()
    version_1.close()
    monkeypatch.setattr(database_module, "_version", stale_at_first)
    assert 2 == version_1.count()
    assert len(seen) > 1


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
    assert [RECORD] == [*listing.find(JobQuery())]


def test_many_listings_of_one_place_share_one_connection(tmp_path):
    listings = [LocalFileSystemPipelineListing(tmp_path / "root") for _ in range(50)]
    listings[0].track(JobRecord(job_name="job", submitted_at=1.0))
    before = len(os.listdir("/proc/self/fd"))
    found = {listing.get("job").job_name for listing in listings}
    assert ({"job"}, before) == (found, len(os.listdir("/proc/self/fd")))
