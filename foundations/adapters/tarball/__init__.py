"""Bundles as gzip-compressed tar files."""

from foundations.adapters.tarball.bundler import TarballJobBundler

__all__ = ["TarballJobBundler"]
