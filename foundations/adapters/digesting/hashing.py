"""BLAKE3 of bytes in one thread: collision-resistant, and a few times as fast as SHA-256.

See https://github.com/BLAKE3-team/BLAKE3-specs for the function. Threads would be faster still, but jobs share the
processors, and stages may fork.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _blake3() -> Any:
    try:
        from blake3 import blake3  # only long buffers need it
    except ImportError as error:
        raise ModuleNotFoundError(
            "blake3, which computes the digests of large values, is not installed in this Python: pip install blake3",
            name="blake3",
        ) from error
    return blake3


def new_hasher() -> Any:
    """Return a hasher with `update` and `digest`, which returns 32 bytes.

    Raises:
        ModuleNotFoundError: The library is not installed.
    """
    return _blake3()()


def digest_bytes(data: Any) -> bytes:
    """Return the 32 bytes of BLAKE3.

    Args:
        data: A contiguous buffer of single bytes.

    Raises:
        ModuleNotFoundError: The library is not installed.
    """
    digest: bytes = _blake3()(data).digest()
    return digest
