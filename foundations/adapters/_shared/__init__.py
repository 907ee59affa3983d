"""What several adapters need: trusted directories, atomic files, job directories."""
