"""Jobs as processes of this machine, started by a shell script."""

from foundations.adapters.local_shell.environment import LocalShellJobDeployment

__all__ = ["LocalShellJobDeployment"]
