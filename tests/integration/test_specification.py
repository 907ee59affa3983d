"""The specification's own YAML and Python, as they stand."""

import json
import tarfile
from pathlib import Path

import pytest
from support import Project

pytestmark = pytest.mark.measured

YAML = """# local_deploy.config.yaml
# must be in same directory as where the above code is being run

# default of local shell job deployment

cache_implementation:
  cache_type: foundations.LocalFileSystemCacheBackend
  constructor_arguments: [/tmp/foundations-cache]

archive_listing_implementation:
  archive_listing_type: foundations.LocalFileSystemPipelineListing
  constructor_arguments: [/tmp/foundations-archive]

stage_log_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

persisted_data_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

provenance_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

job_source_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

artifact_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

miscellaneous_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

job_source_bundle:
  bundle_name: test_bundle
  target_path: .

"""

PYTHON = """from foundations import *

def squares(count):
    return [number**2 for number in range(count)]

pipe = pipeline.stage(squares, 5)

deployment = pipe.run()
# deployment.wait_for_deployment_to_complete()
# result = deployment.fetch_job_results()
result = deployment.fetch_job_results()
print(result)
"""

EVERYTHING = """from foundations import *
from pathlib import Path

def load():
    print("loading")
    return [1, 2, 3]

def total(values):
    log_metric("count", len(values))
    Path("plot.txt").write_text("a plot")
    save_artifact("plot.txt")
    return sum(values)

loaded = pipeline.stage(load).persist().enable_caching()
pipe = loaded.stage(total)
deployment = pipe.run(job_name={name!r})
print(deployment.fetch_job_results().output)
"""

LOOK = """import json
from foundations import *
deployment = load_job({name!r})
result = deployment.fetch_job_results()
source = deployment.fetch_job_source({source!r})
artifact = deployment.fetch_artifact("plot.txt", {artifact!r})
print(json.dumps([
    deployment.get_job_status(),
    result.output,
    sorted(repr(context["stage_output"]) for context in result["stage_contexts"].values()),
    result["global_stage_context"]["stage_log"],
    deployment.get_job_logs("stdout"),
    sorted(context["used_cache"] or False for context in result["stage_contexts"].values()),
    deployment.provenance()["stages"]["functions"],
    deployment.artifacts(),
]))
"""


def in_place(yaml: str, place: Path) -> str:
    return yaml.replace("/tmp/foundations-", f"{place}/foundations-")


def test_the_specification_runs_verbatim(project: Project) -> None:
    project.write({"local_deploy.config.yaml": YAML, "train.py": PYTHON})
    printed = project.run("train.py")
    assert printed.rstrip().endswith("Output of squares:\n  [0, 1, 4, 9, 16]")
    assert ["project"] == project.beside()


@pytest.fixture
def everything(project: Project) -> Project:
    project.write(
        {
            "local_deploy.config.yaml": in_place(YAML, project.place),
            "train.py": EVERYTHING.format(name="first"),
            "again.py": EVERYTHING.format(name="second"),
        }
    )
    assert "6\n" == project.run("train.py")
    return project


def looked_at(project: Project, name: str) -> list[object]:
    look = LOOK.format(
        name=name, source=str(project.place / f"{name}.tgz"), artifact=str(project.place / f"{name}.txt")
    )
    found: list[object] = json.loads(project.run("-c", look))
    return found


def test_a_fresh_process_finds_all_that_the_job_archived(everything: Project) -> None:
    assert [
        "Completed",
        6,
        ["6", "[1, 2, 3]"],
        {"count": 3},
        "loading\n",
        [False, False],
        ["__main__.load", "__main__.total"],
        ["plot.txt"],
    ] == looked_at(everything, "first")
    assert "a plot" == (everything.place / "first.txt").read_text()


def test_the_archived_source_is_the_project(everything: Project) -> None:
    looked_at(everything, "first")
    with tarfile.open(everything.place / "first.tgz") as archive:
        assert ["again.py", "local_deploy.config.yaml", "train.py"] == archive.getnames()
        stream = archive.extractfile("train.py")
        assert stream is not None
        assert EVERYTHING.format(name="first") == stream.read().decode()


def test_the_second_job_takes_from_the_cache_what_the_first_computed(everything: Project) -> None:
    everything.run("again.py")
    found = looked_at(everything, "second")
    assert [6, "", [False, True]] == [found[1], found[4], found[5]]


def test_each_of_the_six_archives_receives_what_its_name_says(project: Project) -> None:
    roles = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    yaml = in_place(YAML, project.place)
    for role in roles:
        head, key, tail = yaml.partition(f"{role}_archive_implementation:")
        yaml = head + key + tail.replace("foundations-archive", f"archive-of-{role}", 1)
    project.write({"local_deploy.config.yaml": yaml, "train.py": EVERYTHING.format(name="job")})
    project.run("train.py")
    kept = {
        role: sorted(
            path.relative_to(project.place / f"archive-of-{role}" / "jobs" / "job").as_posix().partition("/")[0]
            for path in (project.place / f"archive-of-{role}" / "jobs" / "job").iterdir()
        )
        for role in roles
    }
    assert {
        "stage_log": ["stage_log"],
        "persisted_data": ["persisted_data"],
        "provenance": ["provenance"],
        "job_source": ["job_source"],
        "artifact": ["artifacts"],
        "miscellaneous": ["miscellaneous"],
    } == kept
    assert [] != list((project.place / "foundations-cache").rglob("*"))
    assert "Completed" == looked_at(project, "job")[0]


def test_no_bundle_is_left_beside_the_project(everything: Project) -> None:
    assert ["project"] == everything.beside()


def test_without_any_yaml_everything_lies_in_the_home_of_foundations(project: Project) -> None:
    project.write({"train.py": PYTHON})
    assert "[0, 1, 4, 9, 16]" in project.run("train.py")
    assert ["archive", "bundles", "configurations", "local_shell", "runtime", "sources"] == sorted(
        path.name for path in project.home.iterdir()
    )
    assert ["train.py"] == [path.name for path in project.root.iterdir()]
    assert 0o700 == project.home.stat().st_mode & 0o777


def test_a_job_loads_neither_yaml_nor_structlog_nor_asyncio_nor_ssl(project: Project) -> None:
    project.write(
        {
            "train.py": "from foundations import *\n"
            "def loaded():\n"
            "    import sys\n"
            "    return sorted({'yaml', 'structlog', 'asyncio', 'ssl'} & set(sys.modules))\n"
            "print(pipeline.stage(loaded).run().fetch_job_results().output)\n"
        }
    )
    assert "[]\n" == project.run("train.py")


def test_the_result_has_the_output_under_each_of_its_names(project: Project) -> None:
    project.write(
        {
            "train.py": "from foundations import *\n"
            "stage = pipeline.stage(divmod, 7, 2)\n"
            "result = stage.run().fetch_job_results()\n"
            "print(result.output, result['stage_contexts'][stage.uuid()]['stage_output'],\n"
            "      result['global_stage_context']['stage_output'])\n"
        }
    )
    assert "(3, 1) (3, 1) (3, 1)\n" == project.run("train.py")
