"""Settings of NumPy, pandas and scikit-learn that a script makes: a job does not run the script again."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Container, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from foundations import events
from foundations.domain.text.representation import short_repr

_HINT = "the job does not run the script again. Make the setting in a module that the script imports, or in the stage"


class SettingDifference(NamedTuple):
    """A setting of a library that has another value in the job than where the job was submitted.

    Attributes:
        setting: The expression that reads it, as in ``numpy.geterr()['divide']``.
        submitted: The short representation of its value where the job was submitted.
        job: That of its value in the job.
    """

    setting: str
    submitted: str
    job: str


def describe_settings(libraries: Container[str] | None = None) -> dict[str, dict[str, str]]:
    """Return the settings of each library that this process has imported: the representation of each value.

    Args:
        libraries: Only these are read, which takes its time; all where None.
    """
    settings = {}
    for library, read in _READERS.items():
        module = sys.modules.get(library)
        if module is None or (libraries is not None and library not in libraries):
            continue
        try:
            settings[library] = {name: _represent(value) for name, value in read(module)}
        except Exception as error:  # another version of the library, or a module of the project with its name
            events.debug("settings_not_read", library=library, reason=f"{type(error).__name__}: {error}")
    return settings


def not_imported_here(submitted: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Return the part of `submitted` whose libraries this process has not imported: a stage still may."""
    return {library: settings for library, settings in submitted.items() if library not in sys.modules}


def report_setting_differences(submitted: Mapping[str, Mapping[str, str]]) -> list[SettingDifference]:
    """Log and return the settings that differ in this job, of libraries that both processes have imported.

    Args:
        submitted: What :func:`describe_settings` returned where the job was submitted.
    """
    if not submitted:
        return []
    here = describe_settings(submitted)
    differences = [
        SettingDifference(name, there, here[library][name])
        for library, settings in submitted.items()
        if library in here
        for name, there in settings.items()
        if here[library].get(name, there) != there
    ]
    for difference in differences:
        events.warning("library_setting_differs", **difference._asdict(), hint=_HINT)
    return differences


def _read_numpy(numpy: ModuleType) -> Iterator[tuple[str, object]]:
    for call in ("geterr", "get_printoptions"):
        for name, value in getattr(numpy, call)().items():
            yield f"numpy.{call}()[{name!r}]", value


def _read_pandas(pandas: ModuleType) -> Iterator[tuple[str, object]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some options are deprecated
        for name, value in _read_options(pandas.options, "pandas.options"):
            if not _is_chosen_by_pandas(name, value):
                yield name, value


def _is_chosen_by_pandas(name: str, value: object) -> bool:
    """Return whether pandas itself has chosen a value by the terminal or the notebook that it runs in."""
    return name == "pandas.options.display.encoding" or (
        name == "pandas.options.display.max_columns" and value in (0, 20)
    )


def _read_options(options: Any, path: str) -> Iterator[tuple[str, object]]:
    for name in dir(options):
        value = getattr(options, name)
        if type(value) is type(options):
            yield from _read_options(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}", value


def _read_sklearn(sklearn: ModuleType) -> Iterator[tuple[str, object]]:
    for name, value in sklearn.get_config().items():
        yield f"sklearn.get_config()[{name!r}]", value


_READERS: Mapping[str, Callable[[Any], Iterator[tuple[str, object]]]] = {
    "numpy": _read_numpy,
    "pandas": _read_pandas,
    "sklearn": _read_sklearn,
}


def _represent(value: object) -> str:
    """Return the representation of a value, which is the same in each process."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_represent(key)}: {_represent(item)}' for key, item in value.items())}}}"
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return short_repr(value)
