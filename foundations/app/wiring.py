"""The composition root: settings become adapters here, and nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from foundations import events
from foundations.adapters._shared.fs.files import identity_of, write_atomically
from foundations.adapters._shared.fs.trusted import ensure_private_directory, is_private_directory
from foundations.adapters.cloudpickling import CloudpickleSerialiser
from foundations.app.config.settings import AdapterSettings, Settings
from foundations.app.construction import construct
from foundations.domain.jobs.archive_layout import Archives
from foundations.errors import CapabilityError, ConfigurationError, StorageError, UntrustedLocationError
from foundations.home import foundations_home
from foundations.ports.archive import PipelineArchive
from foundations.ports.serialisation import Serialiser

if TYPE_CHECKING:  # a job's worker asks for few of them, and waits for what is imported
    from foundations.ports.archive_listing import PipelineListing
    from foundations.ports.bundling import BundleFile, JobBundler
    from foundations.ports.cache import CacheBackend
    from foundations.ports.digesting import Digesting
    from foundations.ports.execution import ExecutionEnvironment
    from foundations.ports.job import JobEnd

Port = TypeVar("Port")


class Wiring:
    """The adapters that some settings name, each constructed when it is first used.

    Entries that name the same class with the same arguments share one instance.

    Args:
        settings: Name the adapters.
        environ: The environment's variables; the process's own by default.
        run_bundle: Runs a bundle to its end in the calling thread, for an execution environment that runs jobs in this
            process; None where no job is submitted.

    Attributes:
        settings: Name the adapters.
        serialiser: Turns values into buffers.
    """

    def __init__(
        self,
        settings: Settings,
        run_bundle: Callable[[BundleFile, Wiring], JobEnd] | None = None,
    ) -> None:
        self.settings = settings
        self.serialiser: Serialiser = CloudpickleSerialiser()
        self._run_bundle = run_bundle
        self._made: dict[str, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a pickle makes the wiring again: from its settings, in which variables are unresolved."""
        return Wiring, (self.settings,)

    @property
    def cache(self) -> CacheBackend:
        """The cache."""
        from foundations.ports.cache import CacheBackend

        return self._adapter(self.settings.cache, CacheBackend)

    @property
    def digesting(self) -> Digesting:
        """What digests large values and those of third-party types."""
        from foundations.adapters.digesting import Blake3Digesting

        return Blake3Digesting()

    @property
    def listing(self) -> PipelineListing:
        """The archive listing."""
        from foundations.ports.archive_listing import PipelineListing

        return self._adapter(self.settings.archive_listing, PipelineListing)

    @property
    def archives(self) -> Archives:
        """The six archives."""
        return Archives(*(self._adapter(entry, PipelineArchive) for entry in self._archive_settings()))

    @property
    def environment(self) -> ExecutionEnvironment:
        """The execution environment."""
        from foundations.ports.execution import ExecutionEnvironment

        run = self._run_bundle
        runner = None if run is None else lambda bundle: run(bundle, self)
        return self._adapter(self.settings.deployment, ExecutionEnvironment, bundle_runner=runner)

    @property
    def bundler(self) -> JobBundler:
        """The bundler."""
        from foundations.ports.bundling import JobBundler

        return self._adapter(self.settings.job_bundler, JobBundler)

    def adapter(self, name: str) -> Any:
        """Return the adapter of the part of this name, as in ``cache`` or ``artifact_archive``."""
        if name.removesuffix("_archive") in Archives._fields:
            return self._adapter(getattr(self.settings, name), PipelineArchive)
        property_names = {"archive_listing": "listing", "deployment": "environment", "job_bundler": "bundler"}
        return getattr(self, property_names.get(name, name))

    def roots(self) -> list[tuple[AdapterSettings, Path]]:
        """Return the directory of each adapter that has one as its ``root``, behind its settings."""
        adapters = (*self.stores(), (self.settings.deployment, self.environment))
        return [(entry, root) for entry, adapter in adapters if (root := _root_of(adapter)) is not None]

    def directories(self) -> tuple[Path, ...]:
        """Return the directories in which adapters store data, each once."""
        return tuple({root for _, root in self.roots()})

    def check_places(self, places: Iterable[Path]) -> None:
        """Raise unless the stores can be told apart from directories that are bundled.

        Args:
            places: The project directory, and extra source paths.

        Raises:
            ConfigurationError: A store's directory is one of them, or contains one.
        """
        # resolved, because what stands before ".." in a path need not exist
        roots = [(entry, root, identity_of(root.resolve())) for entry, root in self.roots()]
        for place in places:
            resolved = place.resolve()
            around = list(map(identity_of, (resolved, *resolved.parents)))
            for entry, root, found in roots:
                is_store = entry is not self.settings.deployment  # whose directories of jobs have names of their own
                if found is not None and found in (around if is_store else around[:1]):
                    raise _not_apart(entry, root, place, is_same=found == around[0])

    def store_settings(self) -> str:
        """Store which adapters the settings name, privately, and return the digest by which :meth:`restored` finds it.

        Users' own values and variables are not stored: nobody who reads a job needs them.
        """
        settings = self.settings._replace(user_settings={}, run_script_environment={})
        data = json.dumps(settings.to_json(), sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        path = _stored_settings(digest)
        ensure_private_directory(path.parent)
        if not path.exists():
            write_atomically(path, [data], durable=False)
        return digest

    def restored(self, digest: object) -> Wiring:
        """Return the adapters that a job was submitted with, with the listing of these settings.

        Args:
            digest: As :meth:`store_settings` returned it; of anything else, or of settings that are not stored here,
                these very adapters are returned.

        Raises:
            UntrustedLocationError: Another user could have written the stored settings.
        """
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            return self
        path = _stored_settings(digest)
        if not is_private_directory(path.parent):
            return self
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return self
        if hashlib.sha256(data).hexdigest() != digest:
            events.warning("stored_configuration_damaged", path=str(path), consequence="the present one is used")
            return self
        settings = Settings.from_json(json.loads(data), str(path))
        return Wiring(settings._replace(archive_listing=self.settings.archive_listing))

    def check(self) -> None:
        """Raise whatever using the adapters would raise, as far as it can be found without writing anything.

        A cache that is refused is reported in the log; the run does without it.

        Raises:
            ConfigurationError: An adapter cannot be constructed.
            CapabilityError: The environment cannot reach the storage, or cannot take the bundles.
            StorageError: An archive or the listing cannot be used.
            UntrustedLocationError: Somebody else could have written an archive or the listing.
        """
        try:
            self.cache.check()
        except (StorageError, UntrustedLocationError) as error:
            events.warning("cache_refused", reason=str(error), consequence="nothing is cached in this run")
        self.listing.check()
        for archive in self.archives.distinct():
            archive.check()
        self.check_capabilities()

    def stores(self) -> list[tuple[AdapterSettings, Any]]:
        """Return the cache, the listing and the archives, each behind its settings."""
        settings = self.settings
        return [
            (settings.cache, self.cache),
            (settings.archive_listing, self.listing),
            *zip(self._archive_settings(), self.archives, strict=True),
        ]

    def check_capabilities(self) -> None:
        """Raise :class:`CapabilityError` where the environment cannot reach the storage, or cannot take the bundles."""
        can, settings = self.environment.capabilities, self.settings
        refused = []
        if can.crosses_processes:
            why, need = "is in memory and not shared with other processes", "runs jobs in processes of their own"
            refused = [(entry, why, need) for entry, store in self.stores() if store.in_this_process_only]
        if can.needs_bundle_file and self.bundler.in_this_process_only:
            refused.append((settings.job_bundler, "makes no bundle files", "needs them"))
        if refused:
            entry, why, need = refused[0]
            raise CapabilityError(
                f"{entry.key} is {entry.type_name}, which {why}, but {settings.deployment.type_name} {need}. Choose"
                " adapters that other processes can use, or foundations.MemoryExecutionEnvironment in tests. Nothing"
                " was written."
            )

    def _archive_settings(self) -> list[AdapterSettings]:
        return [getattr(self.settings, f"{role}_archive") for role in Archives._fields]

    def _adapter(self, entry: AdapterSettings, port: Callable[..., Port], **collaborators: Any) -> Port:
        key = f"{port} {entry.type_name} {entry.arguments!r} {entry.keyword_arguments!r}"
        if key not in self._made:
            self._made[key] = construct(entry, port, os.environ, **collaborators)
        made: Port = self._made[key]
        return made


def _root_of(adapter: object) -> Path | None:
    """Return the directory in which an adapter stores data, where it has an absolute one."""
    root = getattr(adapter, "root", None)
    return Path(root) if isinstance(root, (str, os.PathLike)) and os.path.isabs(root) else None


def _not_apart(entry: AdapterSettings, root: Path, place: Path, *, is_same: bool) -> ConfigurationError:
    relation = "is" if is_same else "contains"
    return ConfigurationError(
        f"the directory {root} of {entry.type_name} {relation} {place}, which goes into the bundle of the job: its"
        " files and those that are stored would be mixed. Choose a directory that nothing else is in, as in"
        f" {root / 'foundations-data'}. Nothing was written.",
        **entry.origin._asdict(),
        key=entry.key,
        found=str(root),
        expected=f"a directory that neither is nor contains {place}",
    )


def _stored_settings(digest: str) -> Path:
    return foundations_home() / "configurations" / f"{digest}.json"
