import pytest

from foundations.domain.text.representation import describe_call, short_repr


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")


class array:  # noqa: N801 - reprlib takes it for Python's
    pass


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, list(range(10_000)), {"a" * 100: "b" * 1000}, b"x" * 10_000, "line\nline", Unprintable(), {1, 2}],
)
def test_values_are_shown_on_one_short_line(value):
    shown = short_repr(value)
    assert "\n" not in shown
    assert len(shown) <= 140


def test_a_failing_repr_is_named():
    assert "<int, whose repr raises ValueError>" == short_repr(10**5000)
    assert "Unprintable" in short_repr(Unprintable())
    assert "array" in short_repr(array())


def test_small_values_are_shown_whole():
    assert "{'a': [1, 2]}" == short_repr({"a": [1, 2]})


def test_a_call_without_arguments():
    assert "train()" == describe_call("train", (), {})


def test_a_call_with_many_arguments_is_abbreviated():
    assert "f(0, 1, 2, 3, 4, 5, a=1, ... 2 more)" == describe_call("f", range(8), {"a": 1})
