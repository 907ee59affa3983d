"""The file system.

``files`` writes files that appear whole or not at all, ``trusted`` checks that only the user can write a directory, and
``removal`` removes directories that users have filled.
"""
