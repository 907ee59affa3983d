"""One contract test class per port, which every adapter passes.

Subclass it and give it the fixture that it names; nothing else is needed::

    class TestMyCache(CacheBackendContract):
        @pytest.fixture
        def cache(self, tmp_path):
            return MyCache(tmp_path)

The fixture's store is empty. Unless the adapter is for one process only, it can be pickled, and what comes out
of the pickle in another process works on the same store.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.cache", f"{__name__}.cache_leases", f"{__name__}.archive", f"{__name__}.listing"),
    *(f"{__name__}.bundling", f"{__name__}.execution"),
)
