"""What an examination found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import attrs

from foundations.errors import FoundationsError


@attrs.frozen
class Finding:
    """One thing that was examined.

    Attributes:
        subject: What it is, as in ``cache_implementation``.
        status: ``ok``; ``warning`` where jobs run all the same; ``error`` where they do not.
        message: What was found, and what to do where it is not ok.
    """

    subject: str
    status: Literal["ok", "warning", "error"]
    message: str


class Findings:
    """Collects findings in the order of the examination."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, subject: str, status: Literal["ok", "warning", "error"], message: str) -> None:
        """Add a finding."""
        self.found.append(Finding(subject, status, message))

    @contextmanager
    def examine(self, subject: str) -> Iterator[Callable[[str], None]]:
        """Yield what adds that the subject is ok; an error of ours inside the block becomes a finding instead."""
        try:
            yield lambda message: self.add(subject, "ok", message)
        except FoundationsError as error:
            self.add(subject, "error", str(error))
