"""What nobody else may see, and what nobody else may have written: with a secret to look for, and a second user."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import Project

SECRET = "hunter2-in-no-file-of-ours"
OTHER = 12345


@pytest.fixture
def place(tmp_path):
    made = Project(tmp_path)
    yield made
    made.close()


def holding(root: Path, text: str) -> list[str]:
    return [str(path) for path in root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_secret_of_the_environment_is_in_nothing_that_is_kept(place: Project) -> None:
    place.write(
        {
            "train.py": "from foundations import *\nimport os, subprocess\n"
            "def work(password):\n"
            "    listed = subprocess.run(['ps', 'axww'], capture_output=True, text=True).stdout\n"
            "    variables = [os.environ[name] for name in ('FROM_YAML', 'AWS_SECRET_ACCESS_KEY')]\n"
            "    return variables == [password] * 2, password in listed\n"
            "pipe = pipeline.stage(work, Hyperparameter('password'))\n"
            "result = pipe.run(job_name='job', password=os.environ['AWS_SECRET_ACCESS_KEY']).fetch_job_results()\n"
            "print(result.output)\n",
            "local.config.yaml": "run_script_environment:\n  FROM_YAML: ${AWS_SECRET_ACCESS_KEY}\n"
            "user_settings: {database: {password: '${AWS_SECRET_ACCESS_KEY}'}}\n",
        }
    )
    told = place.run("train.py", variables={"AWS_SECRET_ACCESS_KEY": SECRET})
    assert "(True, False)\n" == told
    assert [] == holding(place.home, SECRET)
    assert [] == holding(place.root.parent, SECRET)


def test_an_env_file_and_a_private_key_stay_out(place: Project) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + SECRET
    place.write(
        {
            ".env": SECRET,
            "id_rsa": key,
            "train.py": "from foundations import *\npipeline.stage(int).run(job_name='job').fetch_job_results()",
        }
    )
    done = place.attempt("train.py")
    assert 0 == done.returncode
    assert "id_rsa" in done.stderr
    place.run("-c", "from foundations import *\nload_job('job').fetch_job_source('../source.tgz')")
    names = subprocess.run(["tar", "tzf", place.root.parent / "source.tgz"], check=True, capture_output=True, text=True)
    assert ["train.py"] == names.stdout.split()


LOOK = """
import os, sys
os.setgroups([])
os.setgid({other})
os.setuid({other})
seen = []
for root in sys.argv[1:]:
    for place, directories, names in os.walk(root):
        for name in names:
            try:
                with open(os.path.join(place, name), "rb") as stream:
                    stream.read(1)
                seen.append(os.path.join(place, name))
            except OSError:
                continue
print(seen)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_reads_nothing_of_what_the_specification_puts_into_tmp(place: Project, tmp_path: Path) -> None:
    shared = Path("/tmp") / f"foundations-torture-{os.getpid()}"
    place.write(
        {
            "local.config.yaml": f"cache_implementation:\n  cache_type: foundations.LocalFileSystemCacheBackend\n"
            f"  constructor_arguments: [{shared}-cache]\n"
            f"persisted_data_archive_implementation:\n  archive_type: foundations.LocalFileSystemPipelineArchive\n"
            f"  constructor_arguments: [{shared}-archive]\n",
            "train.py": "from foundations import *\ndef work(x):\n    return x + 1\n"
            "print(pipeline.stage(work, 1).enable_caching().run(job_name='job').fetch_job_results().output)",
        }
    )
    places = [f"{shared}-cache", f"{shared}-archive"]
    try:
        assert "2\n" == place.run("train.py")
        assert all(any(Path(made).rglob("*")) for made in places)
        look = [sys.executable, "-c", LOOK.format(other=OTHER), *places, str(place.home)]
        assert "[]\n" == subprocess.run(look, check=True, capture_output=True, text=True, cwd="/").stdout
    finally:
        subprocess.run(["rm", "-rf", *places], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("what", ["archive", "cache", "local_shell"])
def test_a_place_that_another_user_made_first_is_refused_and_its_pickle_not_read(place: Project, what: str) -> None:
    planted = place.home / what
    planted.mkdir(mode=0o755)
    (planted / "evil").write_bytes(b"cos\nsystem\n(S'touch " + str(place.place / "owned").encode() + b"'\ntR.")
    os.chown(planted, OTHER, OTHER)
    done = place.attempt(
        "-c", "from foundations import *\nprint(pipeline.stage(int).enable_caching().run().fetch_job_results().output)"
    )
    assert "is not trusted" in done.stderr
    assert str(planted) in done.stderr
    assert (what == "cache") == (done.returncode == 0)
    assert not (place.place / "owned").exists()
