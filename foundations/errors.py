"""Every error that foundations raises, under one base.

An error says what happened, where, why, and what to do next. What a program may want to look at is an attribute;
what a person reads is ``str(error)``. All of them survive pickling.
"""

from __future__ import annotations

from typing import Any


def _rebuild(cls: type[FoundationsError], message: str, details: dict[str, Any]) -> FoundationsError:
    return cls(message, **details)


class FoundationsError(Exception):
    """The base of every error that foundations raises.

    Args:
        message: What happened, where, why and what to do next.
        details: What a program may want to look at; each becomes an attribute.
    """

    message: str

    def __init__(self, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self._details = details
        for name, value in details.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self._details)


# -- configuration ----------------------------------------------------------------------------------------------------


class ConfigurationError(FoundationsError):
    """A mistake in the configuration: ``file``, ``line``, ``key``, ``found`` and ``expected`` say where and what."""

    file: str | None = None
    line: int | None = None
    key: str | None = None
    found: object = None
    expected: str | None = None

    def __str__(self) -> str:
        where = self.file or "configuration"
        if self.line is not None:
            where += f":{self.line}"
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {self.message}"


class UnknownConfigurationKeyError(ConfigurationError, KeyError):
    """The configuration has no such top-level key; ``nearest`` is the one that may be meant."""

    nearest: str | None = None


class CapabilityError(FoundationsError):
    """The chosen execution environment cannot do what this run needs, with the storage it was given."""


class UnsupportedPlatformError(FoundationsError):
    """foundations does not run on this operating system."""


class UntrustedLocationError(FoundationsError):
    """Somebody else could have written ``path``, so nothing is read from it (see SECURITY.md)."""

    path: str
    reason: str
    remedy: str


# -- pipelines and jobs -----------------------------------------------------------------------------------------------


class PipelineError(FoundationsError):
    """A pipeline cannot be run as it was built: a cycle, or a stage where none can be resolved."""


class HyperparameterError(FoundationsError):
    """Hyperparameters are ``missing``, ``unknown`` or given ``twice``; each is a tuple of names."""

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()


class JobNameError(FoundationsError):
    """A job name that cannot be used: ``job_name`` and why."""

    job_name: object


class JobExistsError(JobNameError):
    """The job name is taken by an earlier job."""


class NotSerialisableError(FoundationsError):
    """Something that must travel to or from a job cannot be pickled.

    ``stage`` is the stage's name, ``path`` the way to the culprit, as in ``train(model=...).optimizer._lock``.
    """

    stage: str | None = None
    path: str
    reason: str


class OutsideJobError(FoundationsError):
    """A function that only means something inside a running stage was called elsewhere."""


class InsideJobError(FoundationsError):
    """A function that belongs in the submitting script was called inside a running job."""


# -- bundles ----------------------------------------------------------------------------------------------------------


class BundleError(FoundationsError):
    """A bundle cannot be made; ``path`` is the file or directory in the way."""

    path: str | None = None


class BundleExistsError(BundleError):
    """A file of the bundle's name already exists; it is never overwritten."""


class DamagedBundleError(BundleError):
    """A bundle is not what was packed; nothing of it was run. ``member`` is the part that does not fit."""

    member: str | None = None


# -- storage ----------------------------------------------------------------------------------------------------------


class StorageError(FoundationsError):
    """A cache, an archive or a listing could not do what was asked: ``path`` or ``job_name`` and why."""

    path: str | None = None


class ItemNotFoundError(StorageError):
    """The archive answered: it has no such ``item`` under ``job_name``."""

    job_name: str
    item: str


class JobNotFoundError(StorageError):
    """The listing answered: it has no job named ``job_name``."""

    job_name: str


class StorageUnavailableError(StorageError):
    """The store could not tell: it is unreachable, full, damaged, or refuses access."""


class OutputUnreadableError(StorageError):
    """An output of job ``job_name`` is gone or damaged, or cannot be rebuilt in this process."""

    job_name: str


class OutputLostError(StorageError):
    """A stage's output could be kept nowhere: neither in its archive nor in the job's directory."""


# -- execution --------------------------------------------------------------------------------------------------------


class ExecutionError(FoundationsError):
    """An execution environment could not do what was asked of it."""


class MissingRequirementsError(ExecutionError):
    """The interpreter that would run the job lacks what ``requirements.txt`` asks for; ``missing`` lists it."""

    missing: tuple[str, ...] = ()


class WaitTimeoutError(ExecutionError):
    """The job had not ended when the given ``timeout`` (seconds) was over; the job itself goes on."""

    job_name: str
    timeout: float


class RemoteException(FoundationsError):  # noqa: N818 - users know it by this name
    """The job did not complete.

    The message shows the user's own frames, the stage and its arguments, and the end of the job's error stream;
    ``__cause__`` is the original exception where it could be rebuilt.

    Attributes:
        job_name: The job that failed.
        state: ``Error`` or ``Cancelled``.
        cause: How it ended, one of :class:`foundations.ports.job.EndCause`, as a string.
        stage: The name of the stage that failed, where one did.
        result: What the job had archived by then, like what ``fetch_job_results()`` returns; not pickled.
    """

    job_name: str
    state: str
    cause: str | None = None
    stage: str | None = None
    result: Any = None
