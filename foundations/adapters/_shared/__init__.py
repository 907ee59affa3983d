"""What several adapters need.

- ``fs``: atomic files, trusted directories, removal.
- ``bundle``: the formats of bundles, packing and verified unpacking.
- ``supervision``: a job's directory, its supervisor, its log.
- ``rules``: the rules of the ports for names and values.
- ``job_matching``: what the conditions of a query mean.
"""
