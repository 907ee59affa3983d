"""Digests of buffers by XXH3, and what makes up values of numpy, pandas, pyarrow, polars and PyTorch.

None of these is ever loaded here: where there is a value of theirs, they are.
"""

from foundations.adapters.digesting.xxhash_digesting import XxhashDigesting

__all__ = ["XxhashDigesting"]
