"""Content digests of values: equal ones for equal values, in every process and under every hash seed.

What counts is what a value is made of, by type: ``1``, ``True`` and ``1.0`` differ. The order of a dictionary's keys
or a set's elements does not count, nor whether two parts are one object or equal copies. What has no state that could
be told raises :class:`UndigestibleError`: a miss, never a lie.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from foundations.domain.caching.values.encoding import LEAVES, text
from foundations.domain.caching.values.reduction import RefusedError
from foundations.domain.caching.values.walk import Walk
from foundations.ports.digesting import Digesting


class UndigestibleError(Exception):
    """Something has no content digest; the message says what and where."""


class CodeReferences(Protocol):
    """Digests the code that values refer to: functions, classes, modules, methods and builtins."""

    def inline(self, code: object, where: str) -> bytes:
        """Return the digest of `code` in a place that has an order; it may depend on what came before.

        Raises:
            UndigestibleError: It has none.
        """
        ...

    def standing_alone(self, code: object, where: str) -> bytes:
        """Return the digest of `code` in a place without an order: the same whatever came before.

        Raises:
            UndigestibleError: It has none.
        """
        ...


class ValueDigester:
    """Digests values, in one thread at a time.

    Args:
        digesting: Digests buffers, and knows values of third-party types.
        code: Digests functions, classes and modules that values refer to; it may ask for digests of values in turn.
    """

    def __init__(self, digesting: Digesting, code: CodeReferences) -> None:
        self._digesting = digesting
        self._code = code
        self._depth = 0

    def digest(self, value: object, where: str = "the value") -> bytes:
        """Return the 32 bytes that stand for `value`.

        Args:
            value: What is digested; it must not change meanwhile.
            where: What errors call it.

        Raises:
            UndigestibleError: It, or a part of it, has no digest.
        """
        leaf = LEAVES.get(type(value))
        if leaf is not None:
            return hashlib.sha256(leaf(value)).digest()
        if type(value) is str:
            return hashlib.sha256(text(value, self._digesting.buffer)).digest()
        walk = Walk(self._digesting, self._code_of, where)
        try:
            encoded = walk.encode(value, self._depth)
        except RefusedError as refusal:
            raise UndigestibleError(f"{walk.where()} {refusal}") from refusal.__cause__
        except RecursionError:
            raise UndigestibleError(f"{where} is nested deeper than the stack has room for") from None
        return encoded[1:] if encoded[:1] == b"#" else hashlib.sha256(encoded).digest()

    def _code_of(self, code: object, where: str, stands_alone: bool, depth: int) -> bytes:
        outer, self._depth = self._depth, depth + 1  # for values that the code holds, nested in this one
        try:
            return self._code.standing_alone(code, where) if stands_alone else self._code.inline(code, where)
        finally:
            self._depth = outer
