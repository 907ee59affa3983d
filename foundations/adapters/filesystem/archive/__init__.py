"""The archive as a directory of files.

Start with ``pipeline_archive``, the adapter. ``item_paths`` maps item names to paths; ``blobs`` stores content that
several jobs share.
"""
