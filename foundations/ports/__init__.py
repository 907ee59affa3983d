"""The abstract promises that adapters keep, and the values of their methods.

An adapter is written against this package alone; the contract class of its port in ``foundations.testing`` tests it.

- The five ports: ``cache``, ``archive``, ``archive_listing``, ``bundling`` (the bundler), ``execution`` (where jobs
  run).
- ``store``: what cache, archive and listing have in common, such as a check before anything is written.
- ``job``: a job's name, its state, its end, and ``Outcome``, which the worker notes before it ends.
- ``job_layout``: the names on disk in a job directory, and the rows of a bundle's manifest.
- ``frames``: several buffers as one byte string, for values with out-of-band buffers.
- ``serialisation``, ``digesting``: internal ports, each with one adapter.
"""
