"""``foundations config``: look at configuration files, and decide about them."""
