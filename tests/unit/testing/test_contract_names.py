import pytest

import foundations.testing


def test_every_published_name_can_be_had():
    for name in foundations.testing.__all__:
        assert getattr(foundations.testing, name).__name__ == name
        assert name in dir(foundations.testing)


def test_other_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="Absent"):
        _ = foundations.testing.Absent
