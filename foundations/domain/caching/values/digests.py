"""Content digests of values: equal ones for equal values, in every process and under every hash seed.

A digest depends on the types and the content of a value: ``1``, ``True`` and ``1.0`` differ. It depends on the order of
a dictionary's keys, which code sees, but neither on that of a set's elements, nor on whether two parts are one object
or equal copies. A value whose content cannot be read raises :class:`UndigestibleError`, so that its stage is not cached
rather than cached wrongly.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from foundations.domain.caching.values.encoder import ValueEncoder
from foundations.domain.caching.values.encoding import LEAF_ENCODERS, encode_text
from foundations.domain.caching.values.reduction import NotEncodableError
from foundations.ports.digesting import Digesting


class UndigestibleError(Exception):
    """A value or some code has no content digest; the message names its place and the reason."""


class CodeDigester(Protocol):
    """Digests the code that values refer to: functions, classes, modules, methods and builtins."""

    def digest_ordered(self, code: object, where: str) -> bytes:
        """Return the digest of `code` in a place with an order; it may depend on the code before it.

        Raises:
            UndigestibleError: The code has none.
        """
        ...

    def digest_unordered(self, code: object, where: str) -> bytes:
        """Return the digest of `code` in a place without an order; it does not depend on the code before it.

        Raises:
            UndigestibleError: The code has none.
        """
        ...


class ValueDigester:
    """Digests values, in one thread at a time.

    Args:
        digesting: Digests buffers, and reads values of third-party types.
        code_digester: Digests functions, classes and modules that values refer to; it may call this digester in turn.
    """

    def __init__(self, digesting: Digesting, code_digester: CodeDigester) -> None:
        self._digesting = digesting
        self._code_digester = code_digester
        self._depth = 0

    def digest(self, value: object, where: str = "the value") -> bytes:
        """Return the digest of `value`, 32 bytes.

        Args:
            value: The value; it must not change meanwhile.
            where: The name of the value in errors.

        Raises:
            UndigestibleError: The value, or a part of it, has no digest.
        """
        leaf = LEAF_ENCODERS.get(type(value))
        if leaf is not None:
            return hashlib.sha256(leaf(value)).digest()
        if type(value) is str:
            return hashlib.sha256(encode_text(value, self._digesting.buffer)).digest()
        encoder = ValueEncoder(self._digesting, self._digest_code, where)
        try:
            encoded = encoder.encode(value, self._depth)
        except NotEncodableError as error:
            raise UndigestibleError(f"{encoder.current_path()} {error}") from error.__cause__
        except RecursionError:
            raise UndigestibleError(f"{where} is nested deeper than the stack has room for") from None
        return encoded[1:] if encoded[:1] == b"#" else hashlib.sha256(encoded).digest()

    def _digest_code(self, code: object, where: str, is_unordered: bool, depth: int) -> bytes:
        outer, self._depth = self._depth, depth + 1  # values that the code holds are nested in this one
        try:
            digester = self._code_digester
            return digester.digest_unordered(code, where) if is_unordered else digester.digest_ordered(code, where)
        finally:
            self._depth = outer
