"""Bundles as gzip-compressed tar files.

Start with ``bundler``, the adapter, which puts the parts of a bundle into one file. Each part is itself a ``.tgz``:

- ``packing`` writes one: it reads, digests and compresses a project's files in one pass, through streams that pass on
  compressed chunks. ``reading`` opens these files and reports those that change or vanish meanwhile.
- ``sources`` stores packed projects in ``FOUNDATIONS_HOME`` with an index of their files, and finds the stored part
  again where no file has changed since.
- ``runtime`` packs the SDK with its dependencies.
- ``location`` determines where a bundle is made; ``registry`` finds the bundles that a killed process left.
"""

from foundations.adapters.tarball.bundler import TarballJobBundler

__all__ = ["TarballJobBundler"]
