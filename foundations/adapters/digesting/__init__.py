"""Digests of buffers by BLAKE3, and the content of values of numpy, pandas, pyarrow, polars and PyTorch.

Start with ``blake3_digesting``, the adapter, which is public; ``hashing`` is the hash function. Each library has a
module ``*_values`` of its own; ``array_content`` reads the items of numpy arrays for several of them, and
``class_identity`` names their classes.

No library is ever imported here: a value of a library exists only where it is loaded.
"""

from foundations.adapters.digesting.blake3_digesting import Blake3Digesting

__all__ = ["Blake3Digesting"]
