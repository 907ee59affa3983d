"""Outputs of stages from the cache, where a content key is certain.

Start with ``stage_cache``, the memo of a job's stages; ``assembly`` puts one together. ``lookup`` is the look-up of one
stage, ``leases`` have one of many jobs compute a value, ``notes`` record what was done and why, ``history`` finds the
nearest earlier entry. ``packages`` and ``distributions`` tell what is installed around the project; ``purity`` observes
what a call touches that a hit would not.
"""
