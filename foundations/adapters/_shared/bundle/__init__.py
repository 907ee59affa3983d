"""Bundles: their formats, what of a project goes in, and verified unpacking.

Start with ``manifest``, which promises every byte, and ``unpack``, which compares every byte. ``tar_format`` and
``gzip_format`` are the containers; ``project_files`` and ``ignoring`` choose; ``extraction`` writes;
``runtime_store`` keeps the SDK as jobs run it; ``buffer_reader`` and ``prefetch`` serve the reading.
"""
