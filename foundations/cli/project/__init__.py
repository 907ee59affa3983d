"""Commands without a group: they write a project, run its pipeline, and look at what surrounds it."""
