"""Outputs of stages from the cache, where a content key can be told with certainty.

Start with ``stage_cache``; ``assembly`` puts one together for a job. ``lookup`` is what is asked and found, ``leases``
have one of many jobs compute a value, ``notes`` say what was done and why, ``history`` finds the nearest earlier entry.
``packages`` and ``distributions`` tell what is installed around the project; ``purity`` finds out what a call touches
that a hit would not.
"""
