import os
import signal

import pytest

from foundations.adapters._shared.supervision import descendants
from foundations.adapters._shared.supervision.descendants import adopt_orphans, kill_children


def in_a_child(act):
    """Run `act` in a fork, whose children are its own alone, and return what it exits with."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = act()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def idle():
    """Start a process that waits for ever, and return its id."""
    child = os.fork()
    if child == 0:
        signal.pause()
    return child


def is_there(pid):
    return os.path.exists(f"/proc/{pid}")


def test_without_children_there_is_nothing_to_kill():
    assert 0 == in_a_child(lambda: kill_children() or 0)


def test_every_child_is_killed_and_reaped():
    def act():
        children = [idle() for _ in range(3)]
        kill_children()
        return sum(map(is_there, children))

    assert 0 == in_a_child(act)


def test_orphans_that_left_their_session_are_killed_too():
    def act():
        adopt_orphans()
        reading, writing = os.pipe()
        middle = os.fork()
        if middle == 0:
            os.setsid()
            orphan = idle()
            os.write(writing, str(orphan).encode())
            os._exit(0)
        orphan = int(os.read(reading, 20))
        os.waitpid(middle, 0)
        assert is_there(orphan)
        kill_children()
        return is_there(orphan)

    assert 0 == in_a_child(act)


def test_a_child_of_another_user_is_left_to_itself():
    def act():
        foreign, own = idle(), idle()
        kill = os.kill

        def refusing(pid, number):
            if pid == foreign:
                raise PermissionError
            kill(pid, number)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "kill", refusing)
            kill_children()
        left = is_there(foreign) and not is_there(own)
        kill_children()
        return 0 if left else 1

    assert 0 == in_a_child(act)


def test_a_kernel_that_refuses_is_an_error(mocker):
    mocker.patch("ctypes.CDLL").return_value.prctl.return_value = -1
    with pytest.raises(OSError, match="PR_SET_CHILD_SUBREAPER"):
        adopt_orphans()


def test_a_process_that_ends_while_it_is_looked_at_is_no_child(mocker):
    mocker.patch.object(descendants.Path, "read_bytes", side_effect=ProcessLookupError)
    assert [] == descendants._children()
