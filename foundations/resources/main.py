"""The runner: what ``run.sh`` starts. It supervises; a fork of it runs the pipeline."""

import gc
import os
import sys


def main() -> int:
    """Run the job that this bundle holds, and return the exit code of its supervisor."""
    if not sys.flags.safe_path:
        del sys.path[0]  # where this file lies
    sys.path.insert(0, os.environ["FOUNDATIONS_RUNTIME"])  # the SDK of the bundle, before any other that is installed
    gc.disable()  # what is imported stays: looking through it for garbage takes a tenth of the time
    directory, lock = os.environ["FOUNDATIONS_JOB_DIRECTORY"], int(os.environ["FOUNDATIONS_LOCK"])

    # Imported before the fork, since both sides need it: the worker would wait as long, and the processor works once.
    from foundations.adapters._shared.supervision.supervisor import supervise
    from foundations.app import running_stage
    from foundations.app.sdk import config_manager
    from foundations.app.use_cases.run_job import work

    gc.freeze()
    gc.enable()

    def serve(progress):  # type: ignore[no-untyped-def]
        running_stage.serve()
        return work(directory, progress, config_manager.freeze)

    def attend():  # type: ignore[no-untyped-def]
        from foundations.app.use_cases.finish_job import Attendant

        return Attendant.of(directory)

    return supervise(directory, lock, serve, attend)


if __name__ == "__main__":
    os._exit(main())  # all is recorded; tearing an interpreter down takes longer than the rest of the end
