"""``foundations cache``: look at the cache, and make room in it."""
