"""Compression with Zstandard, whose library is optional."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from foundations.adapters._shared.fs.files import CHUNK, allocate
from foundations.adapters.filesystem.cache.file_format import CHANGED, MissingLibraryError
from foundations.errors import ConfigurationError

if TYPE_CHECKING:
    from foundations.ports.frames import Buffer

MIN_COMPRESSED: Final = 4096
"""The smallest size, in bytes, of a frame that is compressed."""

_REMEDY = "pip install 'foundations-sdk[zstd]'"


def check_compression() -> None:
    """Check that the library is installed.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        _library()
    except ImportError as error:
        raise ConfigurationError(
            f"compress='zstd' needs the library zstandard, which is not installed here. Install it: {_REMEDY}",
            found="zstd",
            expected="None, or 'zstd' where zstandard is installed",
        ) from error


def compress_frame(view: memoryview) -> Iterator[Buffer]:
    """Iterate over the compressed content of `view`, in chunks.

    Raises:
        ConfigurationError: The library is not installed.
    """
    check_compression()
    chunker = _library().ZstdCompressor().chunker(size=view.nbytes, chunk_size=CHUNK)
    yield from chunker.compress(view)
    yield from chunker.finish()


def decompress_frame(source: Any, length: int) -> memoryview:
    """Return the content of the compressed binary stream `source`, of `length` bytes, in writable memory.

    Raises:
        ValueError: The stream holds something else.
        MissingLibraryError: The library is not installed.
    """
    try:
        zstandard = _library()
    except ImportError as error:
        raise MissingLibraryError(f"it is compressed, and zstandard is not installed here: {_REMEDY}") from error
    view = memoryview(allocate(length))
    filled = 0
    try:
        with zstandard.ZstdDecompressor().stream_reader(source, read_size=CHUNK, closefd=False) as reader:
            while filled < length and (count := reader.readinto(view[filled : filled + CHUNK])):
                filled += count
            if filled < length or reader.read(1):
                raise ValueError(CHANGED)
    except zstandard.ZstdError as error:
        raise ValueError(CHANGED) from error
    return view


@cache
def _library() -> Any:
    import zstandard

    return zstandard
