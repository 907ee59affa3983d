"""The abstract promises that adapters keep, and the frozen values they speak.

An adapter is written against this package alone, and proven by the contract class of its port in
``foundations.testing``.
"""
