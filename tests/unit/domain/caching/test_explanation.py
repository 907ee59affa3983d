import pytest

from foundations.domain.caching.explanation import Explanation, StageExplanation


def printed(*stages):
    return str(Explanation(stages)).split("\n")


def test_stages_print_in_columns_with_what_differs_below():
    load = StageExplanation("load", "1", "hit", why="computed by job train-1")
    train = StageExplanation("train", "2", "miss", why="the nearest entry is ...", differences=("argument a: 1 -> 2",))
    assert [
        "load   hit         computed by job train-1",
        "train  miss        the nearest entry is ...",
        "                     argument a: 1 -> 2",
    ] == printed(load, train)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("two\nlines", "two\\nlines"), ("\x1b[2Jgone", "\\x1b[2Jgone"), ("half \ud800", "half \\ud800")],
)
def test_what_would_break_the_columns_is_spelt_out(name, shown):
    known = StageExplanation(name, "1", "miss", why=f"of {name}", differences=(f"constant {name} changed",))
    assert [
        f"{shown}  miss        of {shown}",
        f"{'':{len(shown)}}                constant {shown} changed",
    ] == printed(known)


def test_long_names_reasons_and_lists_are_cut():
    differences = tuple(f"argument a{number} changed" for number in range(1020))
    lines = printed(StageExplanation("x" * 1000, "1", "miss", why="y" * 1000, differences=differences))
    assert f"{'x' * 45}...  miss        {'y' * 397}..." == lines[0]
    assert (22, "and 1,000 more") == (len(lines), lines[-1].strip())


def test_a_document_has_all_of_it():
    known = StageExplanation("x\n" * 100, "1", "miss", differences=tuple("abc" * 10))
    assert ("x\n" * 100, list("abc" * 10)) == (known.to_json()["stage"], known.to_json()["differences"])


def test_the_stage_that_was_explained_is_the_last():
    explanation = Explanation((StageExplanation("a", "1", "hit", "k"), StageExplanation("b", "2", "miss", "l")))
    assert ("miss", "l", str(explanation)) == (explanation.outcome, explanation.key, repr(explanation))
