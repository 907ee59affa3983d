"""How much memory large values take on their way into the cache and out of it."""

import json
import subprocess
import sys

import pytest

SIZE = 128
"""MiB of the value."""

GROWTH = """
import json, sys
from foundations.adapters.filesystem import LocalFileSystemCacheBackend

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

def growth(act):
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")
    before = peak()
    kept = act()
    return peak() - before, kept

cache = LocalFileSystemCacheBackend(sys.argv[1], **json.loads(sys.argv[3]))
size = int(sys.argv[2]) << 20
cache.put("warm", [b"pickle", bytes(3 << 20)])
cache.get("warm")
value = bytearray(range(256)) * (size >> 8)
written, _ = growth(lambda: cache.put("key", [b"pickle", value]))
del value
read, found = growth(lambda: cache.get("key"))
assert size == len(found.frames[1])
print(json.dumps([written, read]))
"""


@pytest.mark.parametrize(
    ("settings", "while_read"),
    [({}, 0), ({"verify": "full"}, SIZE), ({"compress": "zstd"}, SIZE)],
    ids=["mapped", "verified", "compressed"],
)
def test_a_large_value_is_written_in_little_memory_and_read_into_no_more_than_itself(tmp_path, settings, while_read):
    command = [sys.executable, "-c", GROWTH, str(tmp_path / "store"), str(SIZE), json.dumps(settings)]
    written, read = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert written < SIZE / 8
    assert read < while_read + SIZE / 8
