"""Digests of buffers by XXH3, and the content of values of numpy, pandas, pyarrow, polars and PyTorch.

Start with ``xxhash_digesting``, the adapter, which is public. Each library has a module ``*_values`` of its own;
``array_content`` reads the items of numpy arrays for several of them, and ``class_identity`` names their classes. No
library is ever imported here: a value of a library exists only where it is loaded.
"""

from foundations.adapters.digesting.xxhash_digesting import XxhashDigesting

__all__ = ["XxhashDigesting"]
