"""Bundles: their formats, and verified unpacking.

Start with ``manifest``, which lists every file with its digest, and ``unpack``, which compares every byte with it.
``tar_format`` and ``gzip_format`` define the containers. ``extraction`` writes files; ``runtime_store`` holds the SDK
that jobs run; ``buffer_reader`` and ``prefetch`` help with reading.
"""
