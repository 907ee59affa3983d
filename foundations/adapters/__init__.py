"""The technologies: one package each, which keeps the promises of ``foundations.ports`` and knows nothing else.

- ``filesystem``: cache, archive and listing in directories. ``tarball``: bundles as ``.tgz`` files. ``local_shell``:
  jobs as processes of this machine. ``memory``: all five ports without disk or processes, for tests.
- ``cloudpickling``, ``digesting``: the adapters of the internal ports.
- ``_shared``: the code of several adapters.
"""
