"""``save_artifact``: an artifact of the running stage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from foundations.app.job.artifacts.formats import FORMATS, PICKLE, find_format, suffix_of, write_object
from foundations.app.job.artifacts.names import check_artifact_name
from foundations.app.running_stage import require_stage
from foundations.errors import FoundationsError


class SavedArtifact(NamedTuple):
    """What a stage saves; see :class:`foundations.domain.pipeline.executor.Artifact`.

    Attributes:
        name: What it is called.
        source: The file or directory; None for an object.
        is_directory: Whether it is a directory.
        write: Writes the object to a new file; None for a file or a directory.
    """

    name: str
    source: Path | None = None
    is_directory: bool = False
    write: Callable[[Path], None] | None = None


def save_artifact(what: Any, name: str | None = None, *, pickle: bool = False) -> None:
    """Archive a file, a directory or an object of the running job, at once; a name that has one already is replaced.

    Args:
        what: A path, as text or :class:`~pathlib.Path`, of a file or directory, relative to the working directory where
            it is not absolute. Any other object is written to a file in the format that `name` selects.
        name: What the artifact is called: parts separated by ``/``. A file's or directory's own name by default. For an
            object it ends in ``.json``, ``.txt``, ``.npy``, ``.parquet``, ``.csv``, ``.png``, ``.html`` or ``.pkl``.
        pickle: Whether an object may be pickled, as ``.pkl`` does. Loading a pickle runs code that is in it.

    Raises:
        OutsideJobError: No stage is running here.
        FoundationsError: There is no such file, the name cannot be one, or the format does not take the object.
    """
    stage = require_stage("save_artifact")
    artifact = _of_path(Path(what), name) if isinstance(what, (str, Path)) else _of_object(what, name, pickle)
    stage.artifacts += (artifact.name,)
    if stage.pipeline.recorder is not None:
        stage.pipeline.recorder.save_artifact(stage.index, artifact)


def _of_path(source: Path, name: str | None) -> SavedArtifact:
    if source.is_dir() and source.name:  # not the whole working directory
        return SavedArtifact(check_artifact_name(source.name if name is None else name), source, True)
    if not source.is_file():
        hint = ""
        if name is not None and find_format(name) is not None:
            hint = ". A string is taken for a path; to save the text itself, pass it encoded, as in text.encode()"
        raise FoundationsError(f"save_artifact: {str(source.absolute())[:1000]} is not a file or a directory{hint}")
    return SavedArtifact(check_artifact_name(source.name if name is None else name), source)


def _of_object(value: Any, name: str | None, pickle: bool) -> SavedArtifact:
    kind = type(value).__qualname__
    if name is None:
        raise FoundationsError(
            f"save_artifact: an object of the type {kind} needs a name, whose suffix selects the format:"
            f" {', '.join(FORMATS)}"
        )
    check_artifact_name(name)
    if find_format(name) is None:
        raise FoundationsError(
            f"save_artifact: the suffix of {name!r} selects no format for an object of the type {kind}; these do:"
            f" {', '.join(FORMATS)}. In another format, write it to a file, and save its path."
        )
    if suffix_of(name) == PICKLE and not pickle:
        raise FoundationsError(
            f"save_artifact: {name!r} would be a pickle, and whoever loads a pickle runs code that is in it. Pass"
            " pickle=True, or choose another format."
        )
    return SavedArtifact(name, write=partial(write_object, value, name))
