"""Digests of values: equal ones for equal values, in every process and under every hash seed.

Start with ``digests``. ``walk`` encodes a value with all its parts; ``encoding`` is the format of plain values,
``nodes`` that of values with parts, and ``reduction`` asks other objects what they are made of.
"""
