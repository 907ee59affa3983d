import json

import pytest

from foundations.cli.commands import CACHE
from foundations.version import __version__

COMMANDS = ["stats", "ls", "gc", "clear"]
REMOVING = {"gc": ["--max-size", "0"], "clear": ["--yes"]}


def test_the_version_is_told(run):
    done = run("--version")
    assert (0, f"foundations {__version__}\n", "") == (done.exit_code, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [[], ["cache"], *(["cache", command] for command in COMMANDS)])
def test_every_command_has_help_with_examples(run, arguments):
    done = run(*arguments, "--help")
    assert (0, "") == (done.exit_code, done.stderr)
    assert "Examples:\n    foundations " in done.stdout
    assert done.stdout == run(*arguments, "-h").stdout


def test_help_of_a_group_lists_its_commands_with_their_summaries(run):
    listed = run("cache", "--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    assert [f"{name} {command.summary}" for name, command in CACHE.commands.items()] == [
        " ".join(line.split()) for line in listed.splitlines()
    ]


@pytest.mark.parametrize("arguments", [[], ["cache"]])
def test_no_command_is_answered_with_help(run, arguments):
    assert run(*arguments, "--help").stdout in run(*arguments).output


@pytest.mark.parametrize("arguments", [[], ["cache"]])
def test_the_list_of_commands_cuts_no_description(run, arguments):
    assert "..." not in run(*arguments, "--help").stdout.partition("Commands:")[2]


def test_a_command_that_does_not_exist_is_a_mistake_in_the_usage(run):
    done = run("cache", "stat")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "No such command 'stat'. Did you mean 'stats'" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistake_in_the_configuration_is_told_with_its_place(run, configure, command):
    file = configure(type_name="foundations.MemoryCacheBackendd")
    done = run("cache", command, *REMOVING.get(command, []))
    assert (1, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith(f"Error: {file}:2: cache_implementation: ")
    assert "did you mean foundations.MemoryCacheBackend?" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_cache_that_is_refused_is_told_in_its_own_words(run, configure, tmp_path, command):
    place = tmp_path / "others"
    place.mkdir()
    place.chmod(0o777)
    configure(type_name="foundations.LocalFileSystemCacheBackend", argument=place)
    done = run("cache", command, *REMOVING.get(command, []))
    assert (1, "") == (done.exit_code, done.stdout)
    assert done.stderr.startswith("Error: ")
    assert str(place) in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_named_environment_has_the_last_word(run, cache, configure, command):
    configure("config/staging.config.yaml", argument="another")
    cache.put("key", [b"value"])
    done = run("cache", command, "--environment", "staging", "--json", *REMOVING.get(command, []))
    assert (0, "foundations.MemoryCacheBackend(another)") == (done.exit_code, json.loads(done.stdout)["cache"])
    assert ["key"] == [entry.key for entry in cache.entries()]


def test_an_environment_that_does_not_exist_is_told(run, cache):
    done = run("cache", "stats", "--environment", "staging")
    assert (1, "") == (done.exit_code, done.stdout)
    assert "there is no environment 'staging'" in done.stderr


def test_files_that_are_added_have_the_last_word_in_their_order(run, cache, configure):
    for name in ("first", "second"):
        configure(f"more/{name}.yaml", argument=name)
    done = run("cache", "stats", "--json", "--config", "more/first.yaml", "--config", "more/second.yaml")
    assert '"foundations.MemoryCacheBackend(second)"' in done.stdout


def test_a_file_that_does_not_exist_is_told(run, cache):
    done = run("cache", "ls", "--config", "missing.yaml")
    assert (1, "") == (done.exit_code, done.stdout)
    assert "missing.yaml" in done.stderr


def test_the_name_of_a_cache_tells_no_variables_value(run, configure, monkeypatch):
    monkeypatch.setenv("TOKEN", "a-secret")
    configure(argument='"${TOKEN}"')
    done = run("cache", "stats", "--json")
    assert '"foundations.MemoryCacheBackend(${TOKEN})"' in done.stdout
    assert "a-secret" not in done.output


def test_an_adapter_of_the_project_is_found_beside_its_configuration_by_commands_that_change_the_cache(
    run, configure, directory
):
    (directory / "adapter_of_the_project.py").write_text(
        "from foundations import MemoryCacheBackend\nclass Own(MemoryCacheBackend):\n    pass\n"
    )
    configure(type_name="adapter_of_the_project.Own")
    refused = run("cache", "stats")
    assert (1, True) == (refused.exit_code, "runs none of it" in refused.stderr)
    done = run("cache", "clear", "--yes", "--json")
    assert (0, "") == (done.exit_code, done.stderr)


def test_a_working_directory_that_is_gone_is_told(run, directory):
    directory.rmdir()
    done = run("cache", "stats")
    assert (1, "") == (done.exit_code, done.stdout)
    assert "the working directory, which says where the cache is, is gone" in done.stderr
