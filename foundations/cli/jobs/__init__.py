"""``foundations jobs``: look at jobs, wait for them, end them."""
