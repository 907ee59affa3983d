"""Many processes track, tag and log in one listing at once, and half of them are killed at random."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import listing_crowd
import pytest
from listing_crowd import SHARED, after
from support import PATIENCE, THOROUGH

from foundations.adapters.filesystem import LocalFileSystemPipelineListing
from foundations.ports.archive_listing import JobChange, JobRecord
from foundations.ports.job_query import AllOf, Comparison, Condition, Field, IsNull, JobQuery, Like, Not

CROWD = 32
ROUNDS = 40 if THOROUGH else 8
ALL_STEPS = listing_crowd.steps_of(ROUNDS)
GROUPS = ("parameters", "metrics", "tags")


@pytest.fixture(params=range(5 if THOROUGH else 1))
def crowd(request, tmp_path):
    """The listing that a crowd has left behind, and how many of its steps each process told to be done."""
    arguments = [str(tmp_path / "store"), str(CROWD), str(ROUNDS), str(request.param)]
    done = subprocess.run(
        [sys.executable, listing_crowd.__file__, *arguments],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE if THOROUGH else PATIENCE,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return LocalFileSystemPipelineListing(tmp_path / "store"), json.loads(done.stdout)


def found_of(listing: LocalFileSystemPipelineListing, caller: int) -> dict[str, JobRecord]:
    """Return the jobs of a process, and of the shared one what the process has written."""
    found = {record.job_name: record for record in listing.find(JobQuery(Like(Field("job_name"), f"job-{caller}-%")))}
    shared = listing.get(SHARED)
    names = (f"{caller}", f"{caller}, too")
    parts = {
        group: {name: value for name, value in getattr(shared, group).items() if name in names} for group in GROUPS
    }
    return {SHARED: shared._replace(**parts), **found}


def all_of(record: JobRecord) -> Condition:
    """Return the condition that a job has all that a record says."""
    values = {Field(name, group): value for group in GROUPS for name, value in getattr(record, group).items()}
    conditions = [Comparison(field, "==", value) for field, value in values.items()]
    return AllOf((*conditions, Comparison(Field("job_name"), "==", record.job_name)))


def test_nothing_is_lost_or_torn_where_many_write_at_once_and_half_are_killed(crowd):
    listing, told = crowd
    for caller, count in enumerate(told):
        possible = [after(caller, count), after(caller, count + 1)] if caller % 2 == 0 else [after(caller, ALL_STEPS)]
        assert found_of(listing, caller) in possible, (caller, count)

    records = [*listing.find(JobQuery())]
    assert len(records) == listing.count() > CROWD // 2 * ROUNDS
    for record in records:
        assert [record] == [*listing.find(JobQuery(all_of(record)))]
    for group in GROUPS:
        having = {name: sum(name in getattr(record, group) for record in records) for name in listing.names(group)}
        assert having == {name: listing.count(Not(IsNull(Field(name, group)))) for name in having}
        assert 0 not in having.values()
    listing.update(SHARED, JobChange(note="still writable"))
    listing.close()
    with closing(sqlite3.connect(listing.root / "listing.sqlite3")) as connection:
        assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
