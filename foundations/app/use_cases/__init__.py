"""What a caller, a job's process and its supervisor set going, one module each.

A caller: ``deploy`` (``stage.run()``), ``run_inline`` (``stage.run_same_process()``) and ``explain_cache``, which all
begin with ``prepare``; ``load_job``; ``manage_cache``. ``freeze_job`` is common to ``deploy`` and ``explain_as_job``,
by which another process explains. The package ``project`` has what the command line does with a project directory. A
job's process: ``run_job``. Its supervisor: ``finish_job``. An environment whose jobs run in the process that submits
them, for tests: ``run_bundle``.
"""
