"""The command line.

Start with `commands`, where every command is registered: one line says which module it is. A package has the commands
of one group, and a module one command: it calls a use case and writes what that returns. `groups` imports it when it is
the one that runs; `main` is where the process begins. `configuration`, `options`, `output` and `quantities` are shared.
"""
