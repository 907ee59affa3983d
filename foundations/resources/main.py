"""The runner: what ``run.sh`` starts. It supervises; a fork of it runs the pipeline."""

import os
import sys


def main() -> int:
    """Run the job that this bundle holds, and return the exit code of its supervisor."""
    sys.path[0] = os.environ["FOUNDATIONS_RUNTIME"]  # the SDK of the bundle, before any other that is installed

    from foundations.adapters._shared.supervisor import supervise

    def work(progress):  # type: ignore[no-untyped-def]
        from foundations.app.run_job import work

        return work(os.environ["FOUNDATIONS_JOB_DIRECTORY"], progress)

    def attend():  # type: ignore[no-untyped-def]
        from foundations.app.finish_job import Attendant

        return Attendant.of(os.environ["FOUNDATIONS_JOB_DIRECTORY"])

    return supervise(os.environ["FOUNDATIONS_JOB_DIRECTORY"], int(os.environ["FOUNDATIONS_LOCK"]), work, attend)


if __name__ == "__main__":
    sys.exit(main())
