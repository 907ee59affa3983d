"""The command line. Each module is one command: it calls a use case and writes what that returns."""
