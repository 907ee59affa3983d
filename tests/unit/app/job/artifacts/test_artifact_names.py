import pytest

from foundations.app.job.artifacts.names import LONGEST_NAME, check_artifact_name
from foundations.errors import FoundationsError


@pytest.mark.parametrize(
    "name",
    [
        "plot.png",
        "plots/loss curve.png",
        "a:b",
        "..a",
        "a..",
        ".hidden",
        "naïve-\N{GRINNING FACE}.txt",
        "back\\slash",
        "C:x",
    ],
)
def test_a_relative_name_is_taken_as_it_is(name):
    assert name == check_artifact_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is empty"),
        ("/etc/passwd", "it is an absolute path"),
        ("../x", "'..' would lead out"),
        ("a/../../x", "'..' would lead out"),
        ("..", "'..' would lead out"),
        ("a//b", "is empty or '.'"),
        ("a/", "is empty or '.'"),
        ("./a", "is empty or '.'"),
        ("a\0b", "it has control characters"),
        ("a\nb", "it has control characters"),
        ("a\x1b[31m", "it has control characters"),
        ("a\x9b", "it has control characters"),
        ("a\udc80", "not UTF-8"),
        ("a" * (LONGEST_NAME + 1), "it has 901 characters, and 900 are allowed"),
        (3, "must be a string, not 3"),
    ],
)
def test_any_other_name_is_refused_with_the_reason(name, reason):
    with pytest.raises(FoundationsError, match=reason) as caught:
        check_artifact_name(name)
    assert "\x1b" not in str(caught.value)
