"""A project whose processes fail at a step of their own, one after the other."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import THOROUGH, Project

STEPS = Path(__file__).parent / "steps.py"


def some_of(*cases: str) -> tuple[str, ...]:
    """Return the cases to run; the first two unless thorough."""
    return cases if THOROUGH else cases[:2]


SCRIPT = """
import sys
from foundations import *
from pathlib import Path

def first():
    print("said")
    Path("made.txt").write_text("made")
    save_artifact("made.txt")
    log_metric("metric", 1)
    return "kept"

def last(value):
    return value * 2

if "sitecustomize" in sys.modules and hasattr(sys.modules["sitecustomize"], "arm"):
    sys.modules["sitecustomize"].arm()
pipe = pipeline.stage(last, pipeline.stage(first).persist())
deployment = pipe.run(job_name=sys.argv[1])
print("submitted")
if len(sys.argv) > 2:
    print(deployment.fetch_job_results(timeout=60).output)
"""

WATCHER = """
import sys
from foundations import *
deployment = load_job(sys.argv[1])
sys.modules["sitecustomize"].arm()
try:
    {act}
except RemoteException as error:
    print(error.cause)
"""


class Torture(Project):
    """A project whose processes can be made to fail at any of their steps."""

    def __init__(self, place: Path, warm_home: Path) -> None:
        super().__init__(place, warm_home)
        hooks = place / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_bytes(STEPS.read_bytes())
        self._hooks = str(hooks)
        self.log = place / "steps"
        self.write({"train.py": SCRIPT})
        assert "submitted\n" == self.run("train.py", "warm-up")
        self.report("warm-up")

    def submitted(self, name: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run the script with the hooks on; return how its process ended."""
        return self._hooked(["train.py", name], settings)

    def watched(self, act: str, name: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Do something about a job, as ``deployment.cancel()``, with the hooks on; return how its process ended."""
        return self._hooked(["-c", WATCHER.format(act=act), name], {**settings, "role": "caller"})

    def _hooked(self, arguments: list[str], settings: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
        variables = {"PYTHONPATH": self._hooks, "TORTURE": json.dumps(settings), "PYTHONDONTWRITEBYTECODE": "1"}
        return self.attempt(*arguments, variables=variables)

    def steps(self, role: str, about: tuple[str, ...] = ("",), **settings: object) -> list[tuple[int, str]]:
        """Return the steps that a process of this role goes through, those `about` such paths; five unless thorough."""
        done = self.submitted("steps", role=role, log=str(self.log), **settings)
        assert 0 == done.returncode, done.stderr
        self.report("steps")
        self.run("-c", FORGET)
        return self.logged(about)

    def logged(self, about: tuple[str, ...] = ("",)) -> list[tuple[int, str]]:
        """Return the steps in the log that are `about` such paths; it is emptied. At most five, unless thorough."""
        lines = enumerate(self.log.read_text().splitlines())
        steps = [(number, step) for number, step in lines if any(path in step for path in about)]
        self.log.unlink()
        assert len(steps) > 5
        return steps if THOROUGH else steps[:: -(-len(steps) // 5)]

    def works(self, name: str) -> bool:
        """Return whether the script, run anew, submits a job that completes."""
        return "submitted\nkeptkept\n" == self.run("train.py", name, "fetch")

    def left_behind(self) -> list[str]:
        """Return what lies where nothing should, once another job has been submitted."""
        found = [name for name in self.beside() if name != "project"]
        shell = self.home / "local_shell"
        for place in (shell / "transit", shell / "runtimes", self.home / "bundles"):
            found += [str(path) for path in place.iterdir() if path.name.startswith(".") or place.name != "runtimes"]
        return found


FORGET = """
from foundations import config_manager
from foundations.app.wiring import Wiring
wiring = Wiring(settings=config_manager.settings())
wiring.environment.release(wiring.environment.handle("steps"))
wiring.listing.remove("steps")
for archive in wiring.archives.distinct():
    archive.delete("steps")
"""
