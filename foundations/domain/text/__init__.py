"""Text for people: short representations of calls and values, redacted secrets.

All functions are public. ``representation`` abbreviates calls and values. ``redaction``, where to start reading,
recognises names of secrets, whose values neither logs nor records nor content keys contain. (Control characters are
escaped by ``foundations.escaping``.)
"""
