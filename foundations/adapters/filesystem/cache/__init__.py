"""The cache as a directory of files.

Start with ``backend``, the adapter. ``file_format`` defines an entry's file, which ``writing`` writes and ``reading``
reads, with ``compression`` as an option. ``small_entries`` puts several small entries into one file. ``leases`` let one
job compute a value while others wait for it.
"""
