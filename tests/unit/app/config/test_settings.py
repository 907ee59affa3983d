"""Settings as values: defaults, variables, and the way to the job as JSON."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foundations import home as home_module
from foundations.app.config.settings import (
    ADAPTER_KEYS,
    TOP_LEVEL_KEYS,
    AdapterSettings,
    Origin,
    Settings,
    SourceBundleSettings,
    resolve_variables,
)
from foundations.errors import ConfigurationError
from foundations.home import foundations_home

HOME = Path("/home/ada/.foundations")
ADAPTER = AdapterSettings("mine.Cache", key="cache_implementation", origin=Origin("a.config.yaml", 3))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
keys = st.text() | st.integers() | st.booleans() | st.dates() | st.binary() | st.none()
yaml_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.timezone(datetime.timedelta(hours=2))))
    | st.sets(keys, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | st.just("!"), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def settings_values(draw: st.DrawFn) -> Settings:
    drawn = [
        (draw(st.text()), tuple(draw(st.lists(json_values, max_size=2))), {"x": draw(json_values)}) for _ in range(2)
    ]
    adapters = {}
    for index, (key, name) in enumerate(ADAPTER_KEYS.items()):
        type_name, arguments, keyword_arguments = drawn[index % 2]
        adapters[name] = AdapterSettings(type_name, key, arguments, keyword_arguments)
    return Settings(
        **adapters,
        job_source_bundle=SourceBundleSettings(draw(st.text()), draw(st.text()), tuple(draw(st.lists(st.text())))),
        run_script_environment=draw(st.dictionaries(st.text(), st.text(), max_size=2)),
        user_settings=draw(st.dictionaries(keys, yaml_values, max_size=3)),
    )


def types_of(value):
    if isinstance(value, dict):
        return {key: types_of(item) for key, item in value.items()}
    return [types_of(item) for item in value] if isinstance(value, list) else type(value)


@hypothesis_settings(deadline=None)
@given(settings_values())
def test_settings_come_back_from_json_as_they_were(settings):
    read = Settings.from_json(json.loads(json.dumps(settings.to_json())))

    assert settings.to_mapping() == read.to_mapping()
    assert types_of(settings.user_settings) == types_of(read.user_settings)


def test_a_number_that_is_none_comes_back_as_one():
    settings = Settings.from_sections({"user_settings": {"rate": float("nan")}}, lambda: HOME)

    text = json.dumps(settings.to_json(), allow_nan=False)

    expected = "nan"
    assert expected == str(Settings.from_json(json.loads(text)).user_settings["rate"])


def test_the_same_settings_are_the_same_json():
    one, other = ({"user_settings": {"names": set(order)}} for order in (["a", "b", "c"], ["c", "b", "a"]))

    assert Settings.from_sections(one, lambda: HOME).to_json() == Settings.from_sections(other, lambda: HOME).to_json()


def test_a_value_of_no_type_of_yaml_is_refused():
    settings = Settings.from_sections({"user_settings": {"made_by_hand": object()}}, lambda: HOME)

    with pytest.raises(TypeError, match="object is not a type of a configuration file"):
        settings.to_json()


def test_settings_from_json_know_their_file():
    record = Settings.from_sections({}, lambda: HOME).to_json()

    assert Origin("job.config.yaml") == Settings.from_json(record, "job.config.yaml").cache.origin


@pytest.mark.parametrize(
    "change",
    [
        {"cache_implementation": None},
        {"cache_implementation": {}},
        {"job_source_bundle": {"bundle_name": "a"}},
        {"run_script_environment": 3},
        {"user_settings": 3},
        {"user_settings": {"!": "complex", "value": "1j"}},
        {"user_settings": {"!": "date", "value": "yesterday"}},
    ],
)
def test_json_that_was_not_written_by_us_is_a_configuration_error(change):
    record = {**Settings.from_sections({}, lambda: HOME).to_json(), **change}

    with pytest.raises(ConfigurationError, match="the job's configuration is damaged") as raised:
        Settings.from_json(record, "job.config.yaml")

    expected = ("job.config.yaml", None)
    assert expected == (raised.value.file, raised.value.line)


def test_the_json_has_the_keys_of_the_yaml():
    assert list(TOP_LEVEL_KEYS) == list(Settings.from_sections({}, lambda: HOME).to_json())


def test_everything_lies_below_the_home_by_default():
    settings = Settings.from_sections({}, lambda: HOME)
    archive = ("foundations.LocalFileSystemPipelineArchive", (f"{HOME}/archive",))

    expected = {
        "cache": ("foundations.LocalFileSystemCacheBackend", (f"{HOME}/cache",)),
        "archive_listing": ("foundations.LocalFileSystemPipelineListing", (f"{HOME}/archive",)),
        "stage_log_archive": archive,
        "persisted_data_archive": archive,
        "provenance_archive": archive,
        "job_source_archive": archive,
        "artifact_archive": archive,
        "miscellaneous_archive": archive,
        "deployment": ("foundations.LocalShellJobDeployment", ()),
        "job_bundler": ("foundations.TarballJobBundler", ()),
    }
    adapters = {name: getattr(settings, name) for name in ADAPTER_KEYS.values()}
    assert expected == {name: (adapter.type_name, adapter.arguments) for name, adapter in adapters.items()}
    assert (SourceBundleSettings(), {}, {}) == (
        settings.job_source_bundle,
        settings.run_script_environment,
        settings.user_settings,
    )


def test_a_home_that_looks_like_a_variable_is_taken_as_it_is():
    cache = Settings.from_sections({}, lambda: Path("/odd/${HOME}")).cache

    expected = ("/odd/${HOME}/cache",)
    assert expected == resolve_variables(cache.arguments, {"HOME": "/x"}, cache.key, cache.origin)


def test_the_home_is_not_asked_for_where_storage_is_configured():
    given = {key: AdapterSettings("a.B", key=key) for key in ADAPTER_KEYS if key != "deployment_implementation"}

    settings = Settings.from_sections(given, lambda: pytest.fail("asked"))

    expected = "a.B"
    assert expected == settings.cache.type_name


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        (SourceBundleSettings(), "job_source.tgz"),
        (SourceBundleSettings("test_bundle", "."), "test_bundle.tgz"),
        (SourceBundleSettings("test_bundle", "sub"), "sub/test_bundle.tgz"),
        (SourceBundleSettings("test_bundle", "./a/../b//c/"), "b/c/test_bundle.tgz"),
    ],
)
def test_the_packed_project_lies_at_a_plain_path(bundle, expected):
    assert expected == bundle.member


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.foundations"),
        ({"HOME": "/home/ada", "FOUNDATIONS_HOME": ""}, "/home/ada/.foundations"),
        ({"HOME": "/home/ada", "FOUNDATIONS_HOME": "/scratch/f"}, "/scratch/f"),
        ({"HOME": "/home/ada", "FOUNDATIONS_HOME": "~/f"}, "/home/ada/f"),
        ({"HOME": "/home/ada", "FOUNDATIONS_HOME": "~"}, "/home/ada"),
    ],
)
def test_the_home_is_the_variable_or_in_the_users_directory(environ, expected):
    assert Path(expected) == foundations_home(environ)


@pytest.mark.parametrize("given", ["here", "./here", "~bob/f"])
def test_a_relative_home_is_refused(given):
    with pytest.raises(ConfigurationError, match="absolute") as raised:
        foundations_home({"HOME": "/home/ada", "FOUNDATIONS_HOME": given})

    assert ("FOUNDATIONS_HOME", given) == (raised.value.key, raised.value.found)


def test_the_home_without_a_variable_is_the_system_s(mocker):
    mocker.patch.object(home_module.Path, "home", return_value=Path("/var/empty"))

    assert Path("/var/empty/.foundations") == foundations_home({})


def test_a_user_without_a_home_directory_is_told_what_to_set(mocker):
    mocker.patch.object(home_module.Path, "home", side_effect=RuntimeError("no home"))

    with pytest.raises(ConfigurationError, match="Set FOUNDATIONS_HOME"):
        foundations_home({})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${A}", "1"),
        ("x${A}y${B_2}z", "x1y2z"),
        ("${A}$A$", "1$A$"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$${", "${"),
        (["${A}", {"${A}": ("${B_2}", 3, None)}], ["1", {"${A}": ("2", 3, None)}]),
        (3.5, 3.5),
    ],
)
def test_variables_are_replaced_in_strings_at_any_depth(value, expected):
    assert expected == resolve_variables(value, {"A": "1", "B_2": "2"}, ADAPTER.key, ADAPTER.origin)


def test_the_value_of_a_variable_is_not_searched_again():
    expected = "${B}"
    assert expected == resolve_variables("${A}", {"A": "${B}", "B": "2"}, ADAPTER.key, ADAPTER.origin)


@pytest.mark.parametrize(
    ("value", "variable", "message"),
    [
        ("${MISSING}", "MISSING", "variable MISSING is not set"),
        (["a", {"b": "${MISSING}/x"}], "MISSING", "variable MISSING is not set"),
        ("${}", "", "names no environment variable"),
        ("${1A}", "1A", "names no environment variable"),
        ("${A", "A", "names no environment variable"),
        ("${A\n}", "A\n", "names no environment variable"),
    ],
)
def test_a_variable_that_cannot_be_replaced_is_told_with_its_place(value, variable, message):
    with pytest.raises(ConfigurationError, match=message) as raised:
        resolve_variables(value, {"A": "secret"}, ADAPTER.key, ADAPTER.origin)

    error = raised.value
    assert ("a.config.yaml", 3, "cache_implementation", variable) == (error.file, error.line, error.key, error.variable)
    assert "secret" not in str(error)
