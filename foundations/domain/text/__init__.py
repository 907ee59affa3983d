"""Text for people: short representations of calls and values, escaped lines, redacted secrets.

All functions are public. ``representation`` abbreviates calls and values, and ``one_line`` escapes and truncates text
from other sources. ``redaction``, where to start reading, recognises names of secrets, whose values neither logs nor
records nor content keys contain.
"""
