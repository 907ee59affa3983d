"""Artifacts: the files, directories and objects that stages save under names.

``saving`` has ``save_artifact``; ``archiving`` writes an artifact to the archive, and ``reading`` finds it there again.

- ``names`` checks the name of an artifact, and ``directories`` keeps a directory as one item.
- ``formats`` turns objects into files and back, by the suffix of their name; ``frames`` does so for tables, ``images``
  for figures and arrays.
"""
