import json

import pytest

FILES = ["train.py", "test_train.py", "local.config.yaml", ".foundationsignore", "requirements.txt", "README.md"]


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_project_is_written_with_the_command_that_runs_it(run, directory):
    done = run("init", "my project")
    assert (0, [f"my project/{file}" for file in FILES]) == (done.exit_code, done.stdout.splitlines())
    assert "Run it: cd 'my project' && foundations run train.py -p rate=0.5 --follow\n" == done.stderr
    assert sorted(FILES) == files(directory / "my project")
    assert (directory / "my project" / "README.md").read_text().startswith("# my project\n")


def test_a_project_is_written_into_the_working_directory(run, directory):
    document = json.loads(run("init", "--json").stdout)
    assert ({"directory": str(directory), "files": FILES}, sorted(FILES)) == (document, files(directory))


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_overwritten(run, directory, file):
    (directory / file).symlink_to("mine")
    done = run("init")
    assert (1, "", [file]) == (done.exit_code, done.stdout, files(directory))
    assert f"has {file} already, and nothing is overwritten" in done.stderr


def test_a_directory_that_cannot_be_made_is_told(run, directory):
    (directory / "file").write_text("mine")
    done = run("init", "file")
    assert (1, "", ["file"]) == (done.exit_code, done.stdout, files(directory))
    assert "file cannot be written: " in done.stderr
