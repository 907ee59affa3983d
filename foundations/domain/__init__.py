"""What foundations is about, free of any technology: it does no I/O, and needs nothing but Python.

- ``pipeline``: stages, the graph that they form, and running it. Start with ``pipeline.stage``.
- ``jobs``: a job, its bundle, its deployment, its result, and what it leaves in the archives.
- ``records``: what a job leaves for those who look for it later, as its deployment reads and changes it.
- ``caching``: the content keys of stages, and what an earlier key differs in.
- ``fields``: the fields of dataclasses, attrs classes and named tuples.
- ``text``: values, calls and secrets as a person reads them.
"""
