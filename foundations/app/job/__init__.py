"""What a running job records and archives.

``recorder`` notes times, metrics, outputs and failures of the stages; ``archiver`` puts them into the archives, or
beside the job where an archive fails; ``job_files`` writes what lies there; ``error_report`` describes an exception,
``provenance`` how the result came to be.
"""
