"""The configuration in layers, read from its files at each use."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from foundations import events
from foundations.app.config.settings import TOP_LEVEL_KEYS, Origin, Settings
from foundations.errors import ConfigurationError, UnknownConfigurationKeyError
from foundations.home import foundations_home

if TYPE_CHECKING:
    from foundations.app.config.file import Section

_SUFFIX = ".config.yaml"
_LONGEST_SEARCHED = 1 << 16


class ConfigManager:
    """The configuration of this process, merged from files and from calls in the user's script.

    Of every top-level key the last layer that has it wins: the defaults; the ``*.config.yaml`` files of the working
    directory; added files, in the order of adding; the environment chosen by :meth:`set_environment`. Files are read at
    each call, until :meth:`freeze`. A pickle of a manager holds its configuration at the time of pickling.

    Args:
        environ: The environment variables that determine the directory of the defaults; the process's by default.

    Attributes:
        project_name: The project of later runs of this process; None for the name of the project directory.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.project_name: str | None = None
        self._environ = environ
        self._added: list[Path] = []
        self._environment: str | None = None
        self._fixed: tuple[Settings, ...] = ()  # the last one counts, and files do not
        self._ignored: set[Path] = set()

    def add_config_path(self, path: str | os.PathLike[str]) -> None:
        """Add a file to what :meth:`settings` reads.

        Args:
            path: The file; where relative, to the present working directory.
        """
        if self._is_changeable("add_config_path"):
            self._added.append(_expanded(Path(path)).absolute())

    def set_environment(self, name: str | None) -> None:
        """Choose a named environment, whose file is the last layer.

        Args:
            name: As in ``config/<name>.config.yaml`` of the working directory or of foundations' own directory; None
                for none again.

        Raises:
            ConfigurationError: The name cannot be part of a file's name. A missing file is an error when it is read.
        """
        if name is not None and (
            not isinstance(name, str) or not name or name.startswith(".") or "/" in name or "\0" in name
        ):
            raise ConfigurationError(
                f"{name!r} cannot name an environment: it is the part before {_SUFFIX!r} of a file's name.",
                found=repr(name),
                expected="the name of an environment, as in 'staging'",
            )
        if self._is_changeable("set_environment"):
            self._environment = name

    def environment_names(self, directory: Path) -> list[str]:
        """Return the names that :meth:`set_environment` knows where a directory is the working directory."""
        return _environment_names([directory / "config", self._home() / "config"])

    def settings(self, directory: Path | None = None) -> Settings:
        """Return the configuration as frozen settings.

        Args:
            directory: The directory to read instead of the process's working directory.

        Raises:
            ConfigurationError: A file is wrong, two files of the working directory have the same key, or the chosen
                environment does not exist.
            UntrustedLocationError: Another user could have written a file.
        """
        if self._fixed:
            return self._fixed[-1]
        directory = Path.cwd() if directory is None else directory
        sections = self._read_working_directory(directory)
        for path in self._added:
            sections.update(self._read(path, required=True))
        if self._environment is not None:
            sections.update(self._read(_environment_file(self._environment, directory, self._home), required=True))
        origins = {
            key: Origin(section.origin.file, line)
            for section in sections.values()
            for key, line in section.lines.items()
        }
        return Settings.from_sections({key: section.value for key, section in sections.items()}, self._home, origins)

    def config(self) -> Mapping[str, Any]:
        """Return a copy of the merged configuration, of the shape that a file with every key has."""
        return MappingProxyType(copy.deepcopy(self.settings().to_mapping()))

    def __getitem__(self, key: str) -> Any:
        """Return the part of :meth:`config` under a top-level key, as in ``config_manager["user_settings"]``.

        Raises:
            UnknownConfigurationKeyError: There is no such key.
        """
        if key not in TOP_LEVEL_KEYS:
            from foundations.app.config.file import nearest_name

            nearest = nearest_name(str(key), TOP_LEVEL_KEYS)
            hint = f"did you mean {nearest!r}?" if nearest else "your own values are under 'user_settings'."
            raise UnknownConfigurationKeyError(
                f"the configuration has no such key; {hint}",
                key=key,
                found=key,
                expected=f"one of {', '.join(TOP_LEVEL_KEYS)}",
                nearest=nearest,
            )
        return self.config()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(TOP_LEVEL_KEYS)

    def freeze(self, settings: Settings | None = None) -> None:
        """Fix the configuration as it is now: files are not read again, and later changes have no effect.

        Args:
            settings: The configuration, in a process that was handed its settings; read from the files by default.

        Raises:
            ConfigurationError: As for :meth:`settings`.
        """
        if not self._fixed:
            self._fixed = (self.settings() if settings is None else settings,)

    @contextmanager
    def replaced(self, settings: Settings) -> Iterator[None]:
        """Have the configuration be `settings` inside the ``with`` block, and as it was before afterwards.

        Blocks may be nested, and those of several threads may overlap: the one that was entered last counts.
        """
        self._fixed = (*self._fixed, settings)
        project_name = self.project_name
        try:
            yield
        finally:
            self.project_name = project_name
            self._fixed = tuple(each for each in self._fixed if each is not settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.settings().to_json(),)

    def _home(self) -> Path:
        return foundations_home(os.environ if self._environ is None else self._environ)

    def _is_changeable(self, change: str) -> bool:
        if self._fixed:
            events.debug("configuration_frozen", ignored=change)
        return not self._fixed

    def _read_working_directory(self, directory: Path) -> dict[str, Section]:
        sections: dict[str, Section] = {}
        paths = _list_directory(directory)
        self._report_misnamed(paths)
        for path in _config_files(paths):
            for key, section in self._read(path, required=False).items():
                if key in sections:
                    first = sections[key].origin
                    raise ConfigurationError(
                        f"the key is also in {first.file}:{first.line}. A key may be in only one file of the working "
                        "directory; remove one, or move it to a file in config/ and choose that file with "
                        "set_environment.",
                        file=section.origin.file,
                        line=section.origin.line,
                        key=key,
                        found=f"the key in {first.file}:{first.line} and {section.origin.file}:{section.origin.line}",
                        expected="each key in one file of the working directory",
                    )
                sections[key] = section
        return sections

    def _report_misnamed(self, paths: list[Path]) -> None:
        """Log, once each, the files whose names suggest that they are ours, but that are not read."""
        for path in paths:
            proper = _proper_name(path)
            if proper is not None and path not in self._ignored:
                self._ignored.add(path)
                reason = f"only files whose names end in {_SUFFIX} are read"
                events.warning("configuration_not_read", file=str(path), reason=reason, remedy=f"rename it to {proper}")

    def _read(self, path: Path, *, required: bool) -> dict[str, Section]:
        from foundations.app.config.file import read_config_file
        from foundations.app.config.trust import check_trusted

        sections = read_config_file(
            path, required=required, check=lambda file, content: check_trusted(file, content, self._home)
        )
        if sections is None and path not in self._ignored:
            self._ignored.add(path)
            reason = "it has none of our top-level keys, so it belongs to another tool"
            events.info("configuration_ignored", file=str(path), reason=reason)
        elif sections:
            events.debug("configuration_read", file=str(path), keys=", ".join(sections))
        return sections or {}


def _restore(record: Mapping[str, Any]) -> ConfigManager:
    manager = ConfigManager()
    manager.freeze(Settings.from_json(record))
    return manager


def _list_directory(directory: Path) -> list[Path]:
    """Return the entries of a directory, sorted."""
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise ConfigurationError(
            f"the directory cannot be searched for configuration files: {error.strerror or error}.",
            file=str(directory),
            found=error.strerror or str(error),
            expected="a directory that can be listed",
        ) from error


def _proper_name(path: Path) -> str | None:
    """Return the name under which a file would be read that is misnamed; None where it is not, or is another tool's.

    Other tools have files named ``config.yaml``, too: such a file counts where a line begins with one of our keys.
    """
    stem, _, ending = path.name.rpartition(".")
    if path.name.startswith(".") or ending not in ("yml", "yaml"):
        return None
    if ending == "yml" and stem.endswith(".config"):
        return f"{stem}.yaml"
    if stem not in ("config", "foundations") or not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            lines = stream.read(_LONGEST_SEARCHED).decode(errors="replace").splitlines()
    except OSError as error:
        events.debug("configuration_not_searched", file=str(path), reason=str(error))
        return None
    is_ours = any(line.partition(":")[0].rstrip() in TOP_LEVEL_KEYS for line in lines if ":" in line)
    return f"foundations{_SUFFIX}" if is_ours else None


def _config_files(paths: list[Path]) -> list[Path]:
    """Return those paths whose files may be ours; hidden files are never read."""
    return [path for path in paths if path.name.endswith(_SUFFIX) and not path.name.startswith(".")]


def _environment_file(name: str, directory: Path, home: Callable[[], Path]) -> Path:
    own = directory / "config" / f"{name}{_SUFFIX}"
    if own.exists():
        return own
    shared = home() / "config" / own.name
    if shared.exists():
        return shared
    places = [own.parent, shared.parent]
    names = _environment_names(places)
    listed = ", ".join(names)
    endings = (".config.yml", ".yaml", ".yml")
    misnamed = [path for place in places for ending in endings if (path := place / f"{name}{ending}").exists()]
    raise ConfigurationError(
        f"there is no environment {name!r}: neither {own} nor {shared} exists. "
        + (f"There are: {listed}." if names else "There is none at all.")
        + (f" {misnamed[0]} is not read: rename it to {own.name}." if misnamed else ""),
        found=name,
        expected=f"one of {listed}" if names else f"a file {own}",
        known=tuple(names),
    )


def _environment_names(places: Iterable[Path]) -> list[str]:
    existing = [place for place in places if place.is_dir()]
    return sorted(
        {path.name.removesuffix(_SUFFIX) for place in existing for path in _config_files(_list_directory(place))}
    )


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{str(path)!r} cannot be added: {error}", found=str(path), expected="the path of a file"
        ) from error
