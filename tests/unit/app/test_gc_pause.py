import gc

import pytest

from foundations.app.gc_pause import collection_paused


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_waits_and_is_then_as_it_was(before):
    was = gc.isenabled()
    try:
        (gc.enable if before else gc.disable)()
        with collection_paused():
            with collection_paused():
                assert not gc.isenabled()
            assert not gc.isenabled()
        assert before == gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()


def test_an_error_lets_the_collector_go_on():
    with pytest.raises(ZeroDivisionError), collection_paused():
        1 / 0
    assert gc.isenabled()
