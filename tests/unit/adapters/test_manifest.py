import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.adapters._shared.bundle.manifest import Manifest, check_link, check_path, digest_of
from foundations.errors import DamagedBundleError
from foundations.ports.job_layout import Entry

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ROW = st.tuples(
    st.sampled_from(["a", "a/b", "..", "/x", "a/../b", "", "a\0", "ä\n"]) | JSON,
    st.sampled_from(["file", "directory", "link", "device"]) | JSON,
    st.integers() | JSON,
    st.sampled_from([0o644, 0o755, 0o4755]) | JSON,
    st.sampled_from(["", "b", "../b", "/b"]) | JSON,
).map(list)
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        "format": st.just(1) | JSON,
        "job_name": st.text() | JSON,
        "versions": st.dictionaries(st.text(), st.text()) | JSON,
        "project_member": st.text() | JSON,
        "members": st.lists(ROW, max_size=3) | JSON,
        "files": st.lists(ROW, max_size=3) | JSON,
    },
)


def read(data: bytes) -> Manifest | None:
    try:
        return Manifest.from_bytes(data)
    except DamagedBundleError:
        return None


def manifest(**changes: object) -> dict[str, object]:
    return {
        "format": 1,
        "job_name": "job",
        "versions": {"python": "3.11"},
        "project_member": "p.tgz",
        "members": [["run.sh", "file", 3, 0o755, "ab"]],
        "files": [["d", "directory", 0, 0o755, ""], ["d/l", "link", 0, 0o644, "../f"]],
        **changes,
    }


@given(st.binary())
def test_any_bytes_are_a_manifest_or_a_damaged_bundle(data):
    read(data)


@given(JSON | DOCUMENT)
def test_any_json_is_a_manifest_or_a_damaged_bundle(document):
    found = read(json.dumps(document).encode())
    for entry in () if found is None else [*found.members, *found.files]:
        assert check_path(entry.path) == entry.path
        assert entry.mode in (0o644, 0o755)
        assert entry.size >= 0


def test_what_is_written_is_read_back():
    written = Manifest(
        job_name="job",
        versions={"python": "3.11"},
        project_member="p.tgz",
        members=[Entry("run.sh", "file", 3, 0o755, "ab")],
        files=[Entry("d", "directory", 0, 0o755, ""), Entry("ä\n\udcff", "link", 0, 0o644, "d")],
    )
    assert written == Manifest.from_bytes(written.to_bytes())
    assert digest_of(written.to_bytes()) == digest_of(Manifest.from_bytes(written.to_bytes()).to_bytes())


def test_the_manifest_of_these_tests_is_one():
    assert read(json.dumps(manifest()).encode()) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": True},
        {"job_name": 1},
        {"versions": []},
        {"members": {}, "files": None},
        {"members": [["a", "file", True, 0o644, ""]]},
        {"members": [["a", "file", 1.0, 0o644, ""]]},
        {"members": [["a", "file", -1, 0o644, ""]]},
        {"members": [["a", "file", 1, 0o777, ""]]},
        {"members": [["a", "device", 1, 0o644, ""]]},
        {"members": [["a", "file", 1, 0o644]]},
        {"members": [["a", "file", 1, 0o644, "", ""]]},
        {"members": ["abcde"]},
        {"files": [["a", "link", 0, 0o644, ".."]]},
    ],
)
def test_a_manifest_with_anything_else_in_it_is_damaged(change):
    assert read(json.dumps(manifest(**change)).encode()) is None


def test_a_manifest_nested_too_deep_is_damaged():
    assert read(b"[" * 200_000) is None


@pytest.mark.parametrize("path", ["a", "a/b", "...", "a b", "ä", "a\nb", ".hidden"])
def test_a_path_inside_is_taken(path):
    assert path == check_path(path)


@pytest.mark.parametrize("path", ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b"])
def test_a_path_that_leads_out_is_refused(path):
    with pytest.raises(ValueError, match="unsafe path"):
        check_path(path)


@pytest.mark.parametrize(
    ("path", "target"), [("l", "a"), ("l", "a/b"), ("d/l", "../a"), ("d/e/l", "../../a"), ("l", ".")]
)
def test_a_link_inside_is_taken(path, target):
    assert target == check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("l", ""),
        ("l", "/a"),
        ("l", ".."),
        ("l", "../a"),
        ("d/l", "../../a"),
        ("l", "a/../b"),
        ("d/l", "../a/.."),
        ("l", "a\0"),
    ],
)
def test_a_link_that_may_lead_out_is_refused(path, target):
    with pytest.raises(ValueError, match="leads out of the tree"):
        check_link(path, target)


def test_a_manifest_of_a_newer_format_is_reported_as_newer():
    with pytest.raises(DamagedBundleError, match="format 2, which a newer version of foundations has written"):
        Manifest.from_bytes(b'{"format": 2}')
