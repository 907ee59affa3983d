"""What a bundle carries beside the SDK: the run script and the runner."""
