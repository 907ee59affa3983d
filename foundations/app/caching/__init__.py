"""Outputs of stages from the cache, where a content key is certain.

Start with ``stage_cache``, the memo of a job's stages; ``assembly`` puts one together. ``lookup`` is the look-up of one
stage, ``leases`` have one of many jobs compute a value, ``notes`` record what was done and why, ``history`` finds the
nearest earlier entry. ``packages`` decides how code from outside the project counts in a content key, by means of
``distributions``: which distribution a module belongs to, and what tells two installations of it apart. ``purity``
observes what a call touches that a hit would not.
"""
