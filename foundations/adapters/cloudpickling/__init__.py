"""Serialisation by cloudpickle.

Start with ``serialiser``, the adapter, which is public. ``diagnosis`` finds the part of a value that cannot be pickled;
it is loaded when pickling fails.
"""

from foundations.adapters.cloudpickling.serialiser import CloudpickleSerialiser

__all__ = ["CloudpickleSerialiser"]
