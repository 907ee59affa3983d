"""What a job leaves for those who look for it later, and the methods of its deployment that read and change it.

- ``job_record`` and ``annotations`` are documents in a job's archive: what is fixed when it is submitted, and what
  people write about it. ``annotating`` keeps the latter in line with the listing.
- ``labels`` checks projects, tags and notes.
- ``artifacts`` has the artifacts of a job.
"""
