import json

import pytest

CONFIG = """\
user_settings:
  rates: [1, 2.5]
  when: 2020-01-01
  ratio: .nan
  dsn: postgres-of-bob
  login: {name: bob, tokens: [abcdef]}
  url: "https://bob:hunter2${X}@host/"
cache_implementation:
  cache_type: foundations.MemoryCacheBackend
  constructor_keword_arguments: {store: "${STORE}", token: "${TOKEN}", key: "x${TOKEN}"}
run_script_environment:
  API_KEY: "${API_KEY}"
"""


@pytest.fixture
def values(run, directory, monkeypatch):
    """The shown values by key."""
    (directory / "local.config.yaml").write_text(CONFIG)
    monkeypatch.setenv("TOKEN", "a-secret-token")

    def read(*arguments):
        done = run("config", "show", "--json", *arguments)
        assert (0, "") == (done.exit_code, done.stderr)
        return {value["key"]: value for value in json.loads(done.stdout)["values"]}

    return read


def test_each_value_has_the_line_that_it_comes_from(values, directory):
    file = f"{directory}/local.config.yaml"
    shown = values()
    assert ["key", "value", "source", "file", "line", "variables"] == list(shown["user_settings.rates[1]"])
    assert (2.5, "file", file, 2) == tuple(
        shown["user_settings.rates[1]"][name] for name in ("value", "source", "file", "line")
    )
    lines = {key: value["line"] for key, value in shown.items() if value["source"] == "file"}
    assert 9 == lines["cache_implementation.cache_type"]
    assert 10 == lines["cache_implementation.constructor_keyword_arguments.store"]
    assert 12 == lines["run_script_environment.API_KEY"]


def test_a_default_says_that_it_is_one_and_which_variable_decides_it(values, tmp_path):
    shown = values()
    place = shown["artifact_archive_implementation.constructor_arguments[0]"]
    assert (f"{tmp_path}/home/archive", "environment", {"FOUNDATIONS_HOME": True}) == (
        place["value"],
        place["source"],
        place["variables"],
    )
    assert ("job_source", "default", None) == tuple(
        shown["job_source_bundle.bundle_name"][name] for name in ("value", "source", "file")
    )


def test_variables_are_shown_as_they_are_written_and_whether_they_are_set(values):
    shown = values()
    key = "cache_implementation.constructor_keyword_arguments."
    assert ("${STORE}", {"STORE": False}) == (shown[key + "store"]["value"], shown[key + "store"]["variables"])
    assert ("${TOKEN}", {"TOKEN": True}) == (shown[key + "token"]["value"], shown[key + "token"]["variables"])


def test_what_looks_like_a_secret_is_concealed(values):
    shown = values()
    assert {
        "user_settings.dsn": "<concealed: its name looks like a secret's>",
        "user_settings.login": "<concealed: its name looks like a secret's>",
        "user_settings.url": "https://bob:...@host/",
        "cache_implementation.constructor_keyword_arguments.key": "<concealed: its name looks like a secret's>",
        "run_script_environment.API_KEY": "${API_KEY}",
    } == {key: shown[key]["value"] for key in shown if key.split(".")[-1] in ("dsn", "login", "url", "key", "API_KEY")}


def test_values_that_json_lacks_are_text(values):
    shown = values()
    assert ("2020-01-01", "nan") == (shown["user_settings.when"]["value"], shown["user_settings.ratio"]["value"])


def test_a_named_environment_is_a_source(values, directory):
    (directory / "config").mkdir()
    (directory / "config" / "staging.config.yaml").write_text("cache_audit: 0.5\n")
    shown = values("--environment", "staging")["cache_audit"]
    assert (0.5, f"{directory}/config/staging.config.yaml", 1) == (shown["value"], shown["file"], shown["line"])


def test_values_for_people(run, values):
    values()
    rows = [" ".join(line.split()) for line in run("config", "show").stdout.splitlines()]
    assert "key value from" == rows[0]
    assert "user_settings.rates[0] 1 local.config.yaml:2" in rows
    assert "run_script_environment.API_KEY ${API_KEY} local.config.yaml:12 (API_KEY is not set)" in rows
    assert 'artifact_path "" default' in rows
    assert [row for row in rows if row.endswith(".constructor_arguments [] default")] == []


def test_a_class_of_the_project_is_shown_without_running_it(run, directory):
    (directory / "own.py").write_text("raise SystemExit\n")
    (directory / "own.config.yaml").write_text("cache_implementation:\n  cache_type: own.Cache\n")
    assert "own.Cache" in run("config", "show").stdout


def test_a_broken_file_is_told_with_its_place(run, directory):
    (directory / "local.config.yaml").write_text("cache_audit: 2\n")
    done = run("config", "show")
    assert (1, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith(f"Error: {directory}/local.config.yaml:1: cache_audit: expected a share")
