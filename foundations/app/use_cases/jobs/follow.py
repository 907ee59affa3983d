"""The use case behind ``--follow``: what a job writes, as it writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from foundations.errors import WaitTimeoutError

if TYPE_CHECKING:
    from foundations.domain.jobs.deployment import Deployment

_INTERVAL = 0.5  # seconds between two looks at a job's logs


def follow(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Iterate over what a job writes, until it has ended.

    Yields:
        ``stdout`` or ``stderr``, and whole lines of it; where the job has ended, the last one may have no end.
    """
    shown: dict[str, int] = {"stdout": 0, "stderr": 0}
    has_ended = False
    while not has_ended:
        has_ended = _has_ended_soon(deployment)
        for stream, position in shown.items():
            text = deployment.get_job_logs(stream)
            end = len(text) if has_ended else text.rfind("\n") + 1
            if end > position:
                yield stream, text[position:end]
                shown[stream] = end


def _has_ended_soon(deployment: Deployment) -> bool:
    try:
        deployment.wait_for_deployment_to_complete(_INTERVAL, timeout=_INTERVAL)
    except WaitTimeoutError:
        return False
    return True
