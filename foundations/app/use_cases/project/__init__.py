"""What the command line does with a project directory: run its script, list its bundle, show its configuration."""
