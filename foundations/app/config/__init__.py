"""Configuration: layers of YAML files become frozen settings, and every mistake is named with its file and line.

Start with ``manager``, the layers, and ``settings``, what comes of them. ``file`` checks one file, which ``document``
reads from its ``content``; ``trust`` decides whether a file may be used; ``values`` carries users' own values as JSON.
"""
