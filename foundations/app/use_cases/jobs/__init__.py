"""What the command line does with jobs that were submitted before."""
