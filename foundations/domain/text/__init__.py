"""Text for people: short representations of calls and values, escaped lines, redacted secrets.

Each module stands alone and all its functions are public: ``representation`` abbreviates calls and values, ``one_line``
escapes and truncates text from other sources, and ``redaction`` recognises names of secrets. ``redaction`` also decides
which names the cache and the provenance record leave out.
"""
