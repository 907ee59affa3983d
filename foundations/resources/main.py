"""The runner, which ``run.sh`` starts: it supervises the job, and a fork of it runs the pipeline."""

import gc
import os
import sys


def main() -> int:
    """Run the job that this bundle holds, and return the exit code of its supervisor."""
    if not sys.flags.safe_path:
        del sys.path[0]  # the directory of this file
    sys.path.insert(0, os.environ["FOUNDATIONS_RUNTIME"])  # the SDK of the bundle, before any other that is installed
    gc.disable()  # what is imported stays: collecting garbage in it takes a tenth of the start
    directory, lock = os.environ["FOUNDATIONS_JOB_DIRECTORY"], int(os.environ["FOUNDATIONS_LOCK"])

    # Imported before the fork because both sides need it: importing it twice would cost twice.
    from foundations.adapters._shared.supervision.supervisor import supervise
    from foundations.app import running_stage
    from foundations.app.sdk import config_manager
    from foundations.app.use_cases.run_job import work

    gc.freeze()
    gc.enable()

    def run_worker(progress):  # type: ignore[no-untyped-def]
        running_stage.serve()
        return work(directory, progress, config_manager.freeze)

    def make_hooks():  # type: ignore[no-untyped-def]
        from foundations.app.use_cases.finish_job import JobSupervisorHooks

        return JobSupervisorHooks.of(directory)

    return supervise(directory, lock, run_worker, make_hooks)


if __name__ == "__main__":
    os._exit(main())  # the end is recorded; tearing an interpreter down takes longer than all the rest
