"""What a running job records and archives.

- ``recorder`` records times, metrics, outputs and failures of the stages; ``archiver`` writes them to the archives, or
  into the job's directory where an archive fails; ``job_files`` writes the files there.
- ``artifacts`` has the files, directories and objects that stages save.
- ``provenance`` describes how a result came to be: the names of the stages' functions, the Git commit, the parameters,
  the interpreter, and the name and version of every installed distribution. ``facts`` has what surrounds a job, and
  ``outside_modules`` the modules that came from outside the bundle. (What of an installation counts in a content key
  is the subject of ``app.caching``.)
- ``error_report`` describes an exception: its frames, and the call without the secrets that ``stage_arguments`` finds.
  ``error_hints`` adds what the user can do about it.
- ``written_files`` lists the files that would vanish with the job's copy of the project, ``stage_imports`` reads what
  the modules of stages import, and ``pool_watch`` ends the wait for pools whose processes die.
"""
