"""Content keys: a stage is reused where its code and its arguments are the same.

``stage_keys`` makes the keys of a pipeline's stages. A key is the digest of a ``recipe``, which remembers what went
into it, so that ``explanation`` can tell what differs from an earlier one. ``code`` takes fingerprints of functions,
with everything of the project that they reach; ``values`` takes digests of arguments and outputs.
"""
