import pytest

from foundations.app.caching import leases
from foundations.app.caching.leases import lease_or_value
from foundations.ports.cache import Lease


class Held(Lease):
    """A lease that tells whether it was released."""

    def __init__(self, *, taken_over):
        self.taken_over = taken_over
        self.released = False

    def renew(self):
        assert not self.released

    def release(self):
        self.released = True


class Turns:
    """Stands for a cache; gives the leases that it was given, one at a time."""

    def __init__(self, *turns):
        self._turns = list(turns)

    def lease(self, key):
        return self._turns.pop(0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(leases, "_PAUSES", (0.0, 0.0))


def asked(cache, *found):
    """Return what comes of asking, and how often it was said that another computes; `found` is what reading finds."""
    waits = []
    values = iter(found)
    return lease_or_value(cache, "key", lambda: next(values), lambda: waits.append("another")), len(waits)


def test_a_lease_that_is_free_is_returned_at_once():
    lease = Held(taken_over=False)
    assert ((lease, None), 0) == asked(Turns(lease), None)
    assert not lease.released


def test_a_value_that_was_put_before_the_lease_was_given_is_taken():
    lease = Held(taken_over=False)
    assert ((None, "value"), 0) == asked(Turns(lease), "value")
    assert lease.released


def test_a_value_that_another_puts_is_waited_for():
    assert ((None, "value"), 1) == asked(Turns(None, None), None, "value")


def test_who_waited_for_one_that_could_not_keep_its_output_computes_without_a_lease():
    lease = Held(taken_over=False)
    assert ((None, None), 1) == asked(Turns(None, None, lease), None, None, None)
    assert lease.released


def test_of_those_that_waited_for_one_that_died_one_holds_the_lease_and_others_wait_on():
    lease = Held(taken_over=True)
    assert ((lease, None), 1) == asked(Turns(None, lease), None, None)
    assert not lease.released


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(leases, "_LONGEST_WAIT", -1.0)
    assert ((None, None), 1) == asked(Turns(None), None)
