"""The use case of an execution environment whose jobs run in the process that submits them: for tests."""

from __future__ import annotations

import time
from collections.abc import Sequence

from foundations.app.use_cases.run_job import JobContext, run_job
from foundations.app.wiring import Wiring
from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.bundle import Bundle
from foundations.domain.jobs.reconciliation import record_end
from foundations.domain.records.annotating import archive_record
from foundations.ports.archive_listing import JobChange
from foundations.ports.frames import Buffer
from foundations.ports.job import JobEnd, JobState


def run_bundle(bundle: Bundle, wiring: Wiring) -> JobEnd:
    """Verify a bundle, run its job to its end in this thread, and return its end record; discard the bundle.

    Raises:
        DamagedBundleError: The bundle is not what was packed; nothing of it was run.
    """
    started_at = time.time()
    try:
        bundle.verify()
        data = bundle.read_job()
        source = bundle.read_project(wiring.settings.job_source_bundle.member)
    finally:
        bundle.discard()
    wiring.listing.update(bundle.job_name, JobChange(state=JobState.RUNNING, started_at=started_at))
    archive_record(bundle.job_name, wiring)
    outcome = run_job(
        data,
        JobContext(
            job_name=bundle.job_name,
            wiring=wiring,
            project=None,
            source=lambda archiver: archiver.write(wiring.archives.job_source, items.SOURCE, [source]),
            store_locally=_refuse_to_store,
            report=lambda line: None,
            progress=lambda index: None,
        ),
    )
    end = JobEnd(
        job_name=bundle.job_name,
        **outcome._asdict(),
        started_at=started_at,
        ended_at=time.time(),
    )
    record_end(end, wiring)
    return end


def _refuse_to_store(item: str, data: Sequence[Buffer]) -> None:
    raise OSError("a job inside its caller's process has no directory")
