import json
import os
import time

import pytest


@pytest.fixture
def findings(run):
    """The findings of a command, by subject, and its exit code."""

    def read(*arguments):
        done = run(*arguments, "--json")
        document = json.loads(done.stdout)
        assert (["findings", "errors"], done.stderr) == (list(document), "")
        assert all(["subject", "status", "message"] == list(finding) for finding in document["findings"])
        return {finding["subject"]: finding for finding in document["findings"]}, done.exit_code

    return read


SUBJECTS = ["python", "home", "configuration", "capabilities", "bundle", "space", "clock"]


def files(directory):
    return sorted(str(path) for path in directory.rglob("*"))


def test_where_all_is_well_nothing_is_wrong_and_nothing_is_written(findings, directory, tmp_path):
    before = files(tmp_path)
    found, code = findings("doctor")
    assert (0, {"ok"}) == (code, {finding["status"] for finding in found.values()})
    assert ([], before) == ([subject for subject in SUBJECTS if subject not in found], files(tmp_path))


def test_a_home_that_others_can_write_is_an_error_with_what_to_do(findings, directory, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    found, code = findings("doctor")
    assert (1, "error") == (code, found["home"]["status"])
    assert f"What to do: chmod go-w {tmp_path}/home" in found["home"]["message"]


def test_a_home_that_is_not_absolute_is_an_error(findings, directory, monkeypatch):
    monkeypatch.setenv("FOUNDATIONS_HOME", "relative")
    found, code = findings("doctor")
    assert (1, "error") == (code, found["home"]["status"])
    assert "must be absolute" in found["home"]["message"]


@pytest.mark.parametrize("command", [["doctor"], ["config", "check"]])
def test_a_broken_configuration_is_one_finding_beside_the_others(findings, directory, command):
    (directory / "local.config.yaml").write_text("cache_audit: 2\n")
    found, code = findings(*command)
    assert (1, "error") == (code, found["configuration"]["status"])
    assert f"{directory}/local.config.yaml:1: cache_audit: expected a share" in found["configuration"]["message"]
    assert (command == ["doctor"]) == ("clock" in found)


@pytest.mark.parametrize("command", [["doctor"], ["config", "check"]])
def test_every_adapter_that_cannot_be_used_is_a_finding(findings, directory, command):
    (directory / "local.config.yaml").write_text(
        "artifact_archive_implementation:\n  archive_type: foundations.Missing\n"
        "deployment_implementation:\n  deployment_type: foundations.LocalShellJobDeployment\n"
        "  constructor_arguments: ['${NOT_SET}']\n"
        "run_script_environment: {A: '${NOT_SET}'}\n"
        "job_source_bundle: {extra_source_paths: [absent]}\n"
    )
    found, code = findings(*command)
    errors = {subject: finding["message"] for subject, finding in found.items() if finding["status"] == "error"}
    expected = {
        "artifact_archive_implementation": "there is no 'Missing' in foundations",
        "deployment_implementation": "the environment variable NOT_SET is not set",
        "run_script_environment": "the environment variable NOT_SET is not set",
        "job_source_bundle": "'absent' is not a directory",
    }
    assert (1, expected) == (
        code,
        {subject: text for subject, text in expected.items() if text in errors.get(subject, "")},
    )
    assert "capabilities" not in found


def test_a_cache_that_is_refused_is_a_warning(findings, configure, tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others").chmod(0o777)
    configure(type_name="foundations.LocalFileSystemCacheBackend", argument=tmp_path / "others")
    found, code = findings("config", "check")
    assert (0, "warning") == (code, found["cache_implementation"]["status"])
    assert found["cache_implementation"]["message"].endswith("Until then, nothing is cached.")


def test_storage_that_jobs_cannot_reach_is_an_error(findings, configure):
    configure()
    found, code = findings("config", "check")
    assert (1, "error") == (code, found["capabilities"]["status"])
    assert "is in memory and not shared with other processes" in found["capabilities"]["message"]


def test_every_named_environment_is_examined(findings, directory):
    (directory / "config").mkdir()
    for name, deployment in (("good", "LocalShellJobDeployment"), ("bad", "Missing")):
        (directory / "config" / f"{name}.config.yaml").write_text(
            f"deployment_implementation:\n  deployment_type: foundations.{deployment}\n"
        )
    found, code = findings("doctor")
    assert (1, "ok", "error") == (code, found["environment good"]["status"], found["environment bad"]["status"])
    found, code = findings("doctor", "--environment", "good")
    assert ("foundations.LocalShellJobDeployment()", False) == (
        found["deployment_implementation"]["message"],
        "environment good" in found,
    )


def test_a_bundle_that_is_large_is_a_warning(findings, directory):
    with (directory / "large.bin").open("wb") as stream:
        stream.truncate(600_000_000)
    found, code = findings("doctor")
    assert (0, "warning") == (code, found["bundle"]["status"])
    assert "1 files, 600.0 MB before compression" in found["bundle"]["message"]


def test_a_clock_that_is_behind_another_machines_is_a_warning(findings, directory, tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    os.utime(tmp_path / "home", (time.time() + 7200,) * 2)
    found, code = findings("doctor")
    assert (0, "warning") == (code, found["clock"]["status"])
    assert f"behind the one that wrote {tmp_path}/home" in found["clock"]["message"]


def test_findings_for_people_are_a_line_each(run, directory):
    done = run("doctor")
    assert (0, "") == (done.exit_code, done.stderr)
    assert [] == [line for line in done.stdout.splitlines() if not line.startswith("ok       ")]


def test_a_class_of_the_project_is_not_run_by_a_command_that_only_looks(findings, directory):
    (directory / "own.py").write_text("raise SystemExit\n")
    (directory / "own.config.yaml").write_text("cache_implementation:\n  cache_type: own.Cache\n")
    for command in (["doctor"], ["config", "check"]):
        found, code = findings(*command)
        assert (1, True) == (code, "runs none of it" in found["configuration"]["message"])
