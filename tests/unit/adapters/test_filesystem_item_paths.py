from hypothesis import given
from hypothesis import strategies as st

from foundations.adapters.filesystem.archive.item_paths import item_name, item_path

parts = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=400)
parts = parts | st.text("%2E5.tmp-", min_size=1, max_size=1000)
names = st.lists(parts.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map("/".join)


@given(names)
def test_a_path_leads_back_to_its_name(name):
    assert name == item_name(item_path(name))


@given(names)
def test_no_part_of_a_path_is_too_long_or_looks_like_a_temporary_file(name):
    parts = item_path(name).split("/")
    assert all(0 < len(part.encode()) <= 240 and not part.startswith(".tmp-") for part in parts)
    assert not {".", ".."} & set(parts)


@given(names, names)
def test_different_names_have_different_paths(one, other):
    assert (one == other) == (item_path(one) == item_path(other))


def test_ordinary_names_are_their_own_paths():
    assert "artifacts/plots/loss.png" == item_path("artifacts/plots/loss.png")
