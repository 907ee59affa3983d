"""Directories that somebody else could have written, and YAML that would run something."""

import json
import os
import sqlite3
import sys
from contextlib import closing
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


# -- configuration that another user could have written ---------------------------------------------------------------

OTHER = 12345
OWNED = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
COMMAND = str(Path(sys.executable).with_name("foundations"))
HARMFUL = {
    "class": "cache_implementation: {cache_type: planted.Cache}\n",
    "PYTHONPATH": "run_script_environment: {PYTHONPATH: PLACE}\n",
    "LD_PRELOAD": "run_script_environment: {LD_PRELOAD: PLACE/planted.so}\n",
}


def plant(project: Project, directory: Path, yaml: str, name: str = "zz.config.yaml") -> Path:
    """Have another user leave a configuration file in a directory, with modules that mark that they ran."""
    code = f"open({str(project.place / 'ran')!r}, 'w').close()\n"
    for module in ("planted.py", "sitecustomize.py"):
        (directory / module).write_text(code)
        os.chown(directory / module, OTHER, OTHER)
    file = directory / name
    file.write_text(yaml.replace("PLACE", str(directory)))
    os.chown(file, OTHER, OTHER)
    return file


@OWNED
@pytest.mark.parametrize("what", list(HARMFUL))
@pytest.mark.parametrize("command", ["train.py", "cache"])
def test_a_configuration_file_of_another_user_is_refused_and_nothing_of_it_runs(
    project: Project, what: str, command: str
) -> None:
    scratch = project.place / "scratch"
    scratch.mkdir()
    scratch.chmod(0o1777)
    project.write({"train.py": SCRIPT})
    file = plant(project, scratch, HARMFUL[what])
    arguments = [str(project.root / command)] if command == "train.py" else [COMMAND, "cache", "stats"]
    refusal = project.refusal(*arguments, cwd=scratch)
    assert f"{file} is a configuration file that another user could have written: it belongs to user {OTHER}" in refusal
    assert refusal.rstrip().endswith(f"foundations config trust {file}")
    assert [False, []] == [(project.place / "ran").exists(), project.job_names()]


@OWNED
def test_a_configuration_file_of_another_user_is_used_once_it_is_trusted_as_it_is(project: Project) -> None:
    project.write({"show.py": "from foundations import *\nprint(dict(config_manager['user_settings']))\n"})
    file = plant(project, project.root, "user_settings: {rate: 1}\n")
    assert str(file) in project.refusal("show.py")
    project.run(COMMAND, "config", "trust", "zz.config.yaml")
    assert "{'rate': 1}\n" == project.run("show.py")
    file.write_text("user_settings: {rate: 2}\n")
    assert str(file) in project.refusal("show.py")


@OWNED
def test_an_environment_below_a_home_of_another_user_is_refused(project: Project) -> None:
    home = project.place / "theirs"
    (home / "config").mkdir(parents=True)
    file = plant(project, home / "config", "cache_implementation: {cache_type: planted.Cache}\n", "staging.config.yaml")
    os.chown(home, OTHER, OTHER)
    command = "import foundations; foundations.set_environment('staging'); foundations.config_manager.config()"
    refusal = project.refusal("-c", command, variables={"FOUNDATIONS_HOME": str(home)})
    assert f"{home}, which leads to it: it belongs to user {OTHER}" in refusal
    told = project.refusal(COMMAND, "config", "trust", str(file), variables={"FOUNDATIONS_HOME": str(home)})
    assert "Set FOUNDATIONS_HOME to a directory that nobody else can write" in told
    assert not (project.place / "ran").exists()


@pytest.mark.parametrize(("mode", "which"), [(0o666, "the file"), (0o777, "its directory")])
def test_a_configuration_file_that_others_can_write_is_refused_with_the_command_that_closes_it(
    project: Project, mode: int, which: str
) -> None:
    project.write({"local.config.yaml": "user_settings: {}\n", "train.py": SCRIPT})
    weak = project.root / "local.config.yaml" if which == "the file" else project.root
    weak.chmod(mode)
    refusal = project.refusal("train.py")
    assert f"all users can write it (mode {mode:04o})" in refusal
    assert refusal.rstrip().endswith(f"chmod go-w {weak}")
    weak.chmod(mode & ~0o022)
    assert "7\n" == project.run("train.py")


def test_a_configuration_file_behind_a_link_into_an_open_directory_is_refused(project: Project) -> None:
    shared = project.place / "shared"
    shared.mkdir()
    (shared / "own.yaml").write_text("user_settings: {}\n")
    shared.chmod(0o777)
    project.write({"train.py": SCRIPT})
    (project.root / "local.config.yaml").symlink_to(shared / "own.yaml")
    assert f"chmod go-w {shared}" in project.refusal("train.py")


# -- secrets ----------------------------------------------------------------------------------------------------------

SECRET = "correct-horse"
SECRETS = """from foundations import *
from dataclasses import dataclass
from typing import NamedTuple
@dataclass
class Database:
    host: str
    password: str
class Login(NamedTuple):
    user: str
    token: str
def connect(user, password, more=None):
    raise ValueError("cannot connect")
def accept(*given, **named):
    return 1
def told(stage, **parameters):
    try:
        stage.run(**parameters).fetch_job_results()
    except RemoteException as error:
        print(error)
told(pipeline.stage(connect, "bob", "hunter2"))
told(pipeline.stage(connect, "bob", Hyperparameter("word")), word="hunter2")
told(pipeline.stage(connect, "postgres://bob:hunter2@host", "", Database("host", "hunter2")))
told(pipeline.stage(connect, Login("bob", "hunter2"), password=["hunter2"]))
told(pipeline.stage(connect, Hyperparameter("dsn"), "", more={"Authorization": "Bearer hunter2"}), dsn="hunter2")
told(pipeline.stage(accept, Hyperparameter("value")).enable_caching(), value=Database("host", "hunter2"))
told(pipeline.stage(accept, Hyperparameter("value")).enable_caching(), value=Login("host", "hunter2"))
told(pipeline.stage(accept, "https://host/?token=hunter2", jwt="hunter2").enable_caching())
told(pipeline.stage(accept, Hyperparameter("pat")).enable_caching(), pat="hunter2")
"""


def test_a_secret_is_in_no_message_and_in_nothing_that_is_kept(project: Project) -> None:
    project.write({"train.py": SECRETS.replace("hunter2", SECRET)})
    done = project.attempt("train.py")
    assert (0, 5) == (done.returncode, done.stdout.count("in stage connect("))
    files = [path for path in project.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    project.settle()
    assert [[], False] == [[path for path in files if path.exists()], SECRET in done.stdout + done.stderr]


# -- a listing that somebody else could have written ------------------------------------------------------------------


def forge(project: Project, **environment: object) -> None:
    """Change what the listing's record of job ``job`` says of its environment."""
    with closing(sqlite3.connect(project.home / "archive" / "listing.sqlite3")) as listing, listing:
        (text,) = listing.execute("SELECT environment FROM jobs").fetchone()
        forged = json.dumps(json.loads(text) | environment)
        listing.execute("UPDATE jobs SET environment = ?", (forged,))


def test_a_record_of_the_listing_names_neither_a_class_nor_a_directory_that_is_used(project: Project) -> None:
    project.write(
        {
            "train.py": "from foundations import *\npipeline.stage(int).run(job_name='job').fetch_job_results()\n",
            "planted.py": "open('ran', 'w').close()\n",
            "show.py": "from foundations import *\njob = load_job('job')\n"
            "print(job.get_job_status(), job.fetch_job_results().output)\n",
        }
    )
    project.run("train.py")
    victim = project.place / "victim"
    for part in ("project", "bundle", "state"):
        (victim / part).mkdir(parents=True, mode=0o700)
    before = tree(victim)
    forge(project, deployment={"deployment_type": "planted.Environment"}, reference={"directory": str(victim)})
    assert "Completed 0\n" == project.run("show.py")
    forge(project, configuration="../../../victim", reference={"directory": str(victim)})
    assert "Completed 0\n" == project.run("show.py")
    assert [before, False] == [tree(victim), (project.root / "ran").exists()]


def test_a_job_is_read_with_the_configuration_that_it_was_submitted_with(project: Project) -> None:
    configured(project, "shell", project.place / "shell")
    script = SCRIPT.replace(".run()", ".run(job_name='job')")
    project.write({"train.py": script})
    assert "7\n" == project.run("train.py")
    yaml = YAML.format(**{part: project.place / part for part in ("cache", "listing")}, archive="~/no", shell="~/none")
    project.write({"local.config.yaml": yaml})
    show = "from foundations import *\njob = load_job('job')\nprint(job.fetch_job_results().output)"
    assert "7\n" == project.run("-c", show)
