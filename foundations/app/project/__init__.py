"""The project in a job: its modules, its script and its copy, which stand for the submitter's.

Start with ``import_paths``: where modules are imported from, and which of them a job would lack. ``modules`` imports in
a job what its submitter had imported, ``main_module`` makes the script's ``__main__`` again, ``module_state`` reports
attributes that were changed before ``run()``, and ``relocation`` maps paths of the original project to the copy.
"""
