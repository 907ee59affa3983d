"""One contract test class per port, which every adapter must pass.

``archive``, ``bundling``, ``cache`` (with ``cache_leases``), ``execution`` and ``listing`` hold a contract each.
``jobs`` makes the bundles that the contract of environments runs, with stages that fail, kill and exit; ``callers``
calls an adapter from many threads or processes at once.

Subclass a contract and define the fixture that it names::

    class TestMyCache(CacheBackendContract):
        @pytest.fixture
        def cache(self, tmp_path):
            return MyCache(tmp_path)

The fixture's store must be empty. Unless the adapter is for one process only, it must be picklable, and the unpickled
adapter must use the same store in another process.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.cache", f"{__name__}.cache_leases", f"{__name__}.archive", f"{__name__}.listing"),
    *(f"{__name__}.bundling", f"{__name__}.execution"),
)
