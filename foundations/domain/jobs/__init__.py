"""Jobs, from submission to archived result.

The three objects that the architecture names are ``job``, what is frozen when a pipeline is run, ``bundle``, the file
that carries it, and ``deployment``, the user's handle on it. ``result`` is what it brings back; ``archive_layout``
names what lies in its archives, ``archived_job`` reads it, ``output_digest`` proves it, ``remote_error`` makes an
exception of it.
"""
