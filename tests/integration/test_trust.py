"""Directories that somebody else could have written, and YAML that would run something."""

from pathlib import Path

import pytest
from support import Project, tree

YAML = """cache_implementation:
  cache_type: foundations.LocalFileSystemCacheBackend
  constructor_arguments: [{cache}]
archive_listing_implementation:
  archive_listing_type: foundations.LocalFileSystemPipelineListing
  constructor_arguments: [{listing}]
persisted_data_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [{archive}]
deployment_implementation:
  deployment_type: foundations.LocalShellJobDeployment
  constructor_arguments: [{shell}]
"""
SCRIPT = """from foundations import *
def same(value):
    return value
print(pipeline.stage(same, 7).enable_caching().run().fetch_job_results().output)
"""


def configured(project: Project, part: str, place: Path) -> None:
    places = {name: project.place / name for name in ("cache", "listing", "archive", "shell")}
    project.write({"local.config.yaml": YAML.format(**{**places, part: place}), "train.py": SCRIPT})


def spoiled(project: Project, how: str) -> Path:
    """Return a directory that another user could have written, or led elsewhere."""
    place = project.place / "spoiled"
    if how == "beneath":
        place.mkdir(mode=0o700)
        place.chmod(0o777)
        (place / "inner").mkdir(mode=0o700)
        return place / "inner"
    if how == "link":
        (project.place / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(project.place / "elsewhere")
        return place
    place.mkdir(mode=0o700)
    if how == "theirs":
        import os

        os.chown(place, 12345, 12345)
    else:
        place.chmod({"group": 0o770, "others": 0o702}[how])
    return place


WAYS = ["group", "others", "theirs", "beneath", "link"]


@pytest.mark.parametrize("part", ["archive", "listing", "shell"])
@pytest.mark.parametrize("how", WAYS)
def test_a_place_that_others_can_write_is_refused_at_run(project: Project, part: str, how: str) -> None:
    configured(project, part, spoiled(project, how))
    before = tree(project.root.parent, project.home, project.place / "spoiled")
    refusal = project.refusal("-B", "train.py")
    assert "UntrustedLocationError: " in refusal
    assert before == tree(project.root.parent, project.home, project.place / "spoiled")
    assert [] == [name for name in ("cache", "listing", "archive", "shell") if (project.place / name).exists()]


@pytest.mark.parametrize("how", WAYS)
def test_a_cache_that_others_can_write_is_done_without(project: Project, how: str) -> None:
    place = spoiled(project, how)
    configured(project, "cache", place)
    before = tree(place)
    done = project.attempt("train.py")
    assert ("7\n", 0) == (done.stdout, done.returncode)
    assert "cache_refused" in done.stderr
    assert before == tree(place)


def test_a_home_that_others_can_write_is_refused(project: Project) -> None:
    project.write({"train.py": SCRIPT})
    project.home.chmod(0o777)
    assert "UntrustedLocationError: " in project.refusal("train.py")


@pytest.mark.parametrize(
    ("yaml", "line", "told"),
    [
        ("cache_implementation: !!python/object/apply:os.system ['touch {marker}']\n", 1, "python/object/apply"),
        ("cache_implementation:\n  cache_type: !!python/name:os.system\n", 2, "python/name"),
        ("\ncache_implementation:\n  cache_tipe: x\n", 3, "cache_type"),
        ("cache_implementatoin:\n  cache_type: x\njob_source_bundle: {{}}\n", 1, "cache_implementation"),
        ("cache_implementation:\n  cache_type: a\n  cache_type: b\n", 3, "cache_type"),
        ("cache_implementation:\n  cache_type: no_such.Thing\n", 2, "no_such"),
        ("cache_implementation:\n  cache_type: foundations.create_stage\n", 2, "create_stage"),
        ("cache_implementation:\n  cache_type: 7\n", 2, "7"),
        ("cache_implementation: [\n", 2, "YAML"),
        ("job_source_bundle:\n  target_path: ../..\n", 2, "target_path"),
    ],
)
def test_a_mistake_in_the_yaml_is_told_with_its_line_and_nothing_runs(
    project: Project, yaml: str, line: int, told: str
) -> None:
    marker = project.place / "marker"
    project.write({"local.config.yaml": yaml.format(marker=marker), "train.py": SCRIPT})
    refusal = project.refusal("train.py")
    assert f"Error: {project.root}/local.config.yaml:{line}: " in refusal
    assert told in refusal
    assert [False, []] == [marker.exists(), project.job_names()]


def test_an_adapter_that_lacks_a_method_is_refused_with_its_name(project: Project) -> None:
    project.write(
        {
            "half.py": "from foundations.ports.cache import CacheBackend\n"
            "class Half(CacheBackend):\n    def get(self, key):\n        return None\n",
            "local.config.yaml": "cache_implementation:\n  cache_type: half.Half\n",
            "train.py": SCRIPT,
        }
    )
    refusal = project.refusal("train.py")
    assert f"{project.root}/local.config.yaml:2: " in refusal
    assert "put" in refusal
    assert [] == project.job_names()


@pytest.mark.parametrize("yaml", ["", "# nothing\n", "services:\n  web: {image: x}\n"])
def test_an_empty_file_and_another_tools_are_passed_over(project: Project, yaml: str) -> None:
    project.write({"other.config.yaml": yaml, "train.py": SCRIPT})
    assert "7\n" == project.run("train.py")
