import os
import threading

import pytest

from foundations.adapters._shared.supervision import log_pump
from foundations.adapters._shared.supervision.log_pump import LogPump


@pytest.fixture
def small(monkeypatch):
    """Keep little, so that little has to be written."""
    monkeypatch.setattr(log_pump, "LONGEST_HEAD", 10)
    monkeypatch.setattr(log_pump, "LONGEST_TAIL", 4)


def pumped(target, data):
    """Return what the pump says and keeps of `data`."""
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(writing, data), os.close(writing)))
    writer.start()
    failures = LogPump({reading: target}).drain(60)
    writer.join()
    return failures, target.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 2**16, 3 * 2**16 + 1])
def test_what_is_said_is_kept(tmp_path, size):
    data = os.urandom(size)
    assert ([], data) == pumped(tmp_path / "stdout", data)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("size", [9, 10, 11, 14])
def test_what_fits_is_kept_whole(tmp_path, size):
    assert ([], b"0123456789abcdef"[:size]) == pumped(tmp_path / "stdout", b"0123456789abcdef"[:size])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("middle", [1, 3, 100, 100_000])
def test_of_too_much_the_beginning_and_the_end_are_kept_and_the_rest_is_counted(tmp_path, middle):
    failures, kept = pumped(tmp_path / "stdout", b"0123456789" + b"x" * middle + b"last")
    assert ([], b"0123456789\n[... %d bytes left out here ...]\nlast" % middle) == (failures, kept)


def test_the_beginning_is_in_the_file_while_the_stream_goes_on(tmp_path):
    reading, writing = os.pipe()
    pump = LogPump({reading: tmp_path / "stdout"})
    os.write(writing, b"so far")
    assert pump.read(reading)
    assert pump.read(reading)  # nothing more is there yet
    assert b"so far" == (tmp_path / "stdout").read_bytes()
    os.close(writing)
    assert not pump.read(reading)
    assert set() == pump.sources()


def test_a_writer_that_stays_does_not_keep_the_files_from_being_completed(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"said")
    assert [] == LogPump({reading: tmp_path / "stdout"}).drain(0.01)
    assert b"said" == (tmp_path / "stdout").read_bytes()
    os.close(writing)


def test_a_full_disk_loses_the_rest_and_blocks_nobody():
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(writing, b"x" * 2**20), os.close(writing)))
    writer.start()
    pump = LogPump({})
    stream = log_pump._Stream.__new__(log_pump._Stream)
    stream.__dict__.update(
        _file=os.open("/dev/full", os.O_WRONLY), _room=2**20, _tail=bytearray(), _left_out=0, failure=None
    )
    pump._streams[reading] = stream
    pump._targets[reading] = type("Target", (), {"name": "stdout"})()
    (failure,) = pump.drain(60)
    writer.join()
    assert failure.startswith("stdout is cut short: ")
    assert "No space left on device" in failure


def test_two_streams_do_not_mix(tmp_path):
    pipes = {name: os.pipe() for name in ("stdout", "stderr")}
    for name, (_, writing) in pipes.items():
        os.write(writing, name.encode())
        os.close(writing)
    LogPump({reading: tmp_path / name for name, (reading, _) in pipes.items()}).drain(60)
    assert ["stdout", "stderr"] == [(tmp_path / name).read_text() for name in pipes]
