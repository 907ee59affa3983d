import json

import pytest

IGNORE = "# large\n*.csv\n"


@pytest.fixture
def project(directory):
    for path, content in {
        ".foundationsignore": IGNORE,
        "train.py": "x" * 100,
        "large.txt": "x" * 5000,
        "points.csv": "x" * 9000,
        ".venv/pyvenv.cfg": "",
        "stored/listing": "",
        ".env.local": "TOKEN=1",
    }.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(content)
    (directory / "local.config.yaml").write_text(
        "cache_implementation:\n  cache_type: foundations.LocalFileSystemCacheBackend\n"
        f"  constructor_arguments: [{directory}/stored]\n"
    )
    return directory


def words(text):
    return [line.split(maxsplit=3) for line in text.splitlines()]


def test_files_are_listed_the_largest_first(run, project):
    done = run("bundle", "ls")
    heading, *rows = words(done.stdout)
    assert (0, ["size", "file"]) == (done.exit_code, heading)
    assert ["large.txt", "local.config.yaml", "train.py", ".foundationsignore"] == [row[2] for row in rows]
    assert ["5", "kB"] == rows[0][:2]
    assert done.stderr.splitlines()[-1].startswith("4 files, 5.")
    assert done.stderr.endswith("before compression; 4 left out: see --excluded\n")


def test_what_is_left_out_is_listed_with_the_reasons(run, project):
    done = run("bundle", "ls", "--excluded")
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert [
        "size file why",
        "7 B .env.local the built-in list of names (.env.local)",
        ".venv/ the built-in list of names (.venv)",
        "9 kB points.csv line 2 of .foundationsignore (*.csv)",
        "stored/ the store of cache_implementation",
    ] == rows
    assert done.stderr.endswith("4 files and directories left out\n")


def test_the_files_as_a_document(run, project):
    document = json.loads(run("bundle", "ls", "--json").stdout)
    assert ["files", "size", "excluded"] == list(document)
    assert {"path": "large.txt", "size": 5000, "reason": None} == document["files"][0]
    assert sum(file["size"] for file in document["files"]) == document["size"]
    assert {"path": "stored/", "size": None, "reason": "the store of cache_implementation"} == document["excluded"][-1]


def test_an_empty_directory_has_nothing_to_list(run, directory):
    done = run("bundle", "ls")
    assert (0, "", "0 files, 0 B") == (done.exit_code, done.stdout, done.stderr[:12])


def test_an_ignore_file_that_is_not_valid_is_told(run, directory):
    (directory / ".foundationsignore").write_text("a\n*****a*b*c*d*e*f\n")
    done = run("bundle", "ls")
    assert (1, "") == (done.exit_code, done.stdout)
    assert f"{directory}/.foundationsignore:2: " in done.stderr


def test_a_bundler_that_cannot_list_says_so(run, directory):
    (directory / "own_bundler.py").write_text(
        "from foundations import MemoryJobBundler\nfrom foundations.ports.bundling import JobBundler\n"
        "class Own(MemoryJobBundler):\n    list_files = JobBundler.list_files\n"
    )
    (directory / "local.config.yaml").write_text(
        "job_bundler_implementation:\n  job_bundler_type: own_bundler.Own\n  constructor_arguments: [store]\n"
    )
    import sys

    sys.path.append(str(directory))
    done = run("bundle", "ls")
    assert (1, "Error: Own cannot list the files of a bundle: it has no list_files().\n") == (
        done.exit_code,
        done.stderr,
    )
