"""What a caller, a job's process and its supervisor set going, one module each.

A caller: ``deploy`` (``stage.run()``), ``run_inline`` (``stage.run_same_process()``), ``explain_cache``,
``manage_cache``; ``call_check`` is their common check. A job's process: ``run_job``. Its supervisor: ``finish_job``.
An environment that is for tests: ``run_bundle``.
"""
