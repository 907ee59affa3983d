"""Stage outputs from the cache: where a content key can be told with certainty; computed otherwise, said in the log."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from foundations import events
from foundations.domain.digests import Digester, UndigestibleError, mutable_parts
from foundations.domain.pipeline import Node
from foundations.errors import NotSerialisableError
from foundations.ports.cache import CacheBackend
from foundations.ports.serialisation import Serialiser


class StageCache:
    """Answers for the stages of one job.

    Args:
        backend: Returns the cache; asked when the first stage may be cached.
        serialiser: Turns outputs into buffers.
    """

    def __init__(self, backend: Callable[[], CacheBackend], serialiser: Serialiser) -> None:
        self._backend = backend
        self._serialiser = serialiser
        self._digester = Digester(f"{sys.implementation.cache_tag} {sys.version}", _installed_version, _names_content)

    def output_of(
        self, index: int, name: str, node: Node, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the output of a stage, and what its context should say of the cache.

        No failure of the cache is a failure of the stage: it is computed, and the log says why.
        """
        try:
            key = self._key(node, arguments, keyword_arguments)
        except Exception as error:  # whatever it is, the stage can be computed
            reason = str(error) if isinstance(error, UndigestibleError) else f"{type(error).__name__}: {error}"
            events.info("not_cached", stage=name, reason=reason)
            return node.function(*arguments, **keyword_arguments), {}
        known: dict[str, Any] = {"cache_uuid": key}
        begun = time.perf_counter()
        hit, output = self._read(name, key)
        if hit:
            return output, {**known, "used_cache": True, "cache_read_time": time.perf_counter() - begun}
        output = node.function(*arguments, **keyword_arguments)
        begun = time.perf_counter()
        why = self._not_the_same_again(key, node, arguments, keyword_arguments, output)
        if why is not None:
            events.info("not_cached", stage=name, reason=why)
            return output, {}
        if self._write(name, key, output):
            known["cache_write_time"] = time.perf_counter() - begun
        return output, known

    def _key(self, node: Node, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]) -> str:
        values = {f"{number:06}": value for number, value in enumerate(arguments)}
        values |= {f"={name}": value for name, value in keyword_arguments.items()}
        return self._digester.call(node.function, self._digester.values(values))

    def _not_the_same_again(
        self,
        key: str,
        node: Node,
        arguments: tuple[Any, ...],
        keyword_arguments: dict[str, Any],
        output: Any,
    ) -> str | None:
        """Return what a later hit would not do as this call did; None where there is nothing."""
        try:
            if self._key(node, arguments, keyword_arguments) != key:
                return "the call changed its arguments, or what it refers to"
            held = mutable_parts((arguments, keyword_arguments))
            if held and (held & mutable_parts(output)):
                return "the output shares objects with the arguments"
        except UndigestibleError as error:
            return str(error)
        return "the output names a file" if isinstance(output, str) and _names_content(output) else None

    def _read(self, name: str, key: str) -> tuple[bool, Any]:
        try:
            found = self._backend().get(key)
            return (False, None) if found is None else (True, self._serialiser.load(found))
        except Exception as error:  # an entry of whatever kind must not fail a job that can compute
            events.warning("cache_unreadable", stage=name, key=key, reason=f"{type(error).__name__}: {error}")
            return False, None

    def _write(self, name: str, key: str, output: Any) -> bool:
        try:
            self._backend().put(key, self._serialiser.dump(output))
        except NotSerialisableError as error:
            events.info("not_cached", stage=name, reason=error.message)
            return False
        except Exception as error:  # of whatever adapter
            events.warning("cache_not_written", stage=name, key=key, reason=f"{type(error).__name__}: {error}")
            return False
        return True


def _names_content(text: str) -> bool:
    """Tell whether a string names a file or a directory here, or something elsewhere."""
    if not any(character.isalnum() for character in text) or len(text) > 4096 or "\0" in text:
        return False
    return "://" in text or os.path.lexists(os.path.expanduser(text))


_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_versions: dict[str, str | None] = {}


def _installed_version(module_name: str) -> str | None:
    """Return what identifies an installed module's code: the interpreter's version, or its distribution's."""
    top = module_name.partition(".")[0]
    if top not in _versions:
        _versions[top] = _version(top)
    return _versions[top]


def _version(top: str) -> str | None:
    file = _file_of(top)
    if top in sys.stdlib_module_names and (file is None or file.startswith(_STANDARD_LIBRARY)):
        return sys.version
    if file is None or ("site-packages" not in file and "dist-packages" not in file):
        return None  # the project's own, whatever its name; an editable install
    from importlib import metadata

    said = []
    for owner in sorted(set(metadata.packages_distributions().get(top, ()))):
        distribution = metadata.distribution(owner)
        record = distribution.read_text("RECORD")
        if not record:
            return None  # nobody can tell what its files are
        # It has each file's digest: the same version may have been installed again with other code.
        said.append(f"{owner}=={distribution.version} {hashlib.sha256(record.encode()).hexdigest()}")
    return " ".join(said) or None


def _file_of(top: str) -> str | None:
    """Return the file of a top-level module, imported already or not; None for one that is built in, or not there."""
    module = sys.modules.get(top)
    if module is not None:
        return getattr(module, "__file__", None)
    from importlib.util import find_spec

    spec = find_spec(top) if top else None
    return spec.origin if spec is not None and spec.has_location else None
