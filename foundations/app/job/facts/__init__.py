"""Facts about a job's origin that provenance records beside the job itself.

- ``repository`` reads the state of the project's Git repository where the job is submitted.
- ``machine`` describes the host and its user, ``gpus`` its graphics processors, and ``interpreter`` the distributions
  and the random number generators of the job's process.
"""
