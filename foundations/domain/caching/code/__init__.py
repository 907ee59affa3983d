"""Fingerprints of code: what a function does, with everything of the project that it can reach.

Start with ``closure``, which all others serve: ``traversal`` walks from a function through what it refers to
(``names``, ``references``, ``class_attributes``, ``introspection``) and collects ``parts`` in ``findings``.
``bytecode`` is the normal form of a function's body, over ``instructions`` and ``control_flow``.
"""
