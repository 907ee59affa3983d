"""Tests with libraries of several gigabytes are collected where these were installed on purpose: by `make heavy`."""

import os

collect_ignore_glob = [] if os.environ.get("FOUNDATIONS_HEAVY") == "1" else ["test_*.py"]
