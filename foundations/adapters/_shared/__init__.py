"""What several adapters need.

- ``fs``: atomic files, trusted directories, removal.
- ``bundle``: the formats of bundles, packing and verified unpacking.
- ``project``: which files of a project go into a bundle.
- ``supervision``: a job's directory, its supervisor, its log.
- ``rules``: the rules of the ports for names and values.
- ``job_matching``: what the conditions of a query mean.
"""
