import pytest

from foundations.escaping import escape_unprintable, truncate


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("train", "train"),
        ("évaluer", "évaluer"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("half \ud800", "half \\ud800"),
        ("", ""),
    ],
)
def test_what_would_steer_a_terminal_is_spelt_out(text, printed):
    assert printed == escape_unprintable(text)


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("abcde", "abcde"), ("abcdef", "ab...")])
def test_a_text_is_cut_to_a_length(text, expected):
    assert expected == truncate(text, 5)
