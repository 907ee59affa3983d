import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.domain.jobs import output_digest
from foundations.domain.jobs.output_digest import OutputDigest


def expected(data, piece):
    digests = [hashlib.sha256(data[begin : begin + piece]).digest() for begin in range(0, len(data), piece)]
    return hashlib.sha256(data if len(digests) <= 1 else b"".join(digests)).hexdigest()


@given(st.lists(st.binary(max_size=50), max_size=6), st.sampled_from([1, 7, 64, 1000]))
def test_how_the_bytes_are_parted_does_not_count(parts, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_digest, "PIECE", piece)
        whole = b"".join(parts)
        assert expected(whole, piece) == OutputDigest(parts).hexdigest() == OutputDigest([whole]).hexdigest()


def test_a_short_output_has_its_plain_sha256():
    assert hashlib.sha256(b"output").hexdigest() == OutputDigest([b"out", bytearray(b"put")]).hexdigest()


def test_what_is_longer_than_a_piece_is_hashed_in_pieces():
    data = bytes(range(256)) * (2 * output_digest.PIECE // 256) + b"rest"
    digest = OutputDigest([data])
    assert expected(data, output_digest.PIECE) == digest.hexdigest() == digest.hexdigest()
