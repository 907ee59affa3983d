"""The archive listing as an SQLite file.

Start with ``pipeline_listing``, the adapter. ``tables`` is the schema with its rows, ``selection`` makes queries SQL;
``database`` manages connections among threads, processes and forks, and ``migration`` reads what earlier releases made.
"""
