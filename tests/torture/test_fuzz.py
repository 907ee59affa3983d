"""Whatever a file of ours holds, reading it gives what it says or one of the documented errors."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import THOROUGH

from foundations.adapters._shared.bundle.manifest import Manifest
from foundations.adapters._shared.project.project_files import project_files
from foundations.adapters._shared.rules import check_cache_key, check_item
from foundations.adapters.filesystem.archive.item_paths import item_name, item_path
from foundations.app.config.file import read_config_file
from foundations.domain.jobs.result_document import ResultDocument
from foundations.errors import BundleError, ConfigurationError, DamagedBundleError, JobNameError
from foundations.ports.frames import split_frames
from foundations.ports.job import JobEnd, check_job_name

EXAMPLES = 20_000 if THOROUGH else 300
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
END = {"format": 1, "job_name": "job", "state": "Error", "cause": "lost", "ended_at": 1.0, "not_archived": []}
RESULT = {"format": 1, "uuids": ["a"], "names": ["f"], "started_at": [1.0], "ended_at": [2.0], "details": {}}
MANIFEST = {
    "format": 1,
    "job_name": "job",
    "versions": {},
    "project_member": "p.tgz",
    "members": [["run.sh", "file", 1, 0o644, "ab"]],
    "files": [["a", "file", 1, 0o644, "ab"]],
}


def changed(document):
    """Return documents like this one, of which some values are others."""
    return st.fixed_dictionaries({}, optional={key: st.just(value) | JSON for key, value in document.items()})


@given(JSON | changed(END))
@fuzzed
def test_an_end_record_is_read_or_refused(document):
    try:
        JobEnd.from_json(document)
    except ValueError:
        return


@given(JSON | changed(RESULT))
@fuzzed
def test_a_result_document_is_read_or_refused(document):
    try:
        ResultDocument.from_json(document)
    except ValueError:
        return


@given(st.binary(max_size=200) | (JSON | changed(MANIFEST)).map(lambda document: json.dumps(document).encode()))
@fuzzed
def test_a_manifest_is_read_or_refused(data):
    try:
        Manifest.from_bytes(data)
    except DamagedBundleError:
        return


@given(
    st.binary(max_size=300)
    | st.integers(0, 2**31).map(lambda count: b"FNDF" + count.to_bytes(4, "little") + b"\0" * 64)
)
@fuzzed
def test_frames_are_split_or_refused(data):
    try:
        split_frames(data)
    except ValueError:
        return


@given(st.text(max_size=300))
@fuzzed
def test_names_are_taken_or_refused_and_items_come_back(name):
    for check, refusals in ((check_job_name, JobNameError), (check_cache_key, ValueError)):
        try:
            assert name == check(name)
        except refusals:
            continue
    try:
        check_item("job", name)
    except ValueError:
        return
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert name == item_name(item_path(name))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=6).map("\n".join))
@fuzzed
def test_an_ignore_file_is_read_or_refused(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("project", numbered=True) if not _roots else _roots[0]
    _roots[:] = [root]
    (root / "kept").write_text("kept")
    (root / ".foundationsignore").write_text(text)
    try:
        paths = {entry.path for entry in project_files(root)}
    except BundleError:
        return
    assert {"kept", ".foundationsignore"} >= paths


_roots = []

KEYS = (
    "cache_implementation",
    "cache_type",
    "constructor_arguments",
    "job_source_bundle",
    "bundle_name",
    "user_settings",
)
YAML = st.lists(
    st.sampled_from(
        [*(f"{key}:" for key in KEYS), " ", "\n", "  ", "- ", "[", "]", "{", "}", "&a", "*a", "!!int", "'", "#", ","]
    )
    | st.text(max_size=5),
    max_size=30,
).map("".join)


@given(YAML | st.binary(max_size=100).map(lambda data: data.decode(errors="surrogateescape")))
@fuzzed
def test_a_configuration_is_read_or_refused(tmp_path_factory, text):
    root = tmp_path_factory.mktemp("config", numbered=True) if not _places else _places[0]
    _places[:] = [root]
    path = root / "a.config.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    try:
        read_config_file(path)
    except ConfigurationError as refused:
        told = str(refused)
    else:
        return
    assert str(path) in told


_places = []


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b"1e999999", b"\xff\xfe", b""])
def test_json_that_is_hard_on_parsers_is_refused(data):
    with pytest.raises(DamagedBundleError):
        Manifest.from_bytes(data)
