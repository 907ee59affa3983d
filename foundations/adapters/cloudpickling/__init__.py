"""Serialisation by cloudpickle.

Start with ``serialiser``, the adapter, which is public. ``diagnosis`` finds the part of a value that cannot be pickled;
it is loaded when pickling fails, and ``libraries``, which names the versions of libraries, when unpickling fails.
``script_definitions`` has the reductions of what a script defines.
"""

from foundations.adapters.cloudpickling.serialiser import CloudpickleSerialiser

__all__ = ["CloudpickleSerialiser"]
