"""``foundations bundle``: look at what jobs of this directory carry."""
