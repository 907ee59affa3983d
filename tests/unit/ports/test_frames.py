import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.ports.frames import ALIGNMENT, join_frames, split_frames

frames = st.lists(st.binary(max_size=200), max_size=10)


@given(frames)
def test_frames_come_back_in_number_order_and_content(values):
    joined = b"".join(join_frames(values))
    assert values == [bytes(frame) for frame in split_frames(joined)]


@given(frames)
def test_every_frame_lies_at_a_multiple_of_the_alignment(values):
    joined = bytearray(b"".join(join_frames(values)))
    for number, frame in enumerate(split_frames(joined)):
        if frame.nbytes:
            frame[0] ^= 0xFF
            (offset,) = [at for at, byte in enumerate(b"".join(join_frames(values))) if joined[at] != byte]
            frame[0] ^= 0xFF
            assert (number, 0) == (number, offset % ALIGNMENT)


@given(frames, st.data())
def test_a_truncated_sequence_is_a_value_error(values, data):
    joined = b"".join(join_frames(values))
    length = data.draw(st.integers(0, len(joined) - 1))
    with pytest.raises(ValueError, match="frames"):
        split_frames(joined[:length])


@given(frames, st.binary(min_size=1))
def test_what_follows_the_frames_is_a_value_error(values, more):
    with pytest.raises(ValueError, match="frames"):
        split_frames(b"".join(join_frames(values)) + more)


@given(st.binary())
def test_other_bytes_are_a_value_error(data):
    with pytest.raises(ValueError, match="frames"):
        split_frames(b"X" + data)


def test_large_frames_are_not_copied():
    frame = bytearray(1000)
    joined = join_frames([frame])
    frame[0] = 7
    assert b"\x07" == bytes(joined[-1][:1])
    data = bytearray(b"".join(joined))
    (view,) = split_frames(data)
    view[0] = 9
    assert 9 == data[-1000]


def test_views_of_wide_items_are_joined_as_bytes():
    joined = b"".join(join_frames([memoryview(bytes(range(16))).cast("d")]))
    assert [bytes(range(16))] == [bytes(frame) for frame in split_frames(joined)]
