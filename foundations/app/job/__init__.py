"""What a running job records and archives.

``recorder`` records times, metrics, outputs and failures of the stages; ``archiver`` writes them to the archives, or
into the job's directory where an archive fails; ``job_files`` writes the files there; ``error_report`` describes an
exception, with what ``error_hints`` adds to it, ``stage_arguments`` a call without its secrets, ``provenance`` how the
result came to be, ``outside_modules`` what it took from outside the bundle. ``pool_watch`` ends the wait for
pools whose processes die.
"""
