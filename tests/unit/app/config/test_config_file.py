"""One configuration file: what it may say, and how its mistakes are told."""

from __future__ import annotations

import importlib.util
import json
import math
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from foundations.app.config import content as config_content
from foundations.app.config import document as config_document
from foundations.app.config import file as config_file
from foundations.app.config.file import Section, read_config_file
from foundations.app.config.settings import TOP_LEVEL_KEYS, AdapterSettings, Origin, Settings, SourceBundleSettings
from foundations.errors import ConfigurationError

SPECIFICATION = """\
# local_deploy.config.yaml
# must be in same directory as where the above code is being run

# default of local shell job deployment

cache_implementation:
  cache_type: foundations.LocalFileSystemCacheBackend
  constructor_arguments: [/tmp/foundations-cache]

archive_listing_implementation:
  archive_listing_type: foundations.LocalFileSystemPipelineListing
  constructor_arguments: [/tmp/foundations-archive]

stage_log_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

persisted_data_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

provenance_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

job_source_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

artifact_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

miscellaneous_archive_implementation:
  archive_type: foundations.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]

job_source_bundle:
  bundle_name: test_bundle
  target_path: .

"""


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "a.config.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(params=["C", "Python"])
def _either_loader(request, monkeypatch):
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
        spec = importlib.util.find_spec(config_document.__name__)
        without_c = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(without_c)
        monkeypatch.setattr(config_file, "read_document", without_c.read_document)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("this PyYAML has no C loader")


def values(sections):
    return {key: section.value for key, section in sections.items()}


def test_the_specification_s_file_says_what_it_says(write):
    archives = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    expected = {
        "cache_implementation": AdapterSettings(
            "foundations.LocalFileSystemCacheBackend", "cache_implementation", ("/tmp/foundations-cache",)
        ),
        "archive_listing_implementation": AdapterSettings(
            "foundations.LocalFileSystemPipelineListing",
            "archive_listing_implementation",
            ("/tmp/foundations-archive",),
        ),
        **{
            f"{name}_archive_implementation": AdapterSettings(
                "foundations.LocalFileSystemPipelineArchive",
                f"{name}_archive_implementation",
                ("/tmp/foundations-archive",),
            )
            for name in archives
        },
        "job_source_bundle": SourceBundleSettings("test_bundle", "."),
    }

    found = values(read_config_file(write(SPECIFICATION)))
    for key, value in found.items():
        if isinstance(value, AdapterSettings):
            found[key] = value._replace(origin=Origin())

    assert expected == found


def test_settings_know_the_lines_they_stand_on(write):
    path = write(SPECIFICATION)

    sections = read_config_file(path)

    assert Origin(str(path), 6) == sections["cache_implementation"].origin
    assert Origin(str(path), 7) == sections["cache_implementation"].value.origin
    assert Section(SourceBundleSettings("test_bundle"), Origin(str(path), 38)) == sections["job_source_bundle"]


def test_what_is_written_for_the_job_is_a_configuration_file(write):
    given = {
        "cache_implementation": AdapterSettings("a.B", "cache_implementation", (1, [None, {"x": "ü"}]), {"k": 1.5}),
        "run_script_environment": {"A": "1"},
        "user_settings": {"rates": [0.1, {"b": True}]},
    }
    settings = Settings.from_sections(given, lambda: Path("/home/ada/.foundations"))

    sections = read_config_file(write(json.dumps(settings.to_json())))

    read = Settings.from_sections(values(sections), lambda: Path("/nowhere"))
    assert settings.to_mapping() == read.to_mapping()


@pytest.mark.parametrize("spelling", ["constructor_keyword_arguments", "constructor_keword_arguments"])
def test_keyword_arguments_are_read_in_either_spelling(write, spelling):
    text = f"deployment_implementation:\n  deployment_type: a.b.C\n  {spelling}: {{host: h, ports: [1, {{x: null}}]}}\n"

    deployment = read_config_file(write(text))["deployment_implementation"].value

    expected = {"host": "h", "ports": [1, {"x": None}]}
    assert expected == deployment.keyword_arguments


def test_users_values_may_be_whatever_yaml_can_say(write):
    text = "user_settings:\n  weights: {0: 1.5, yes: .inf}\n  from: 2020-01-31\n  raw: !!binary aGk=\n"
    text += "  some: !!set {a, b}\n"
    user_settings = read_config_file(write(text))["user_settings"].value

    assert {0: 1.5, True: math.inf} == user_settings["weights"]
    assert ("2020-01-31", b"hi", {"a", "b"}) == (
        str(user_settings["from"]),
        user_settings["raw"],
        user_settings["some"],
    )


def test_aliases_and_merges_are_written_out(write):
    text = (
        "user_settings:\n  base: &base {a: 1, b: 2}\n  other: &other {b: 3, c: 4}\n  same: *base\n"
        "  one: {<<: *base, b: 5}\n  many: {b: 6, <<: [*base, *other]}\n  equals: {=: 1}\n"
    )
    expected = {
        "base": {"a": 1, "b": 2},
        "other": {"b": 3, "c": 4},
        "same": {"a": 1, "b": 2},
        "one": {"a": 1, "b": 5},
        "many": {"a": 1, "b": 6, "c": 4},
        "equals": {"=": 1},
    }

    assert expected == read_config_file(write(text))["user_settings"].value


def test_a_byte_order_mark_is_no_part_of_a_key(write):
    expected = ["user_settings"]
    assert expected == list(read_config_file(write(b"\xef\xbb\xbfuser_settings: {}\n")))


def test_the_source_bundle_may_be_told_in_part(write):
    text = "job_source_bundle:\n  target_path: sub/dir\n  extra_source_paths: [../lib, ~/more]\n"

    bundle = read_config_file(write(text))["job_source_bundle"].value

    assert SourceBundleSettings("job_source", "sub/dir", ("../lib", "~/more")) == bundle


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "---\n",
        "service: {port: 80}\n",
        "- user_settings\n",
        "user_settings\n",
        "[user_settings]: 1\n",
        "secret: !vault abc\nsame: 1\nsame: 2\n",
        "kind: Pod\n---\nkind: Service\n",
    ],
)
def test_a_file_without_a_key_of_ours_belongs_to_another_tool(write, text):
    assert read_config_file(write(text)) is None


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
def test_a_file_that_the_user_named_may_be_empty(write, text):
    assert read_config_file(write(text), required=True) is None


@pytest.mark.parametrize(
    ("text", "line", "key", "found", "nearest"),
    [
        ("\ncache_implementatoin: {}\n", 2, "cache_implementatoin", "cache_implementatoin", "cache_implementation"),
        ("- 1\n", 1, None, "no key", None),
    ],
)
def test_a_file_that_the_user_named_is_ours(write, text, line, key, found, nearest):
    path = write(text)

    with pytest.raises(ConfigurationError) as raised:
        read_config_file(path, required=True)

    error = raised.value
    assert (str(path), line, key, found) == (error.file, error.line, error.key, error.found)
    assert nearest == getattr(error, "nearest", None)


CACHE = "cache_implementation:\n  cache_type: a.B\n"
MISTAKES = [
    # text, line, key, found, expected (a part of it)
    ("user_settings: {}\nuser_setings: {}\n", 2, "user_setings", "user_setings", "user_settings"),
    ("user_settings: {}\n3: {}\n", 2, "3", "3", "user_settings"),
    ("cache_implementation:\n  type: a.B\n", 2, "cache_implementation.type", "type", "cache_type"),
    (
        CACHE + "  constructor_argument: []\n",
        3,
        "cache_implementation.constructor_argument",
        None,
        "constructor_arguments",
    ),
    ("\ncache_implementation:\n  {}\n", 2, "cache_implementation", "no cache_type", "cache_type: a dotted name"),
    ("cache_implementation:\n", 1, "cache_implementation", "nothing", "a mapping"),
    ("cache_implementation: [1]\n", 1, "cache_implementation", "a list", "a mapping"),
    ("cache_implementation: a.B\n", 1, "cache_implementation", "the string 'a.B'", "a mapping"),
    ("cache_implementation: !!set {a}\n", 1, "cache_implementation", "a set", "a mapping"),
    (
        "cache_implementation: {cache_type: Cache}\n",
        1,
        "cache_implementation.cache_type",
        "the string 'Cache'",
        "dotted",
    ),
    ("cache_implementation: {cache_type: a..B}\n", 1, "cache_implementation.cache_type", "the string 'a..B'", "dotted"),
    ("cache_implementation: {cache_type: a.class}\n", 1, "cache_implementation.cache_type", None, "dotted"),
    ("cache_implementation: {cache_type: 'a.B()'}\n", 1, "cache_implementation.cache_type", None, "dotted"),
    ("cache_implementation: {cache_type: 1.5}\n", 1, "cache_implementation.cache_type", "the number '1.5'", "dotted"),
    (CACHE + "  constructor_arguments: /tmp\n", 3, "cache_implementation.constructor_arguments", None, "a list"),
    (CACHE + "  constructor_arguments:\n", 3, "cache_implementation.constructor_arguments", "nothing", "a list"),
    (
        CACHE + "  constructor_arguments:\n  - 1\n  - 2020-01-31\n",
        5,
        "cache_implementation.constructor_arguments[1]",
        "the date '2020-01-31'",
        "quote it",
    ),
    (
        CACHE + "  constructor_arguments:\n  - a: [!!binary aGk=]\n",
        4,
        "cache_implementation.constructor_arguments[0].a[0]",
        "the binary value 'aGk='",
        "a string, number",
    ),
    (
        CACHE + "  constructor_arguments: [!!set {a}]\n",
        3,
        "cache_implementation.constructor_arguments[0]",
        "a set",
        "list",
    ),
    (CACHE + "  constructor_arguments: [.nan]\n", 3, "cache_implementation.constructor_arguments[0]", None, "number"),
    (
        CACHE + "  constructor_arguments: [{1: a}]\n",
        3,
        "cache_implementation.constructor_arguments[0]",
        "the key 1",
        "a string as the key",
    ),
    (CACHE + "  constructor_keyword_arguments: []\n", 3, None, "a list", "a mapping"),
    (CACHE + "  constructor_keyword_arguments: {a-b: 1}\n", 3, None, "'a-b'", "a parameter's name"),
    (CACHE + "  constructor_keyword_arguments: {1: 1}\n", 3, None, "1", "a parameter's name"),
    (
        CACHE + "  constructor_keyword_arguments: {}\n  constructor_keword_arguments: {}\n",
        4,
        "cache_implementation.constructor_keword_arguments",
        "constructor_keyword_arguments and constructor_keword_arguments",
        "constructor_keyword_arguments",
    ),
    ("job_source_bundle:\n  bundle_name: {a: 1}\n", 2, "job_source_bundle.bundle_name", "a mapping", "a string"),
    ("job_source_bundle: {name: x}\n", 1, "job_source_bundle.name", "name", "bundle_name"),
    ("job_source_bundle:\n  bundle_name: a/b\n", 2, "job_source_bundle.bundle_name", "the string 'a/b'", "file name"),
    ("job_source_bundle:\n  bundle_name: ..\n", 2, "job_source_bundle.bundle_name", "the string '..'", "file name"),
    ("job_source_bundle:\n  bundle_name: ''\n", 2, "job_source_bundle.bundle_name", "the string ''", "not empty"),
    ('job_source_bundle:\n  bundle_name: "a\\0"\n', 2, "job_source_bundle.bundle_name", None, "a string"),
    ('job_source_bundle:\n  bundle_name: "a\\n"\n', 2, "job_source_bundle.bundle_name", None, "file name"),
    (f"job_source_bundle:\n  bundle_name: {'x' * 201}\n", 2, "job_source_bundle.bundle_name", None, "200 bytes"),
    ("job_source_bundle:\n  bundle_name: 3\n", 2, "job_source_bundle.bundle_name", "the number '3'", "a string"),
    ("job_source_bundle:\n  bundle_name: runtime\n", 2, "job_source_bundle", "runtime.tgz", "none of"),
    ("job_source_bundle:\n  target_path: Run.sh\n", 2, "job_source_bundle", "Run.sh/job_source.tgz", "none of"),
    ("job_source_bundle:\n  target_path: /tmp\n", 2, "job_source_bundle.target_path", None, "inside the bundle"),
    ("job_source_bundle:\n  target_path: a/../..\n", 2, "job_source_bundle.target_path", None, "inside the bundle"),
    ("job_source_bundle:\n  extra_source_paths: lib\n", 2, "job_source_bundle.extra_source_paths", None, "a list"),
    (
        "job_source_bundle:\n  extra_source_paths: [a, 1]\n",
        2,
        "job_source_bundle.extra_source_paths[1]",
        None,
        "string",
    ),
    ("run_script_environment: [A]\n", 1, "run_script_environment", "a list", "a mapping"),
    ("run_script_environment:\n  A: 1\n", 2, "run_script_environment.A", "the number '1'", 'quote it: "1"'),
    ("run_script_environment:\n  A: no\n", 2, "run_script_environment.A", "the boolean 'no'", 'quote it: "no"'),
    ("run_script_environment:\n  A: [x]\n", 2, "run_script_environment.A", "a list", "a string"),
    ("run_script_environment:\n  A:\n", 2, "run_script_environment.A", "nothing", "a string"),
    ('run_script_environment:\n  A: "x\\0"\n', 2, "run_script_environment.A", None, "without NUL"),
    ("run_script_environment:\n  A-B: x\n", 2, "run_script_environment", "'A-B'", "a variable's name"),
    ("run_script_environment:\n  1: x\n", 2, "run_script_environment", "1", "a variable's name"),
    ("user_settings: 3\n", 1, "user_settings", "the number '3'", "a mapping"),
    # YAML itself
    ("user_settings: {}\nuser_settings: {}\n", 2, "user_settings", "the key on lines 1 and 2", "each key once"),
    ("user_settings:\n  a: 1\n  b: 2\n  a: 3\n", 4, "a", "the key on lines 2 and 4", "each key once"),
    ("user_settings: {x: [{a: 1, a: 1}]}\n", 1, "a", "the key on lines 1 and 1", "each key once"),
    ("user_settings: {1: a, 1.0: b}\n", 1, "1.0", None, "each key once"),
    ("user_settings:\n  [a]: 1\n", 2, None, "a sequence as a key", "a plain key"),
    ("user_settings:\n  a: !mine 1\n", 2, None, "!mine", "without a tag"),
    ("user_settings: {a: 1, <<: 3}\n", 1, "<<", "'3'", "a mapping"),
    ("user_settings: {a: 1, <<: [[3]]}\n", 1, "<<", "a list", "a mapping"),
    ("user_settings:\n  a: 2020-13-41\n", 2, None, "'2020-13-41'", "a valid timestamp"),
    ("user_settings:\n  a: !!int x\n", 2, None, "'x'", "a valid int"),
    (f"user_settings:\n  a: 1{'0' * 5000}\n", 2, None, None, "a valid int"),
    (f"user_settings:\n  a: 1{':1' * 5000}.0\n", 2, None, None, "a valid float"),
    ("user_settings: {}\n---\nuser_settings: {}\n", 3, None, "2 documents", "one document"),
    ("user_settings: &a\n  b: *a\n", 2, None, "a recursive alias", "values that end"),
    ("user_settings: &a\n  b: [1, [*a]]\n", 1, None, "a recursive alias", "values that end"),
    ("user_settings: &a\n  <<: *a\n", 1, None, "a recursive alias", "values that end"),
    ("user_settings:\n  a: [\n", 3, None, None, "YAML"),
    ("user_settings:\n\ta: 1\n", 2, None, None, "YAML"),
    ("user_settings: *nowhere\n", 1, None, None, "YAML"),
    ("user_settings:\n  a: \x07\n", 2, None, r"'\x07'", "printable text"),
    (b"user_settings:\n  a: \xff\n", 2, None, "the byte 0xff", "text in UTF-8"),
    ("user_settings: {}\n".encode("utf-16"), 1, None, "the byte 0xff", "text in UTF-8"),
    ("user_settings:\n  a: " + "[" * 100_000, 2, None, "more than 64 levels", "at most 64 levels"),
]


@pytest.mark.usefixtures("_either_loader")
@pytest.mark.parametrize(("text", "line", "key", "found", "expected"), MISTAKES)
def test_a_mistake_is_reported_with_its_place(write, text, line, key, found, expected):
    path = write(text)

    with pytest.raises(ConfigurationError) as raised:
        read_config_file(path)

    error = raised.value
    assert (str(path), line) == (error.file, error.line)
    assert str(error).startswith(f"{path}:{line}:")
    assert key is None or key == error.key
    assert error.found if found is None else found == error.found
    assert expected in error.expected


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("user_settings: {}\ncache_implementatoin: {}\n", "cache_implementation"),
        ("cache_implementation: {cache_typ: a.B}\n", "cache_type"),
        ("cache_implementation: {cache_type: a.B, constructor_args: []}\n", "constructor_arguments"),
        ("job_source_bundle: {bundel_name: x}\n", "bundle_name"),
        ("user_settings: {}\nqqqq: 1\n", None),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_valid_one(write, text, nearest):
    with pytest.raises(ConfigurationError) as raised:
        read_config_file(write(text))

    assert nearest == raised.value.nearest
    assert ("did you mean" in str(raised.value)) == (nearest is not None)


@pytest.mark.usefixtures("_either_loader")
@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.mkdir [{path}]",
        "!!python/object/new:os.mkdir [{path}]",
        "!!python/name:os.mkdir ''",
        "!!python/module:os ''",
        "!!omap [a: 1]",
        "!!pairs [a: 1]",
        "!!python/tuple [1]",
        "!!timestamp [1]",
        "!!set [1]",
        "{{!!python/name:os.mkdir '': 1}}",
    ],
)
def test_a_tag_beyond_plain_values_is_refused_and_nothing_is_run(write, tmp_path, value):
    path = tmp_path / "made"

    with pytest.raises(ConfigurationError, match=r"the tag .* is refused") as raised:
        read_config_file(write(f"user_settings:\n  a: {value.format(path=path)}\n"))

    expected = 2
    assert expected == raised.value.line
    assert not path.exists()


def laughs(start: str, again: str) -> str:
    lines = [f"  a0: &a0 {start}"]
    lines += [f"  a{level}: &a{level} {again.format(alias=f'*a{level - 1}')}" for level in range(1, 40)]
    return "user_settings:\n" + "\n".join(lines) + "\n"


@pytest.mark.usefixtures("_either_loader")
@pytest.mark.parametrize(
    "again", ["[{alias}, {alias}, {alias}]", "{{x: {alias}, y: {alias}}}", "{{<<: [{alias}, {alias}]}}"]
)
@pytest.mark.parametrize("start", ["{z: 1}", "{}"])
def test_aliases_that_swell_are_refused(write, start, again):
    with pytest.raises(ConfigurationError, match="at most 50,000 values"):
        read_config_file(write(laughs(start, again)))


def test_keys_do_not_count_as_values(write):
    lines = [f"  k{number}: {number}" for number in range(49_998)]
    assert 49_998 == len(read_config_file(write("user_settings:\n" + "\n".join(lines)))["user_settings"].value)


def test_aliases_that_nest_too_deep_are_refused(write):
    lines = ["  a0: &a0 [1]"] + [f"  a{level}: &a{level} [*a{level - 1}]" for level in range(1, 100)]

    with pytest.raises(ConfigurationError, match="at most 64 levels"):
        read_config_file(write("user_settings:\n" + "\n".join(lines)))


def test_a_file_that_is_too_large_is_refused(write, monkeypatch):
    monkeypatch.setattr(config_content, "LARGEST_FILE", 20)
    path = write("#" * 21)

    with pytest.raises(ConfigurationError, match="at most 20 bytes") as raised:
        read_config_file(path)

    assert (str(path), None) == (raised.value.file, raised.value.line)


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path):
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("nowhere")
    found = {}
    for name in ("directory", "pipe", "dangling", "missing"):
        with pytest.raises(ConfigurationError) as raised:
            read_config_file(tmp_path / name)
        found[name] = (raised.value.file, raised.value.found)

    expected = {
        "directory": "a directory",
        "pipe": "not a regular file",
        "dangling": "not there",
        "missing": "not there",
    }
    assert {name: (str(tmp_path / name), kind) for name, kind in expected.items()} == found


def test_a_file_that_cannot_be_opened_is_a_configuration_error(write, mocker):
    path = write("user_settings: {}\n")
    mocker.patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied"))

    with pytest.raises(ConfigurationError, match="Permission denied") as raised:
        read_config_file(path)

    assert (str(path), None) == (raised.value.file, raised.value.line)


yaml_pieces = st.sampled_from(
    (
        *TOP_LEVEL_KEYS,
        *("cache_type", "constructor_arguments", "a.B", ": ", ":\n  ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", "),
        *("&a ", "*a", "!!set ", "!!int ", "!x ", "<<", "'", '"', "\\u", "\\UFFFFFFFF", "---\n", "%YAML 1.1\n", "~"),
        *("2020-13-01", "1:1", ".nan", "=", "?", "|", ">", "#", "\t", "\ud7ff", "\x85", "%TAG ! !\n", "0b", "0x_"),
    )
)


@pytest.mark.usefixtures("_either_loader")
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.binary() | st.text().map(str.encode) | st.lists(yaml_pieces).map(lambda parts: "".join(parts).encode()))
@example(b'user_settings: {a: "\\UFFFFFFFF"}')
@example(b"%YAML 1" + b"1" * 5000 + b".1\n---\n")
def test_any_text_is_sections_or_passed_over_or_a_configuration_error(tmp_path, content):
    path = tmp_path / "a.config.yaml"
    path.write_bytes(content)
    error = None
    sections = None
    try:
        sections = read_config_file(path)
    except ConfigurationError as raised:
        error = raised
    assert error is None or (str(path) == error.file and error.found and error.expected)
    assert sections is None or set(sections) <= set(TOP_LEVEL_KEYS)


@pytest.mark.parametrize(
    ("text", "line", "key", "variable"),
    [
        (
            "cache_implementation:\n  cache_type: a.B\n  constructor_keyword_arguments:\n    password: hunter2\n",
            4,
            "cache_implementation.constructor_keyword_arguments.password",
            "PASSWORD",
        ),
        ("run_script_environment: {AWS_SECRET_ACCESS_KEY: hunter2}\n", 1, None, "AWS_SECRET_ACCESS_KEY"),
        ("user_settings:\n  servers:\n    - api-key: hunter2\n", 3, "user_settings.servers[0].api-key", "API_KEY"),
        ("user_settings: {place: 'postgres://bob:hunter2@host/db'}\n", 1, "user_settings.place", "PLACE"),
        (
            "user_settings: {headers: {Authorization: Bearer hunter2}}\n",
            1,
            "user_settings.headers.Authorization",
            "AUTHORIZATION",
        ),
        ("user_settings: {tokens: [a], token: [hunter2]}\n", 1, "user_settings.token[0]", "TOKEN"),
        ("user_settings: {place: AKIAHUNTER2HUNTER2AB}\n", 1, "user_settings.place", "PLACE"),
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_shown(write, text, line, key, variable):
    with pytest.raises(ConfigurationError, match="looks like a secret in plain text") as raised:
        read_config_file(write(text))

    assert line == raised.value.line
    assert key in (None, raised.value.key)
    assert f"${{{variable}}}" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "text", ["user_settings: {password: '${DB}'}", "user_settings: {token: 5, secret: '', tokens: many}"]
)
def test_what_is_no_secret_in_plain_text_is_taken(write, text):
    assert read_config_file(write(text)) is not None


def test_a_file_whose_only_key_is_nearly_one_of_ours_is_ours(write):
    with pytest.raises(ConfigurationError, match="did you mean cache_implementation"):
        read_config_file(write("cache_implementatoin: {cache_type: a.B}\n"))


@pytest.mark.parametrize(("text", "expected"), [("outputs/", "outputs"), ("./a//b", "a/b"), (".", ".")])
def test_the_artifact_path_is_a_directory_inside_the_working_directory(write, text, expected):
    assert expected == read_config_file(write(f"artifact_path: {text}\n"))["artifact_path"].value
    for wrong in ("/tmp/outputs", "../outputs", "a/../../b", "3", "[outputs]"):
        with pytest.raises(ConfigurationError, match="artifact_path"):
            read_config_file(write(f"artifact_path: {wrong}\n"))
