"""A job's processes on one host: the supervisor, the worker that it forks, the job's output and its end.

Start with ``supervisor`` and ``worker``. ``end_determination`` determines how a job ended, ``end_record`` writes it
down, ``status`` reads where a job is, ``liveness`` whether anybody supervises it. ``hooks`` are the application's part;
``end_requests`` are signals; ``log_pump`` bounds the output; ``descendants`` ends what the job leaves behind.
"""
