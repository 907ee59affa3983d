"""Compression by Zstandard, whose library is optional."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from foundations.adapters._shared.fs.files import CHUNK, memory_of
from foundations.adapters.filesystem.cache.file_format import CHANGED, NotReadableHereError
from foundations.errors import ConfigurationError

if TYPE_CHECKING:
    from foundations.ports.frames import Buffer

WORTH_COMPRESSING: Final = 4096
"""Bytes below which a frame is stored as it is."""

_REMEDY = "pip install 'foundations-sdk[zstd]'"


def check_compression() -> None:
    """Raise where nothing can be compressed here.

    Raises:
        ConfigurationError: The library is not installed.
    """
    try:
        _library()
    except ImportError as error:
        raise ConfigurationError(
            f"compress='zstd' needs the library zstandard, which is not installed here. Install it: {_REMEDY}",
            found="zstd",
            expected="None, or 'zstd' where zstandard is installed",
        ) from error


def compressed(view: memoryview) -> Iterator[Buffer]:
    """Iterate over what `view` compresses to, in pieces.

    Raises:
        ConfigurationError: The library is not installed.
    """
    check_compression()
    chunker = _library().ZstdCompressor().chunker(size=view.nbytes, chunk_size=CHUNK)
    yield from chunker.compress(view)
    yield from chunker.finish()


def decompressed(source: Any, length: int) -> memoryview:
    """Return the `length` bytes that were compressed to what the binary stream `source` holds, in writable memory.

    Raises:
        ValueError: It holds something else.
        NotReadableHereError: The library is not installed.
    """
    try:
        zstandard = _library()
    except ImportError as error:
        raise NotReadableHereError(f"it is compressed, and zstandard is not installed here: {_REMEDY}") from error
    view = memoryview(memory_of(length))
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
