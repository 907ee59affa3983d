"""Serialisation by cloudpickle."""

from foundations.adapters.cloudpickling.serialiser import CloudpickleSerialiser

__all__ = ["CloudpickleSerialiser"]
