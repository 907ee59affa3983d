"""What a bundle carries beside the SDK: ``run.sh``, the run script, and ``main``, the runner that it starts."""
