"""Jobs, from submission to archived result.

Three modules hold the objects that the architecture names. ``job`` is what is frozen when a pipeline is run. ``bundle``
makes the file that carries it, submits that to the execution environment and discards it. ``deployment`` is what
``run()`` and ``load_job()`` return: users wait, cancel and fetch with it.

- ``reconciliation`` polls environments, archives and the listing for the state of jobs, waits a moment for a job that
  is not known yet, and corrects the copies of its end.
- ``archived_job`` reads what a job stored: items from its archives, or fallback items from its job directory, rebuilt
  into values. ``archive_layout`` names these items.
- ``result`` is the mapping that a user gets, with the contexts and times of the stages; ``result_document`` is the
  JSON that a job archives, ``result_report`` the printed form.
- ``output_digest`` verifies an output, ``remote_error`` makes an exception of a failed job.
"""
