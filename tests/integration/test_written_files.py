"""Nothing that a stage writes below its working directory is lost without a word."""

import pytest
from support import Project

SCRIPT = """from foundations import *
import os, pathlib, signal
def prepare():
    return 1
def fit(value):
    pathlib.Path("outputs").mkdir()
    pathlib.Path("outputs/model.bin").write_bytes(bytes(1000))
    pathlib.Path("plot.png").write_text("a plot")
    save_artifact("plot.png")
    print("wrote", flush=True)
    {body}
job = pipeline.stage(fit, pipeline.stage(prepare)).run(job_name="job")
try:
    result = job.fetch_job_results()
except RemoteException as error:
    result = error.result
print(result, job.artifacts(), sep="\\n")
"""
ENDS = {
    "completes": "return value",
    "fails": "raise ValueError(value)",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_files_that_vanish_with_the_copy_are_named_however_the_job_ends(project: Project, body: str) -> None:
    project.write({"train.py": SCRIPT.format(body=body), "data.txt": "data"})
    printed = project.run("train.py")
    assert (
        "Written into the job's copy of the project, and gone with it:\n  outputs/model.bin (1.0 kB)\n"
        '  To keep a file: save_artifact("outputs/model.bin") in the stage that writes it\n'
    ) in printed
    assert "\n['plot.png']\n" in printed


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
def test_a_directory_that_the_configuration_names_is_archived_however_the_job_ends(project: Project, body: str) -> None:
    project.write({"train.py": SCRIPT.format(body=body), "local.config.yaml": "artifact_path: outputs/\n"})
    printed = project.run("train.py")
    assert "gone with it" not in printed
    assert "\n['outputs/model.bin', 'plot.png']\n" in printed


def test_a_file_that_is_written_again_after_it_was_saved_is_named(project: Project) -> None:
    project.write({"train.py": SCRIPT.format(body="pathlib.Path('plot.png').write_text('another plot')")})
    assert "\n  plot.png (12 B)\n" in project.run("train.py")
