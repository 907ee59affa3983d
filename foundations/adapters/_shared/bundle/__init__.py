"""Bundles: their formats, the selection of a project's files, and verified unpacking.

Start with ``manifest``, which lists every file with its digest, and ``unpack``, which compares every byte with it.
``tar_format`` and ``gzip_format`` define the containers. ``project_files`` selects the files of a project, and
``ignoring`` those that stay out. ``extraction`` writes files; ``runtime_store`` holds the SDK that jobs run;
``buffer_reader`` and ``prefetch`` help with reading.
"""
