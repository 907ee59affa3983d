"""Artifacts of real jobs: what is large, many or empty is kept in bounded memory, and comes back as it was."""

import pytest
from support import THOROUGH, Project

MEGABYTES = 1024 if THOROUGH else 256

SIZES = """from foundations import *
import pathlib, resource

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def save():
    before = peak()
    with open("large.bin", "wb") as stream:
        stream.truncate({megabytes} << 20)
        stream.seek(-3, 2)
        stream.write(b"end")
    pathlib.Path("many").mkdir()
    for number in range({files}):
        pathlib.Path("many", f"{{number:05}}").write_text(str(number))
    pathlib.Path("empty").touch()
    for name in ("large.bin", "many", "empty"):
        save_artifact(name)
    return peak() - before

if __name__ == "__main__":
    deployment = create_stage(save)().run()
    result = deployment.fetch_job_results()
    before = peak()
    for name in deployment.artifacts():
        deployment.fetch_artifact(name, "fetched-" + name)
    with open("fetched-large.bin", "rb") as stream:
        stream.seek(-3, 2)
        print(deployment.artifacts(), stream.tell() + 3, stream.read())
    many = sorted(pathlib.Path("fetched-many").iterdir())
    print(len(many), many[-1].read_text(), pathlib.Path("fetched-empty").read_bytes())
    print("gone" in str(result), result.output < 64, peak() - before < 64)
"""
OBJECTS = """from foundations import *
import numpy as np, pandas as pd

class Model:
    def __init__(self, weights):
        self.weights = weights

def save():
    import plotly.graph_objects as go
    from matplotlib.figure import Figure
    save_artifact({"loss": np.float32(0.5)}, "loss.json")
    save_artifact(np.arange(4), "x.npy")
    save_artifact(pd.DataFrame({"a": [1]}), "tables/a.parquet")
    save_artifact(pd.DataFrame({"a": [1]}), "tables/a.csv")
    save_artifact(Figure(figsize=(1, 1), dpi=10), "plot.png")
    save_artifact(go.Figure(), "plot.html")
    save_artifact(Model([1, 2]), "model.pkl", pickle=True)

if __name__ == "__main__":
    deployment = create_stage(save)().run(job_name="job")
    deployment.fetch_job_results()
    print(deployment.artifacts())
    load = load_job("job").load_artifact
    print(load("loss.json"), load("x.npy"), load("plot.png").size, load("model.pkl").weights)
    print(load("tables/a.parquet").equals(load("tables/a.csv")), "Plotly" in load("plot.html"))
"""


@pytest.mark.measured
def test_large_many_and_empty_files_are_kept_in_bounded_memory(project: Project) -> None:
    project.write({"train.py": SIZES.format(megabytes=MEGABYTES, files=10_000)})
    assert (
        f"['empty', 'large.bin', 'many'] {MEGABYTES << 20} b'end'\n10000 9999 b''\nFalse True True\n"
    ) == project.run("train.py")


@pytest.mark.measured
def test_objects_come_back_in_another_process(project: Project) -> None:
    project.write({"train.py": OBJECTS})
    assert (
        "['loss.json', 'model.pkl', 'plot.html', 'plot.png', 'tables/a.csv', 'tables/a.parquet', 'x.npy']\n"
        "{'loss': 0.5} [0 1 2 3] (10, 10) [1, 2]\nTrue True\n"
    ) == project.run("train.py")


def test_a_pickle_that_others_could_have_written_is_not_loaded(project: Project) -> None:
    project.write({"train.py": OBJECTS})
    project.run("train.py")
    (found,) = project.home.rglob("model.pkl")
    found.chmod(0o666)
    project.write({"look.py": "from foundations import *\nload_job('job').load_artifact('model.pkl')"})
    assert "UntrustedLocationError" in project.attempt("look.py").stderr
