"""The command line: one module a command, each a call of a use case and a rendering of what it returns."""
