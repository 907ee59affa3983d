"""What a call touches that a hit would not: files, environment variables, the process, values that others share.

Start with ``observed_calls``, which makes a call and observes it by means of all the others.
"""
