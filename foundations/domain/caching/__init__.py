"""Content keys: an output is reused where the code and the arguments of its stage are the same.

Start with ``stage_keys``: ``StageKeys`` makes a ``Recipe`` for each stage, whose digest is the content key. ``recipe``
also has the format that is stored beside a cached value, and describes the differences between two recipes, for which
``argument_summary`` reads the parts of arguments. ``explanation`` is what users get from ``explain()``. ``code``
computes the fingerprints of functions, with everything of the project that they reach; ``values`` computes the digests
of arguments and outputs.
"""
