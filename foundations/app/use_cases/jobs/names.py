"""The names of jobs, for a shell that completes them."""

from __future__ import annotations

from foundations.app.config.settings import Settings
from foundations.app.wiring import Wiring
from foundations.ports.job_query import JobQuery

_MOST_SEARCHED = 1_000


def list_names(settings: Settings, beginning: str) -> list[str]:
    """Return the names of the latest jobs that begin with a text, the newest first.

    Raises:
        ConfigurationError: The listing cannot be constructed.
        StorageError: It cannot be read.
    """
    records = Wiring(settings=settings).listing.find(JobQuery(limit=_MOST_SEARCHED))
    return [record.job_name for record in records if record.job_name.startswith(beginning)]
