"""Jobs, from submission to archived result.

The three objects that the architecture names are ``job``, what is frozen when a pipeline is run, ``bundle``, the file
that carries it, and ``deployment``, the user's handle on it. ``reconciliation`` determines where jobs are, and brings
archive and listing into line. ``result`` is what a job brings back, ``result_document`` how it is archived,
``result_report`` how it is printed. ``archive_layout`` names the items in the archives, ``archived_job`` reads them,
``output_digest`` proves an output, ``remote_error`` makes an exception of a failed job.
"""
