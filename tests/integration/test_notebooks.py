"""Notebooks, run by a real Jupyter kernel."""

import json

from support import Project

PREPARED = "import features\nfrom foundations import *\nRATE = 3"
STAGE = "def scaled(x):\n    return features.doubled(x) * RATE"
RUN = """pipe = pipeline.stage(scaled, 7).enable_caching()
deployment = pipe.run()
print(deployment.fetch_job_results().output, pipe.explain().stages[0].outcome)
print(pipe.explain().key)"""
FEATURES = "def doubled(x):\n    return 2 * x\n"


def executed(project: Project, *cells: str) -> list[dict]:
    """Run a notebook in the project's directory and return its cells' outputs."""
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "source": cell,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = project.root / "notebook.ipynb"
    path.write_text(json.dumps(notebook))
    project.run(
        "-m", "jupyter", "execute", "--inplace", "--allow-errors", str(path), variables={"HOME": str(project.place)}
    )
    return [output for cell in json.loads(path.read_text())["cells"] for output in cell["outputs"]]


def printed(outputs: list[dict]) -> str:
    return "".join("".join(output["text"]) for output in outputs if output.get("name") == "stdout")


def test_a_stage_of_a_notebook_runs_and_has_the_key_that_it_has_in_a_script(project: Project) -> None:
    project.write({"features.py": FEATURES, "train.py": f"{PREPARED}\n{STAGE}\n{RUN}\n"})
    said = printed(executed(project, PREPARED, STAGE, RUN))
    assert "42 hit" == said.splitlines()[0]
    assert said == project.run("train.py")


def test_a_cell_that_is_edited_and_run_again_is_a_miss(project: Project) -> None:
    project.write({"features.py": FEATURES})
    again = RUN.replace("pipe = ", "RATE = 5\npipe = ")
    said = printed(executed(project, PREPARED, STAGE, RUN, again, STAGE.replace("* RATE", "+ RATE"), RUN))
    assert ["42 hit", "70 hit", "19 hit"] == said.splitlines()[::2]
    assert 3 == len(set(said.splitlines()[1::2]))


def test_a_failing_stage_shows_the_line_of_its_cell(project: Project) -> None:
    project.write({"features.py": FEATURES})
    failing = "def broken(x):\n    return 1 / x\npipeline.stage(broken, 0).run().fetch_job_results()"
    (error,) = [output for output in executed(project, PREPARED, failing) if output["output_type"] == "error"]
    assert "RemoteException" == error["ename"]
    assert "return 1 / x" in "\n".join(error["traceback"])
