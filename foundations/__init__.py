"""Turn plain Python functions into jobs that never lose or misreport your work."""
