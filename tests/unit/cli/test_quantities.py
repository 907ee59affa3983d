import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.cli.quantities import age_text, count_text, duration_text, parse_duration, parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1000", 1000),
        ("1000B", 1000),
        ("1kB", 1000),
        ("500MB", 500_000_000),
        ("20GB", 20_000_000_000),
        ("2TB", 2_000_000_000_000),
        ("1PB", 10**15),
        ("1KiB", 1024),
        ("1.5GiB", 1_610_612_736),
        ("1TiB", 2**40),
        ("0.29GB", 290_000_000),
        ("20gb", 20_000_000_000),
        (" 20 GB ", 20_000_000_000),
    ],
)
def test_a_size_is_bytes(text, size):
    assert size == parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "GB", "-1GB", "1e9", "1,5GB", "1.GB", ".5GB", "20XB", "20 GB each", "inf", "٣GB", "9" * 400, "\n"]
)
def test_what_is_no_size_is_told_with_what_one_looks_like(text):
    with pytest.raises(ValueError, match=r"is not a size: .* as in 20GB, 500MB or 1.5GiB. The units are B, kB, MB"):
        parse_size(text)


@pytest.mark.parametrize(("text", "unit"), [("20G", "G"), ("1k", "K"), ("3 m", "M"), ("1T", "T")])
def test_a_unit_that_may_be_decimal_or_binary_is_refused_with_both(text, unit):
    with pytest.raises(ValueError, match=rf"say {unit}B \(1000\) or {unit}iB \(1024\)"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45s", 45),
        ("90m", 5400),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
        ("1.5h", 5400),
        ("0d", 0),
        (" 30 d ", 2_592_000),
    ],
)
def test_a_duration_is_seconds(text, seconds):
    assert seconds == parse_duration(text)


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1M", "30D", "1y", "1d12h", "1e3s", "nan", "9" * 400 + "d"])
def test_what_is_no_duration_is_told_with_what_one_looks_like(text):
    with pytest.raises(
        ValueError, match=r"is not a duration: .* as in 30d, 12h or 90m. The units are s, m \(minutes\)"
    ):
        parse_duration(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.2 kB"),
        (9949, "9.9 kB"),
        (9951, "10 kB"),
        (999_499, "999 kB"),
        (999_501, "1 MB"),
        (1_234_567_890, "1.2 GB"),
        (20 * 10**12, "20 TB"),
        (10**19, "10000 PB"),
    ],
)
def test_a_size_is_written_with_up_to_three_digits(size, text):
    assert text == size_text(size)


@given(st.integers(0, 10**18))
def test_a_size_is_read_as_it_is_written_within_a_twentieth(size):
    assert size == pytest.approx(parse_size(size_text(size)), rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 ms"),
        (0, "0 ms"),
        (0.0125, "12 ms"),
        (1, "1 s"),
        (59.99, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86_399, "23 h"),
        (86_400, "1 d"),
        (400 * 86_400, "400 d"),
    ],
)
def test_a_duration_is_written_in_its_largest_unit(seconds, text):
    assert text == duration_text(seconds)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries"), (1200, "1,200 entries")]
)
def test_a_number_of_entries_is_written_with_its_noun(number, text):
    assert text == count_text(number)


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0 s"), (0.9, "0 s"), (1, "1 s"), (7200, "2 h")])
def test_an_age_is_written_in_seconds_at_least(seconds, text):
    assert text == age_text(seconds)
