"""Jobs as processes of this machine, started by a shell script.

Start with ``environment``, the adapter: it makes a job directory under a temporary name and publishes it, unpacks the
bundle into it, and answers where a job is. ``process`` starts the supervisor and signals it. ``options`` checks the
constructor's arguments. ``requirements`` compares the project's ``requirements.txt`` with what is installed, and raises
or warns about what is missing; ``requirements_file`` reads that file as pip does.
"""

from foundations.adapters.local_shell.environment import LocalShellJobDeployment

__all__ = ["LocalShellJobDeployment"]
