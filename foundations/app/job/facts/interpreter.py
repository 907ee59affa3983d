"""The interpreter of a job's process: its distributions, and its random number generators."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from foundations.domain.text.redaction import redact


def list_distributions(places: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the distributions that are installed in some directories, and where those came from that no index has.

    Args:
        places: The directories of the module search path.

    Returns:
        Each as ``name-version``, as its metadata directory is called; and by that, what its ``direct_url.json`` says
        (PEP 610), without passwords: its ``url``, with the commit or the digest where there is one.
    """
    found: set[str] = set()
    origins: dict[str, Any] = {}
    for place in places:
        if not os.path.isdir(place):
            continue
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".dist-info")]
        for name in names:
            distribution = name.removesuffix(".dist-info")
            if distribution not in found:
                found.add(distribution)
                path = f"{place}/{name}/direct_url.json"
                if os.access(path, os.R_OK):  # few have one; a third of the time that an attempt to open it takes
                    origins[distribution] = _read_origin(path)
    return sorted(found), dict(sorted(origins.items()))


def _read_origin(path: str) -> Any:
    try:
        with open(path, "rb") as stream:
            return redact(json.load(stream))
    except (OSError, ValueError):  # it is being removed, or an installer wrote nonsense
        return None


def describe_random_states() -> dict[str, str]:
    """Return the digest of the state of each random number generator that is loaded: of Python, and NumPy's global one.

    Equal digests mean that both jobs would draw the same numbers. One that is loaded later is not listed.
    """
    states = {}
    python = sys.modules.get("random")
    if python is not None:
        states["random"] = _digest(repr(python.getstate()).encode())
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        kind, keys, *rest = numpy.get_state()
        states["numpy"] = _digest(f"{kind} {rest}".encode() + keys.tobytes())
    return states


def _digest(state: bytes) -> str:
    return hashlib.sha256(state).hexdigest()
