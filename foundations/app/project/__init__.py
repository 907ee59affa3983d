"""The project in a job: its modules, its script and its copy, which stand for the submitter's.

Start with ``import_paths``: where modules are imported from, and which of them a job would lack. It has
``editable_installs`` put the copy before the hooks of build backends. ``modules`` imports in a job what its submitter
had imported. ``main_module`` makes the script's ``__main__`` again. ``module_state`` reports attributes that were
changed before ``run()``, and ``library_settings`` settings of libraries that the script made. ``job_loading`` does all
of it in the process of a job. ``relocation`` maps paths of the original project to the copy.
"""
