"""The use cases, and the composition root that turns configuration into adapters."""
