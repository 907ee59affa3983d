"""Turn plain Python functions into jobs that never lose or misreport your work.

``from foundations import *`` is all a project needs; each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foundations.adapters.filesystem import (
        LocalFileSystemCacheBackend,
        LocalFileSystemPipelineArchive,
        LocalFileSystemPipelineListing,
    )
    from foundations.adapters.local_shell import LocalShellJobDeployment
    from foundations.adapters.memory import (
        MemoryCacheBackend,
        MemoryExecutionEnvironment,
        MemoryJobBundler,
        MemoryPipelineArchive,
        MemoryPipelineListing,
    )
    from foundations.adapters.tarball import TarballJobBundler
    from foundations.app.job.artifacts.saving import save_artifact
    from foundations.app.running_stage import log_metric
    from foundations.app.sdk import (
        config_manager,
        create_stage,
        load_job,
        pipeline,
        set_environment,
        set_project_name,
    )
    from foundations.domain.pipeline.hyperparameter import Hyperparameter
    from foundations.errors import FoundationsError, RemoteException
    from foundations.version import __version__

_MODULES = {
    "FoundationsError": "foundations.errors",
    "Hyperparameter": "foundations.domain.pipeline.hyperparameter",
    "LocalFileSystemCacheBackend": "foundations.adapters.filesystem",
    "LocalFileSystemPipelineArchive": "foundations.adapters.filesystem",
    "LocalFileSystemPipelineListing": "foundations.adapters.filesystem",
    "LocalShellJobDeployment": "foundations.adapters.local_shell",
    "MemoryCacheBackend": "foundations.adapters.memory",
    "MemoryExecutionEnvironment": "foundations.adapters.memory",
    "MemoryJobBundler": "foundations.adapters.memory",
    "MemoryPipelineArchive": "foundations.adapters.memory",
    "MemoryPipelineListing": "foundations.adapters.memory",
    "RemoteException": "foundations.errors",
    "TarballJobBundler": "foundations.adapters.tarball",
    "__version__": "foundations.version",
    "config_manager": "foundations.app.sdk",
    "create_stage": "foundations.app.sdk",
    "load_job": "foundations.app.sdk",
    "log_metric": "foundations.app.running_stage",
    "pipeline": "foundations.app.sdk",
    "save_artifact": "foundations.app.job.artifacts.saving",
    "set_environment": "foundations.app.sdk",
    "set_project_name": "foundations.app.sdk",
}

__all__ = [
    "FoundationsError",
    "Hyperparameter",
    "RemoteException",
    "config_manager",
    "create_stage",
    "load_job",
    "log_metric",
    "pipeline",
    "save_artifact",
    "set_environment",
    "set_project_name",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'foundations' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
