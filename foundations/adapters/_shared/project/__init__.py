"""Which files of a project go into a bundle.

Start with ``project_files``, which selects them. ``ignoring`` knows those that stay out by their names,
``secret_files`` those that hold secrets, and ``project_size`` when there are too many. ``file_listing`` shows a person
what was selected.
"""
