"""Code closures: the fingerprint of a function with everything of the project that it can reach.

Start with ``closure``: ``Closures`` is public, and so are the values in ``parts``. ``traversal`` follows a function
through what it refers to, with ``names``, ``class_attributes`` and ``introspection``; ``reference_encoder`` encodes the
references, and ``closure_builder`` collects the parts. ``bytecode`` is the normal form of a function's body, over
``instructions`` and ``control_flow``.
"""
