import pytest

from foundations.domain.records.labels import (
    NO_LABELS,
    JobLabels,
    check_note,
    check_project_name,
    check_tag,
    check_tags,
)
from foundations.errors import FoundationsError


@pytest.mark.parametrize("name", ["default", "a: b. \N{GRINNING FACE}", " x ", "a\nb", "x" * 10_000])
def test_any_text_that_is_not_blank_names_a_project_and_a_tag(name):
    assert [name, (name, "")] == [check_project_name(name), check_tag(name)]


@pytest.mark.parametrize("name", ["", " \n", None, 3, b"x", "\udc80"])
def test_nothing_else_does(name):
    for check in (check_project_name, check_tag):
        with pytest.raises(FoundationsError, match=r"name (must|cannot)"):
            check(name)


@pytest.mark.parametrize(("value", "text"), [("", ""), ("x", "x"), (3, "3"), (0.5, "0.5"), (True, "True")])
def test_the_value_of_a_tag_is_stored_as_text(value, text):
    assert ("a", text) == check_tag("a", value)


@pytest.mark.parametrize("value", [None, [], "\udc80"])
def test_a_value_that_is_no_text_is_refused_with_the_name_of_its_tag(value):
    with pytest.raises(FoundationsError, match="the value of tag 'a'"):
        check_tag("a", value)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({"a": 1}, {"a": "1"}), (["a", "b"], {"a": "", "b": ""}), ("a", {"a": ""}), ((), {}), ({"a"}, {"a": ""})],
)
def test_tags_are_values_by_name_or_names(tags, expected):
    assert expected == check_tags(tags)


@pytest.mark.parametrize("tags", [3, b"a", [3], {"a": None}, None])
def test_other_tags_are_refused(tags):
    with pytest.raises(FoundationsError):
        check_tags(tags)


def test_a_note_is_any_text():
    assert ["", "a\nb"] == [check_note(text) for text in ("", "a\nb")]
    with pytest.raises(FoundationsError, match="a note must be a string, not 3"):
        check_note(3)


def test_labels_that_are_given_later_replace_and_tags_are_added():
    labels = NO_LABELS.changed("one", {"a": 1, "b": 2}, None).changed(None, {"b": 3}, "good").changed("two", None, None)
    assert JobLabels("two", {"a": "1", "b": "3"}, "good") == labels
