"""Bundles as gzip-compressed tar files.

Start with ``bundler``, the adapter. ``packing`` packs a project in one pass, ``sources`` stores packed projects for
reuse, ``runtime`` packs the SDK, and ``registry`` finds the bundles that a killed process left.
"""

from foundations.adapters.tarball.bundler import TarballJobBundler

__all__ = ["TarballJobBundler"]
