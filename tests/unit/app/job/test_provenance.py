import json
import platform

import pytest

from foundations.app.job.provenance import current_commit, describe_provenance, recorded_parameters
from foundations.app.project.job_loading import LoadedJob
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.text.redaction import REDACTED, redact
from foundations.testing import in_memory_settings


def provenance(sdk, project="/nowhere", environ=None, **parameters):
    target = sdk.pipeline.stage(len, sdk.pipeline.stage(json.dumps, 1))
    job = Job(name="job", pipeline=Pipeline.of(target), parameters=parameters, project=str(project), import_paths=())
    return describe_provenance(LoadedJob(job, [], [], {}), in_memory_settings("store"), environ or {})


def test_it_is_json_and_says_how_the_result_came_to_be(sdk):
    document = provenance(sdk, rate=0.5)
    assert document == json.loads(json.dumps(document))
    assert ("job", "/nowhere", {"rate": 0.5}, None) == tuple(
        document[key] for key in ("job_name", "project_directory", "parameters", "commit")
    )
    assert ["json.dumps", "builtins.len"] == document["stages"]["functions"]
    assert [[], [0]] == document["stages"]["upstream"]
    assert platform.python_version() == document["python"]["version"]
    assert any(package.startswith("attrs-") for package in document["packages"])


def test_of_the_environment_only_what_is_allowed_is_recorded(sdk):
    environ = {"TZ": "UTC", "AWS_SECRET_ACCESS_KEY": "secret", "MINE": "x"}
    assert {"TZ": "UTC"} == provenance(sdk, environ=environ)["environment"]


@pytest.mark.parametrize(
    "name", ["password", "db_password", "API_KEY", "api-key", "token", "aws_secret", "private_key", "credentials"]
)
def test_what_is_named_like_a_secret_is_left_out(name):
    assert "s3cret" not in str(recorded_parameters({name: "s3cret"}))
    assert "s3cret" not in str(redact({"deep": [{name: {"x": "s3cret"}}]}))


@pytest.mark.parametrize(
    "name", ["tokenizer", "monkey", "keyboard", "passes", "max_tokens", "max_tokens_per_batch_size"]
)
def test_other_names_are_recorded(name):
    assert {name: 1} == recorded_parameters({name: 1})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (True, True),
        (None, None),
        ("x", "x"),
        ([1, ["a"]], [1, ["a"]]),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ((1, 2), "(1, 2)"),
        ({"a": 1}, {"a": 1}),
        ({1: "a"}, "{1: 'a'}"),
        ({"user": "ann", "accessToken": "s3cret"}, {"user": "ann", "accessToken": REDACTED}),
        pytest.param(10**5000, "<int, whose repr raises ValueError>", id="a long integer"),
    ],
)
def test_parameters_are_recorded_as_json_or_abbreviated(value, expected):
    recorded = recorded_parameters({"x": value})
    assert {"x": expected} == recorded
    json.dumps(recorded, allow_nan=False)


def test_long_values_are_abbreviated():
    recorded = recorded_parameters({"text": "x" * 5000, "list": list(range(1000))})
    assert all(len(value) < 100 for value in recorded.values())


class TestCommit:
    @pytest.fixture
    def git(self, tmp_path):
        (tmp_path / "repository" / ".git" / "refs" / "heads").mkdir(parents=True)
        (tmp_path / "repository" / "project").mkdir()
        return tmp_path / "repository" / ".git"

    def commit(self, git):
        return current_commit(git.parent / "project")

    def test_of_a_branch(self, git):
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "refs" / "heads" / "main").write_text("abc123\n")
        assert "abc123" == self.commit(git)

    def test_of_a_packed_branch(self, git):
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "packed-refs").write_text("# packed\nfff refs/heads/other\nabc123 refs/heads/main\n")
        assert "abc123" == self.commit(git)

    def test_of_a_detached_head(self, git):
        (git / "HEAD").write_text("abc123\n")
        assert "abc123" == self.commit(git)

    def test_of_a_branch_without_commits(self, git):
        (git / "HEAD").write_text("ref: refs/heads/main\n")
        (git / "packed-refs").write_text("")
        assert self.commit(git) is None

    def test_of_a_worktree(self, git, tmp_path):
        (git / "packed-refs").write_text("abc123 refs/heads/side\n")
        place = git / "worktrees" / "side"
        place.mkdir(parents=True)
        (place / "HEAD").write_text("ref: refs/heads/side\n")
        (place / "commondir").write_text("../..\n")
        worktree = git.parent / "project"
        (worktree / ".git").write_text(f"gitdir: {place}\n")
        assert "abc123" == current_commit(worktree)
