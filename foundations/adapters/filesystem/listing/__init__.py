"""The archive listing as an SQLite file.

Start with ``pipeline_listing``, the adapter. ``tables`` is the schema with its rows and queries; ``database`` manages
connections among threads, processes and forks.
"""
