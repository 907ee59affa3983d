"""Stages, pipelines, jobs, deployments and results: what foundations is about, free of any technology."""
