"""The configuration in layers."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from foundations import events
from foundations.app.config.manager import ConfigManager, UnknownConfigurationKeyError
from foundations.app.config.settings import TOP_LEVEL_KEYS, Settings
from foundations.errors import ConfigurationError


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path, monkeypatch):
    directory = tmp_path / "project"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def manager(home, project):
    return ConfigManager({"FOUNDATIONS_HOME": str(home)})


@pytest.fixture
def told(monkeypatch):
    told = []
    monkeypatch.setattr(events, "info", lambda event, **keys: told.append((event, keys)))
    return told


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def says(value: object) -> str:
    return f"user_settings: {{says: {value}}}\n"


def cache(name: str) -> str:
    return f"cache_implementation: {{cache_type: mine.{name}}}\n"


def test_without_a_file_the_defaults_hold(manager, home):
    assert Settings.from_sections({}, lambda: home) == manager.settings()


def test_the_process_s_own_variables_tell_the_home(project, home, monkeypatch):
    monkeypatch.setenv("FOUNDATIONS_HOME", str(home))

    assert Settings.from_sections({}, lambda: home) == ConfigManager().settings()


def test_files_of_the_working_directory_are_put_together(manager, project):
    write(project / "b.config.yaml", says("b"))
    write(project / "a.config.yaml", cache("A"))
    write(project / "c.yaml", says("not read"))
    write(project / ".hidden.config.yaml", says("not read"))
    write(project / "sub" / "d.config.yaml", says("not read"))

    settings = manager.settings()

    expected = ("mine.A", {"says": "b"})
    assert expected == (settings.cache.type_name, settings.user_settings)


def test_files_are_read_anew_at_each_call(manager, project):
    write(project / "a.config.yaml", says(1))
    first = manager["user_settings"]
    write(project / "a.config.yaml", says(2))

    expected = [{"says": 1}, {"says": 2}]
    assert expected == [first, manager["user_settings"]]


def test_another_directory_may_be_asked_for(manager, project, tmp_path):
    write(project / "a.config.yaml", says("here"))
    write(tmp_path / "other" / "a.config.yaml", says("there"))

    expected = {"says": "there"}
    assert expected == manager.settings(tmp_path / "other").user_settings


def test_one_key_in_two_files_of_the_working_directory_is_an_error(manager, project):
    write(project / "a.config.yaml", says(1))
    write(project / "b.config.yaml", cache("B") + says(2))

    with pytest.raises(ConfigurationError) as raised:
        manager.settings()

    first, second = f"{project}/a.config.yaml:1", f"{project}/b.config.yaml:2"
    assert f"the key in {first} and {second}" == raised.value.found
    expected = "user_settings"
    assert expected == raised.value.key
    assert str(raised.value).startswith(f"{second}: user_settings: the key is also in {first}.")


def test_later_layers_win_key_by_key(manager, project, home, tmp_path):
    layers = [
        write(project / "a.config.yaml", says("project") + cache("Project")),
        write(tmp_path / "one.config.yaml", says("one") + "run_script_environment: {A: one}\n"),
        write(tmp_path / "two.yaml", says("two")),
        write(home / "config" / "staging.config.yaml", says("staging")),
    ]
    seen = [manager["user_settings"]["says"]]
    for path in layers[1:3]:
        manager.add_config_path(path)
        seen.append(manager["user_settings"]["says"])
    manager.set_environment("staging")
    settings = manager.settings()

    expected = ["project", "one", "two", "staging"]
    assert expected == [*seen, settings.user_settings["says"]]
    expected = ("mine.Project", {"A": "one"})
    assert expected == (settings.cache.type_name, settings.run_script_environment)


def test_an_added_file_is_found_after_the_working_directory_has_changed(manager, project, tmp_path, monkeypatch):
    write(tmp_path / "shared.yaml", says("shared"))
    manager.add_config_path("../shared.yaml")
    monkeypatch.chdir("/")

    expected = {"says": "shared"}
    assert expected == manager.settings(project).user_settings


def test_an_added_file_may_be_in_the_user_s_directory(manager, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "mine.yaml", says("mine"))
    manager.add_config_path("~/mine.yaml")

    expected = {"says": "mine"}
    assert expected == manager["user_settings"]


def test_an_added_file_of_a_user_that_is_not_there_is_refused(manager):
    with pytest.raises(ConfigurationError, match="cannot be added"):
        manager.add_config_path("~nobody-of-this-name/mine.yaml")


def test_an_added_file_that_is_not_there_is_an_error_when_it_is_read(manager, project):
    manager.add_config_path("missing.yaml")

    with pytest.raises(ConfigurationError, match="not there") as raised:
        manager.settings()

    assert str(project / "missing.yaml") == raised.value.file


def test_an_environment_of_the_project_goes_before_the_user_s_own(manager, project, home):
    write(project / "config" / "staging.config.yaml", says("project"))
    write(home / "config" / "staging.config.yaml", says("user"))
    manager.set_environment("staging")

    expected = {"says": "project"}
    assert expected == manager["user_settings"]


def test_an_environment_that_is_not_there_is_told_with_those_that_are(manager, project, home):
    for path in (project / "config" / "b", home / "config" / "a", home / "config" / "b"):
        write(path.with_suffix(".config.yaml"), says("x"))
    manager.set_environment("c")

    with pytest.raises(ConfigurationError, match="There are: a, b") as raised:
        manager.settings()

    expected = ("c", ("a", "b"))
    assert expected == (raised.value.found, raised.value.known)


def test_an_environment_where_there_is_none_is_told_with_the_place_for_it(manager, project):
    manager.set_environment("c")

    with pytest.raises(ConfigurationError, match="There is none at all") as raised:
        manager.settings()

    assert f"a file {project}/config/c.config.yaml" == raised.value.expected


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a\0", 1])
def test_a_name_that_can_be_no_file_s_is_refused(manager, name):
    with pytest.raises(ConfigurationError, match="cannot name an environment"):
        manager.set_environment(name)


def test_an_environment_can_be_left_again(manager, project):
    before = manager.settings()
    manager.set_environment("absent")
    manager.set_environment(None)

    assert before == manager.settings()


def test_a_file_of_another_tool_is_passed_over_and_told_once(manager, project, told):
    path = write(project / "other.config.yaml", "service: {port: 80}\n")

    manager.settings()
    manager.settings()

    reason = "it has none of our top-level keys, so it belongs to another tool"
    assert [("configuration_ignored", {"file": str(path), "reason": reason})] == told


@pytest.fixture
def warned(monkeypatch):
    warned = []
    monkeypatch.setattr(events, "warning", lambda event, **keys: warned.append((event, keys)))
    return warned


@pytest.mark.parametrize(
    ("name", "proper"),
    [
        ("mine.config.yml", "mine.config.yaml"),
        ("config.yaml", "foundations.config.yaml"),
        ("config.yml", "foundations.config.yaml"),
        ("foundations.yaml", "foundations.config.yaml"),
    ],
)
def test_a_misnamed_file_is_not_read_and_reported_once(manager, project, warned, name, proper):
    path = write(project / name, says("hello"))
    assert [{}, {}] == [dict(manager["user_settings"]) for _ in range(2)]
    reason = "only files whose names end in .config.yaml are read"
    keys = {"file": str(path), "reason": reason, "remedy": f"rename it to {proper}"}
    assert [("configuration_not_read", keys)] == warned


@pytest.mark.parametrize("name", ["config.yaml", "settings.yml", ".config.yml", "foundations.yml"])
def test_a_file_of_another_tool_is_not_reported(manager, project, warned, name):
    write(project / name, "model: {user_settings: 1}\ntrain: 2\n")
    manager.settings()
    assert [] == warned


def test_a_directory_with_a_misleading_name_is_not_reported(manager, project, warned):
    (project / "config.yaml").mkdir()
    manager.settings()
    assert [] == warned


def test_a_misnamed_file_of_an_environment_is_named_in_the_error(manager, project):
    path = write(project / "config" / "staging.config.yml", says("hello"))
    manager.set_environment("staging")
    with pytest.raises(ConfigurationError, match=f"{path} is not read: rename it to staging.config.yaml"):
        manager.settings()


def test_a_directory_that_looks_like_a_file_is_an_error(manager, project):
    (project / "a.config.yaml").mkdir()

    with pytest.raises(ConfigurationError, match="it is a directory"):
        manager.settings()


def test_a_working_directory_that_cannot_be_listed_is_an_error(manager, project):
    with pytest.raises(ConfigurationError, match="No such file or directory") as raised:
        manager.settings(project / "missing")

    assert str(project / "missing") == raised.value.file


def test_a_frozen_configuration_stays_as_it_was(manager, project, told):
    write(project / "a.config.yaml", says(1))
    manager.freeze()
    write(project / "a.config.yaml", says(2))
    manager.add_config_path("missing.yaml")
    manager.set_environment("missing")
    manager.freeze()

    expected = ({"says": 1}, {"says": 1})
    assert expected == (manager["user_settings"], manager.settings(project.parent).user_settings)


def test_a_configuration_may_be_frozen_to_what_a_process_was_handed(manager, home):
    settings = Settings.from_sections({"user_settings": {"says": "handed"}}, lambda: home)

    manager.freeze(settings)

    assert settings is manager.settings()


def test_the_configuration_is_a_read_only_mapping_of_every_key(manager, project, home):
    write(project / "a.config.yaml", says([1]) + cache("A"))

    config = manager.config()

    assert list(TOP_LEVEL_KEYS) == list(config) == list(manager)
    assert "user_settings" in manager
    expected = {"says": [1]}
    assert expected == config["user_settings"]
    expected = {
        "cache_type": "mine.A",
        "constructor_arguments": [],
        "constructor_keyword_arguments": {},
    }
    assert expected == config["cache_implementation"]
    with pytest.raises(TypeError, match="item assignment"):
        config["user_settings"] = {}


def test_changing_what_was_returned_changes_nothing(manager, project):
    write(project / "a.config.yaml", says([1]))
    manager.freeze()
    manager["user_settings"]["says"].append(2)
    manager.config()["user_settings"]["says"].append(3)

    expected = {"says": [1]}
    assert expected == manager["user_settings"]


@pytest.mark.parametrize(
    ("key", "nearest", "hint"),
    [
        ("user_setings", "user_settings", "did you mean 'user_settings'?"),
        ("learning_rate", None, "your own values are under 'user_settings'"),
    ],
)
def test_a_key_that_is_not_there_is_a_key_error_that_helps(manager, key, nearest, hint):
    with pytest.raises(KeyError) as raised:
        manager[key]

    assert isinstance(raised.value, UnknownConfigurationKeyError)
    assert (key, nearest) == (raised.value.key, raised.value.nearest)
    assert hint in str(raised.value)
    assert str(raised.value) == str(pickle.loads(pickle.dumps(raised.value)))


def test_a_pickled_manager_keeps_what_it_said(manager, project):
    write(project / "a.config.yaml", says("then"))
    data = pickle.dumps(manager)
    write(project / "a.config.yaml", says("now"))

    expected = {"says": "then"}
    assert expected == pickle.loads(data)["user_settings"]


def test_making_a_manager_touches_no_file(mocker):
    for name in ("getcwd", "listdir", "scandir", "stat"):
        mocker.patch.object(os, name, side_effect=AssertionError(name))

    assert isinstance(ConfigManager(), ConfigManager)
