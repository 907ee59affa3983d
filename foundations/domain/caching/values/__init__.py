"""Digests of values: equal ones for equal values, in every process and under every hash seed.

Start with ``digests``: ``ValueDigester`` and ``UndigestibleError`` are public. ``encoder`` encodes a value with all its
parts. ``encoding`` is the format of plain values and ``layout`` that of values with parts; ``reduction`` reads
the parts of all other objects by their pickling protocol.
"""
