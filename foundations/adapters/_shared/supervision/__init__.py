"""A job's processes on one host: its directory, the supervisor that forks the worker, its output and its end.

Start with ``job_directory``, the layout, and ``supervisor``. ``log_pump`` keeps output bounded, ``descendants`` ends
what the job leaves behind, ``verdict`` judges how it ended.
"""
