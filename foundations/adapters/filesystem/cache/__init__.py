"""The cache as a directory of files.

Start with ``backend``, the adapter. ``file_format`` is that of an entry; ``writing``, ``reading``, ``compression`` and
``small_entries`` serve it; ``leases`` have one of many jobs compute a value.
"""
