"""What we write, Python's own tarfile and gzip read; what we read is only what we write."""

import gzip
import io
import os
import tarfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundations.adapters._shared.bundle import gzip_format
from foundations.adapters._shared.bundle.buffer_reader import BufferReader
from foundations.adapters._shared.bundle.gzip_format import (
    CHUNK,
    StoredWriter,
    compress_to_buffers,
    decompress_members,
    read_stored,
    store_member,
    stored_size,
)
from foundations.adapters._shared.bundle.prefetch import prefetch
from foundations.adapters._shared.bundle.tar_format import END, header
from foundations.ports.job_layout import Entry


def compress_member(data):
    return b"".join(compress_to_buffers(data))


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300).filter(
    lambda name: name not in (".", "..")
)
SIZES = [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, 64 * 65_535, 64 * 65_535 + 1, 5_000_000]


@pytest.fixture(params=["isal", "zlib"])
def codec(request, monkeypatch):
    """Have either library compress; what it wrote is read by the other."""
    if request.param == "zlib":
        monkeypatch.setattr(gzip_format, "_codec", gzip_format.zlib)
    return request.param


@given(
    path=st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    kind=st.sampled_from(["file", "directory", "link"]),
    size=st.integers(0, 2**40),
    executable=st.booleans(),
    target=NAMES,
)
def test_any_entry_is_read_as_what_it_says(path, kind, size, executable, target):
    size = size if kind == "file" else 0
    entry = Entry(path, kind, size, 0o755 if executable else 0o644, target if kind == "link" else "")
    with tarfile.open(fileobj=io.BytesIO(header(entry) + END), mode="r:") as archive:
        found = archive.next()
    kinds = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "link"}
    assert entry == Entry(found.name, kinds[found.type], found.size, found.mode, found.linkname)
    assert (0, 0, 0, "", "") == (found.mtime, found.uid, found.gid, found.uname, found.gname)


def test_a_link_to_a_name_that_is_not_unicode_is_read_as_it_is():
    target = os.fsdecode(b"caf\xe9")
    with tarfile.open(fileobj=io.BytesIO(header(Entry("l", "link", 0, 0o644, target)) + END), mode="r:") as archive:
        assert target == archive.next().linkname


@pytest.mark.parametrize("size", SIZES)
def test_stored_content_is_gzip_of_known_size_and_comes_back(size):
    data = os.urandom(size)
    made = store_member(data)
    assert (data, stored_size(size)) == (gzip.decompress(made), len(made))
    source = io.BytesIO(made + b"rest")
    assert (data, b"rest") == (b"".join(read_stored(source, size)), source.read())


@given(st.lists(st.binary(max_size=200_000).map(lambda data: data * 3), max_size=5))
def test_stored_content_is_framed_alike_however_it_comes(parts):
    writer = StoredWriter()
    made = b"".join(bytes(piece) for part in parts for piece in writer.add([part]))
    assert store_member(b"".join(parts)) == made + b"".join(bytes(piece) for piece in writer.close())


@pytest.mark.parametrize("size", [0, 1, 65_535, 70_000])
def test_a_stored_member_with_anything_changed_is_refused(size):
    made = store_member(bytes(size))
    for position in {*range(30), *range(65_540, 65_560), *range(len(made) - 20, len(made))} & set(range(len(made))):
        changed = bytearray(made)
        changed[position] ^= 4
        with pytest.raises(ValueError, match="not framed"):
            list(read_stored(io.BytesIO(changed), size))
    with pytest.raises(ValueError, match=r"cut short|not framed"):
        list(read_stored(io.BytesIO(made[:-1]), size))


@pytest.mark.parametrize("step", [7_919, 2**30])
@pytest.mark.usefixtures("codec")
def test_compressed_members_come_back_whoever_reads_them(step, monkeypatch):
    parts = [os.urandom(3_000_000), bytes(9_000_000), b"", b"text " * 1000]
    made = b"".join(compress_member(part) for part in parts)
    assert b"".join(parts) == gzip.decompress(made)
    for reader in (gzip_format._codec, gzip_format.zlib):
        monkeypatch.setattr(gzip_format, "_codec", reader)
        pieces = list(decompress_members(made[begin : begin + step] for begin in range(0, len(made), step)))
        assert b"".join(parts) == b"".join(pieces)
        assert max(map(len, pieces)) <= 2**19


@pytest.mark.usefixtures("codec")
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:5],
        lambda data: data + b"\0",
        lambda data: b"no gzip",
        lambda data: b"\0",
    ],
)
def test_what_is_no_run_of_members_is_refused(damage):
    with pytest.raises(ValueError, match=r"not gzip|cut short"):
        list(decompress_members([damage(compress_member(b"content" * 100))]))


def stored_by_zlib(data: bytes) -> bytes:
    writer = zlib.compressobj(0, wbits=31)
    return writer.compress(data[:100]) + writer.flush(zlib.Z_FULL_FLUSH) + writer.compress(data[100:]) + writer.flush()


def begun_as_stored(data: bytes) -> bytes:
    """Return a member whose first block is as one of ours, and the next is compressed."""
    writer = zlib.compressobj(9, wbits=-15)
    deflated = b"\0" + (65_535).to_bytes(2, "little") + b"\0\0" + data[:65_535]
    deflated += writer.compress(data[65_535:]) + writer.flush()
    return store_member(b"")[:10] + deflated + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


@pytest.mark.usefixtures("codec")
@pytest.mark.parametrize(
    "store", [store_member, stored_by_zlib, begun_as_stored, lambda data: store_member(data * (CHUNK // len(data) + 1))]
)
@pytest.mark.parametrize("step", [11, 65_535, 2**30])
def test_stored_blocks_come_back_whoever_stored_them(store, step):
    data = os.urandom(200_000)
    made = store(data) + compress_member(b"the next")
    if len(made) > 2**20:
        step = max(step, 65_535)
    pieces = list(decompress_members(made[begin : begin + step] for begin in range(0, len(made), step)))
    assert gzip.decompress(made) == b"".join(pieces)
    assert max(map(len, pieces)) <= 2**19


@pytest.mark.usefixtures("codec")
def test_a_stored_member_among_others_with_anything_changed_gives_other_content_or_is_refused():
    made = store_member(os.urandom(70_000))
    for position in {*range(10), *range(10, 15), *range(65_550, 65_555), *range(len(made) - 8, len(made))} - {
        4,
        5,
        6,
        7,
        8,
        9,
    }:
        changed = bytearray(made)
        changed[position] ^= 2
        with pytest.raises(ValueError, match=r"not gzip|cut short"):
            list(decompress_members([changed]))
    with pytest.raises(ValueError, match="cut short"):
        list(decompress_members([made[:-1]]))


@given(st.lists(st.binary(max_size=9), max_size=9), st.lists(st.integers(0, 12), max_size=20))
def test_bytes_are_taken_by_their_number_wherever_buffers_end(buffers, counts):
    whole = b"".join(buffers)
    pieces = BufferReader(buffers)
    found = b""
    for count in counts:
        looked_at = pieces.read(count + 3)
        pieces.unread(looked_at)
        taken = pieces.read(count)
        assert whole[len(found) :][: count + 3] == b"".join(looked_at)
        assert whole[len(found) :][:count] == b"".join(taken)
        found += b"".join(taken)
    while some := pieces.read_some(4):
        assert 0 < len(some) <= 4
        found += some
    assert whole == found


def test_what_cannot_be_compressed_is_stored():
    noise = os.urandom(2**20)
    assert store_member(noise) == compress_member(noise)


def test_an_iterator_is_prefetched_and_its_error_comes_where_it_is_reached():
    def items():
        yield from range(20)
        raise ValueError("at the end")

    found = []
    with pytest.raises(ValueError, match="at the end"), prefetch(items()) as prefetched:  # noqa: PT012
        for item in prefetched:
            found.append(item)
    assert list(range(20)) == found


def test_prefetching_is_stopped_when_nobody_wants_more():
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield 1

    with prefetch(endless()) as prefetched:
        next(prefetched)
    count = len(asked)
    assert count == len(asked) <= 8
