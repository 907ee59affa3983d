import gc

import pytest

from foundations.app.gc_pause import gc_paused


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_waits_and_is_then_as_it_was(before):
    was = gc.isenabled()
    try:
        (gc.enable if before else gc.disable)()
        with gc_paused():
            with gc_paused():
                assert not gc.isenabled()
            assert not gc.isenabled()
        assert before == gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()


def test_an_error_lets_the_collector_go_on():
    with pytest.raises(ZeroDivisionError), gc_paused():
        1 / 0
    assert gc.isenabled()
