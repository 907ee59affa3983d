"""The values that describe a job to every port: its states, its end, its name."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from foundations.errors import JobNameError

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z"
LONGEST_JOB_NAME = 128
_MOST_UNSAVED_FILES = 20


class JobState(enum.StrEnum):
    """Where a job is. The last three are final."""

    QUEUED = "Queued"
    RUNNING = "Running"
    COMPLETED = "Completed"
    ERROR = "Error"
    CANCELLED = "Cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobState.COMPLETED, JobState.ERROR, JobState.CANCELLED)


class EndCause(enum.StrEnum):
    """Why a job ended in ``Error``."""

    USER_CODE = "user_code"
    NOT_SERIALISABLE = "not_serialisable"
    ENVIRONMENT_SETUP = "environment_setup"
    DAMAGED_BUNDLE = "damaged_bundle"
    EXITED = "exited"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    STORAGE = "storage"
    LOST = "lost"


class JobEnd(NamedTuple):
    """The end record: the only truth about how a job ended.

    Attributes:
        job_name: The job.
        state: One of the final states.
        ended_at: Seconds since the epoch.
        cause: Why, where the state is ``Error``.
        message: One line for a person.
        exit_code: The job process's exit code, where it exited.
        signal: The name of the signal that ended it, as in ``SIGKILL``, where one did.
        stage: The name of the stage that was running, where the job did not complete.
        started_at: Seconds since the epoch.
        resources: What the job process used: ``max_rss_bytes``, ``user_seconds``, ``system_seconds``.
        not_archived: What could not be archived and why, a line each; such items are in the job directory.
        unsaved_files: The files that the job wrote into its copy of the project and did not save, the largest ones:
            their paths and their sizes in bytes. They vanish with the copy.
        unsaved_count: How many there are in all.
    """

    job_name: str
    state: JobState
    ended_at: float
    cause: EndCause | None = None
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None
    stage: str | None = None
    started_at: float | None = None
    resources: Mapping[str, float] = {}
    not_archived: tuple[str, ...] = ()
    unsaved_files: Mapping[str, int] = {}
    unsaved_count: int = 0

    def with_unsaved_files(self, files: Mapping[str, int]) -> JobEnd:
        """Return the end with the files that the job did not save: paths, and sizes in bytes."""
        largest = sorted(files.items(), key=lambda file: (-file[1], file[0]))[:_MOST_UNSAVED_FILES]
        return self._replace(unsaved_files=dict(largest), unsaved_count=len(files))

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON's own types."""
        further = {
            "resources": dict(self.resources),
            "not_archived": list(self.not_archived),
            "unsaved_files": dict(self.unsaved_files),
        }
        return {"format": 1, **self._asdict(), **further}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], job_name: str | None = None) -> JobEnd:
        """Read what :meth:`to_json` wrote.

        Args:
            record: The record.
            job_name: The job that it must be of; any where None.

        Raises:
            NewerFormatError: A newer version of foundations has written it.
            ValueError: It is no end record of a known format, or that of another job.
        """
        check_format(record, 1, "not an end record of format 1: ")
        known = {name: record[name] for name in cls._fields if name in record}
        try:
            known["state"] = JobState(known["state"])
            known["cause"] = EndCause(known["cause"]) if known.get("cause") else None
            known["not_archived"] = tuple(known.get("not_archived") or ())
            known["unsaved_files"] = {str(path): int(size) for path, size in known.get("unsaved_files", {}).items()}
            end = cls(**known)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not an end record: {error}") from error
        if job_name not in (None, end.job_name):
            raise ValueError(f"it is the end record of job {end.job_name}")
        return end


class NewerFormatError(ValueError):
    """A file is of a format that a newer version of foundations has written: it is not damaged."""


class Outcome(NamedTuple):
    """How a pipeline ended, as far as its own process can determine it.

    Attributes:
        state: ``Completed`` or ``Error``.
        cause: Why, where the state is ``Error``.
        message: One line for a person.
        stage: The name of the stage that failed.
        not_archived: What could not be archived and why, a line each.
    """

    state: JobState
    cause: EndCause | None = None
    message: str = ""
    stage: str | None = None
    not_archived: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON's own types."""
        return self._asdict()

    @classmethod
    def from_json(cls, document: Any) -> Outcome:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: It is no outcome.
        """
        try:
            outcome = cls(
                state=JobState(document["state"]),
                cause=None if document["cause"] is None else EndCause(document["cause"]),
                message=str(document["message"]),
                stage=None if document["stage"] is None else str(document["stage"]),
                not_archived=tuple(str(line) for line in document["not_archived"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not an outcome: {error!r}") from error
        if outcome.state is not (JobState.COMPLETED if outcome.cause is None else JobState.ERROR):
            raise ValueError(f"not an outcome: state {outcome.state}, cause {outcome.cause}")
        return outcome


def describe_format(found: object, supported: int) -> str:
    """Return the format that a file has, for the error that it is not the supported one.

    >>> describe_format(2, 1)
    'format 2, which a newer version of foundations has written. Update foundations to read it'
    >>> describe_format(None, 1)
    'format None'
    """
    if isinstance(found, int) and found > supported:
        return f"format {found}, which a newer version of foundations has written. Update foundations to read it"
    return f"format {found!r:.50}"


def check_format(document: object, supported: int, what: str = "") -> None:
    """Raise unless a document is a mapping whose ``format`` is the supported one.

    Args:
        document: The document.
        supported: The format.
        what: The beginning of the message.

    Raises:
        NewerFormatError: A newer version of foundations has written it.
        ValueError: It is of no known format.
    """
    found = document.get("format") if isinstance(document, Mapping) else None
    if found != supported or isinstance(found, bool):
        newer = isinstance(found, int) and found > supported
        raise (NewerFormatError if newer else ValueError)(f"{what}it has {describe_format(found, supported)}")


def check_job_name(name: object) -> str:
    """Return `name` where it is a valid job name.

    A job name is 1 to 128 ASCII letters, digits, ``.``, ``_`` and ``-``, and begins with a letter, a digit or ``_``:
    it names files and directories on every system a job may run on.

    Raises:
        JobNameError: It is not; the message gives the reason.

    >>> check_job_name("train-2")
    'train-2'
    """
    if not isinstance(name, str):
        reason = f"a job name must be a string, not {type(name).__name__}"
    elif not name:
        reason = "a job name cannot be empty"
    elif len(name) > LONGEST_JOB_NAME:
        reason = f"a job name has at most {LONGEST_JOB_NAME} characters, this one has {len(name)}"
    elif not re.match(_NAME, name):
        reason = "a job name is made of ASCII letters, digits, '.', '_' and '-', and does not begin with '.' or '-'"
    else:
        return name
    shown = name if not isinstance(name, str) or len(name) <= 80 else name[:77] + "..."
    raise JobNameError(f"job name {shown!r} refused: {reason}. Nothing was written.", job_name=name)
