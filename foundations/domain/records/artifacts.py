"""The artifacts of a job, as its deployment has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Artifacts(Protocol):
    """Reads the artifacts of one job."""

    def names(self) -> list[str]:
        """Return the names of the artifacts."""

    def fetch(self, name: str, target: Path | str) -> Path:
        """Write an artifact to the new file or directory `target` and return its path."""

    def load(self, name: str) -> Any:
        """Return the object that an artifact is the file of."""


class WithArtifacts:
    """The methods of a deployment about artifacts."""

    _artifacts: Artifacts

    def artifacts(self) -> list[str]:
        """Return the names of the artifacts that the job has saved so far: files, and directories as a whole."""
        return self._artifacts.names()

    def fetch_artifact(self, name: str, target: Path | str) -> Path:
        """Write the artifact `name` to the new file or directory `target` and return its path.

        Args:
            name: An artifact, or a file of a directory, as in ``outputs/model.bin``.
            target: Where to write; a directory is there as a whole or not at all.

        Raises:
            ItemNotFoundError: The job has saved none of that name.
            FoundationsError: `target` exists.
        """
        return self._artifacts.fetch(name, target)

    def load_artifact(self, name: str) -> Any:
        """Return the artifact `name` as an object, by its suffix.

        ``.json`` gives what JSON has, ``.txt`` and ``.html`` text, ``.npy`` an array, ``.parquet`` and ``.csv`` a
        DataFrame of pandas, ``.png`` an image of Pillow, ``.pkl`` what was pickled. A pickle runs code when it is
        loaded; it is read like a result, from archives alone that nobody else can write.

        Raises:
            ItemNotFoundError: The job has saved none of that name.
            FoundationsError: Its suffix selects no format, or it cannot be loaded here.
        """
        return self._artifacts.load(name)
