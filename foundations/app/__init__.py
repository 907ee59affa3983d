"""The use cases, and the composition root that turns configuration into adapters.

- ``sdk``: what ``from foundations import *`` gives. ``wiring``: settings become adapters, through ``construction``.
- ``use_cases``: one module for what a person, a job's process or its supervisor sets going.
- ``job``: what a running job records and archives.
- ``caching``: outputs of stages from the cache, and why one cannot be.
- ``config``: YAML as checked settings.
- ``code_origin``: whether code is the SDK's, Python's or an installed package's.
- ``project``: the project in a job: its modules, its script's ``__main__``, its copy.
- ``running_stage``: how ``log_metric`` and its like find their stage.
"""
