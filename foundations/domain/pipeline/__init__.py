"""Lazy pipelines: stages are function calls that are not made yet; a graph of them is flattened and executed.

Start with ``stage``, which users hold in their hands, then ``graph``, its flat form, and ``executor``, which runs that:
``call`` is the call of one stage, ``memo`` has outputs of earlier calls. ``placeholders`` finds and replaces what
stands for other values in arguments; ``hyperparameter`` is the one that users write. ``cache_policy`` is what users
state about a stage for the cache; ``no_value`` refuses what only a stage's output can do,
and ``functions`` the functions of which no stage can be made.
"""
