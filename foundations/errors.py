"""Every error that foundations raises, under one base.

``str(error)`` is for people: it states what happened, where, why, and what to do next. Programs read the attributes.
All errors can be pickled.
"""

from __future__ import annotations

from typing import Any

from foundations.concealment import conceal
from foundations.escaping import escape_lines


def _rebuild(cls: type[FoundationsError], message: str, details: dict[str, Any]) -> FoundationsError:
    return cls(message, **details)


def _conceal_detail(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(map(_conceal_detail, value))
    return conceal(value) if type(value) is str else value


class FoundationsError(Exception):
    """The base of every error that foundations raises.

    Args:
        message: What happened, where, why, and what to do next.
        details: Values for programs; each becomes an attribute.
    """

    message: str

    def __init__(self, message: str, /, **details: Any) -> None:
        message = conceal(message)
        details = {name: _conceal_detail(value) for name, value in details.items()}
        super().__init__(message)
        self.message = message
        self._details = details
        for name, value in details.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return escape_lines(self.message)  # names of files and the like may be anybody's

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self._details)


# -- configuration ----------------------------------------------------------------------------------------------------


class ConfigurationError(FoundationsError):
    """The configuration is wrong: at ``file``, ``line`` and ``key``, ``found`` was read instead of ``expected``."""

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
        return escape_lines(f"{where}:{key} {self.message}")


class UnknownConfigurationKeyError(ConfigurationError, KeyError):
    """The configuration has no such top-level key; ``nearest`` is the most similar one."""

    nearest: str | None = None


class CapabilityError(FoundationsError):
    """The configured execution environment, with the configured storage, lacks a capability that this run needs."""


class UnsupportedPlatformError(FoundationsError):
    """foundations does not run on this operating system."""


class UntrustedLocationError(FoundationsError):
    """Another user could have written ``path``, so nothing is read from it (see SECURITY.md)."""

    path: str
    reason: str
    remedy: str


# -- pipelines and jobs -----------------------------------------------------------------------------------------------


class PipelineError(FoundationsError):
    """A pipeline cannot be run as it was built: it has a cycle, or a stage in a place where stages are not resolved."""


class HyperparameterError(FoundationsError):
    """Hyperparameters are ``missing``, ``unknown`` or given ``twice``; each attribute is a tuple of names."""

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()


class JobNameError(FoundationsError):
    """``job_name`` cannot be used as the name of a job."""

    job_name: object


class JobExistsError(JobNameError):
    """An earlier job has this name."""


class NotSerialisableError(FoundationsError):
    """A value that must be sent to or from a job cannot be pickled.

    ``stage`` is the stage's name; ``path`` is the path to the value, as in ``train(model=...).optimizer._lock``.
    """

    stage: str | None = None
    path: str
    reason: str


class OtherPythonError(FoundationsError):
    """A value holds code that the minor version ``python`` of Python has made, which no other can run."""

    python: str


class OutsideJobError(FoundationsError):
    """A function that works only inside a running stage was called elsewhere."""


class InsideJobError(FoundationsError):
    """A function that works only in the submitting script was called inside a running job."""


class ScriptError(FoundationsError):
    """A script whose pipeline was to be run cannot be loaded, or has no pipeline; ``path`` is the script."""

    path: str | None = None


# -- bundles ----------------------------------------------------------------------------------------------------------


class BundleError(FoundationsError):
    """A bundle cannot be made; ``path`` is the file or directory that prevents it."""

    path: str | None = None


class BundleExistsError(BundleError):
    """A file with the bundle's name already exists; it is never overwritten."""


class DamagedBundleError(BundleError):
    """A bundle differs from what was packed, at ``member``; nothing of it was run."""

    member: str | None = None


# -- storage ----------------------------------------------------------------------------------------------------------


class StorageError(FoundationsError):
    """An operation of a cache, an archive or a listing failed, at ``path`` or for ``job_name``."""

    path: str | None = None


class ItemNotFoundError(StorageError):
    """The archive is available and has no ``item`` of job ``job_name``."""

    job_name: str
    item: str


class JobNotFoundError(StorageError):
    """The listing is available and has no job named ``job_name``."""

    job_name: str


class StorageUnavailableError(StorageError):
    """The store is unreachable, full or damaged, or refuses access, so the operation has no result."""


class OutputUnreadableError(StorageError):
    """An output of job ``job_name`` is missing or damaged, or cannot be unpickled in this process."""

    job_name: str


class OutputLostError(StorageError):
    """A stage's output could not be stored, neither in its archive nor in the job's directory."""


# -- execution --------------------------------------------------------------------------------------------------------


class ExecutionError(FoundationsError):
    """An operation of an execution environment failed."""


class MissingRequirementsError(ExecutionError):
    """The interpreter for the job lacks requirements of ``requirements.txt``, which ``missing`` lists."""

    missing: tuple[str, ...] = ()


class WaitTimeoutError(ExecutionError):
    """The job had not ended after ``timeout`` seconds; the job itself goes on."""

    job_name: str
    timeout: float


class RemoteException(FoundationsError):  # noqa: N818 - users know it by this name
    """The job did not complete.

    The message shows the user's own frames, the stage and its arguments, and the end of the job's error stream.
    ``__cause__`` is the original exception, where it could be unpickled.

    Attributes:
        job_name: The job that failed.
        state: ``Error`` or ``Cancelled``.
        cause: The cause of its end: a value of :class:`foundations.ports.job.EndCause`, as a string.
        stage: The name of the stage that failed, where one did.
        result: The results that the job had archived by then, as ``fetch_job_results()`` returns them; not pickled.
    """

    job_name: str
    state: str
    cause: str | None = None
    stage: str | None = None
    result: Any = None
