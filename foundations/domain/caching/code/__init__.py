"""Code closures: the fingerprint of a function with everything of the project that it can reach.

Start with ``closure``: ``Closures`` is public, and so are the values in ``parts``. ``traversal`` follows a function
through what it refers to - functions, classes with all their attributes, modules, values - and has ``closure_builder``
collect what it finds as parts; the builder also notes what may change later and is to be compared then.

``names`` determines what a name in code refers to; ``class_attributes`` lists the attributes of one class;
``introspection`` recognises code that reads names and docstrings; ``reference_encoder`` encodes the references.
``bytecode`` is the normal form of a function's body, over ``instructions`` and ``control_flow``.
"""
