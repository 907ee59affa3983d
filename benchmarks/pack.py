"""Pack, unchanged, unpack: a project into a bundle, once more, and out of it again.

    python benchmarks/pack.py [--rounds N] [--sample]

Compared with tarfile, tar, cp and reading the files, on three projects: 2,000 source files (the standard library's, as
far as they go), 500 MB that cannot be compressed, 500 MB of CSV.
"""

import os
import random
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measuring import Report, arguments, take_turns

from foundations.adapters._shared.bundle.unpack import unpack_bundle
from foundations.adapters.tarball import TarballJobBundler
from foundations.ports.bundling import BundleContents, BundleFile

SETTLED = 2.1  # seconds after which a file counts as unchanged without being read again


def many_files(project: Path, scale: int) -> None:
    sources = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))
    sources = [path for path in sources if "site-packages" not in path.parts]
    for number in range(2_000 // scale):
        target = project / f"package_{number % 40}" / f"module_{number}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(sources[number % len(sources)].read_bytes()[:20_000])


def incompressible(project: Path, scale: int) -> None:
    with (project / "noise.bin").open("wb") as stream:
        for _ in range(50 // scale):
            stream.write(os.urandom(10_000_000))


def csv(project: Path, scale: int) -> None:
    noise = random.Random(1)
    cities, states = ("Berlin", "Paris", "Rome", "Madrid"), ("ok", "ok", "ok", "late", "failed")
    rows = "".join(
        f"2026-{noise.randrange(1, 13):02}-{noise.randrange(1, 29):02},{noise.choice(cities)},"
        f"{noise.gauss(20, 5):.2f},{noise.randrange(1000)},{noise.choice(states)}\n"
        for _ in range(500_000)
    ).encode()
    with (project / "rows.csv").open("wb") as stream:
        for _ in range(500_000_000 // scale // len(rows)):
            stream.write(rows)


# How each is made, how many times faster than tarfile it is to be packed, and which part of it is a sample.
PROJECTS: dict[str, tuple[Callable[[Path, int], None], float, int]] = {
    "2,000 files": (many_files, 12, 1),
    "500 MB incompressible": (incompressible, 20, 3),
    "500 MB of CSV": (csv, 50, 10),
}


class Packing:
    """One project, and all that is done to it."""

    def __init__(self, place: Path, make: Callable[[Path, int], None], scale: int) -> None:
        self.place = place
        self.project = place / "project"
        self.project.mkdir(parents=True)
        make(self.project, scale)
        self._count = 0
        self._bundler = TarballJobBundler()
        self._bundles: list[BundleFile] = []

    def ours(self) -> BundleFile:
        self._count += 1
        contents = BundleContents(
            job_name=f"job-{self._count}",
            members={"run.sh": b"", "main.py": b"", "job.bin": b"", "job.config.yaml": b"{}"},
            project=self.project,
            project_member="project.tgz",
            directory=self.place,
        )
        self._bundles.append(self._bundler.make(contents))
        return self._bundles[-1]

    def discard(self) -> None:
        """Discard every bundle that was made."""
        while self._bundles:
            self._bundler.discard(self._bundles.pop())

    def forget(self) -> None:
        """Have the next bundle be packed anew."""
        shutil.rmtree(Path(os.environ["FOUNDATIONS_HOME"]) / "sources", ignore_errors=True)

    def tarfile(self) -> Path:
        target = self.place / "by-tarfile.tgz"
        with tarfile.open(target, "w:gz") as archive:
            archive.add(self.project, ".")
        return target

    def read(self) -> None:
        for path in self.project.rglob("*"):
            if path.is_file():
                path.read_bytes()

    def walk(self) -> None:
        pending = [str(self.project)]
        while pending:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        entry.stat(follow_symlinks=False)


def pack(packing: Packing, report: Report, rounds: int, times: float) -> None:
    def after() -> None:
        packing.discard()
        packing.forget()

    packing.forget()
    medians = report.table(
        take_turns(
            {"pack, ours": packing.ours, "tarfile w:gz": packing.tarfile, "reading the files": packing.read},
            rounds,
            warm_up=0,
            after=after,
        )
    )
    size, theirs = packing.ours().size, packing.tarfile().stat().st_size
    packing.discard()
    report.bar("pack / tarfile", medians["pack, ours"] / medians["tarfile w:gz"], 1 / times)
    report.bar("pack / reading", medians["pack, ours"] / medians["reading the files"], 3)
    report.bar("size / tarfile's", size / theirs, 1.2)


def unchanged(packing: Packing, report: Report, rounds: int, *, many: bool) -> None:
    for seconds in (SETTLED, 0):
        packing.ours()
        packing.discard()
        time.sleep(seconds)
    (part,) = (Path(os.environ["FOUNDATIONS_HOME"]) / "sources").glob("*.part")
    copy = packing.place / "copy"
    other = {"walk and stat": packing.walk} if many else {"cp": lambda: subprocess.run(["cp", part, copy], check=True)}
    medians = report.table(
        take_turns({"unchanged, ours": packing.ours, **other}, rounds * (5 if many else 1), after=packing.discard)
    )
    if many:
        report.bar("unchanged - walking, ms", medians["unchanged, ours"] - medians["walk and stat"], 10)
    else:
        report.bar("unchanged / cp", medians["unchanged, ours"] / medians["cp"], 1.3)


def unpack(packing: Packing, report: Report, rounds: int, *, many: bool) -> None:
    bundle = packing.ours()
    members, project, store = packing.place / "members", packing.place / "extracted", packing.place / "runtimes"
    removed = packing.place / "removed"
    store.mkdir()
    removed.mkdir()
    packed = packing.place / "packed.tgz"

    def ours() -> None:
        unpack_bundle(bundle, members, project, store)

    ours()
    shutil.copy(members / "project.tgz", packed)

    def by_tarfile() -> None:
        with tarfile.open(packed) as archive:
            archive.extractall(project, filter="data")

    def by_tar() -> None:
        project.mkdir()
        subprocess.run(["tar", "xzf", packed, "-C", project], check=True)

    def after() -> None:
        for path in (project, members):
            if path.exists():
                path.rename(removed / str(len(os.listdir(removed))))
        if not many:
            shutil.rmtree(removed)
            removed.mkdir()
        # An ext4 without a journal passes over every inode that was deleted within the last minute when it makes a
        # file. So many files, removed after each turn, would take half a millisecond each to make, whoever makes them.

    after()
    medians = report.table(
        take_turns({"unpack, ours": ours, "extractall": by_tarfile, "tar xzf": by_tar}, rounds, after=after)
    )
    report.bar("unpack / extractall", medians["unpack, ours"] / medians["extractall"], 0.7)
    report.bar("unpack / tar", medians["unpack, ours"] / medians["tar xzf"], 1.5)
    packing.discard()


def main() -> None:
    options, report = arguments(__doc__, rounds=3)
    with tempfile.TemporaryDirectory(prefix="benchmark-pack-") as name:
        os.environ["FOUNDATIONS_HOME"] = str(Path(name).resolve() / "home")
        os.environ["FOUNDATIONS_LOG_LEVEL"] = "error"
        for title, (make, times, part) in PROJECTS.items():
            report.title(title if not options.sample else f"a sample of {title}")
            packing = Packing(Path(name).resolve() / title.replace(" ", "-"), make, part if options.sample else 1)
            pack(packing, report, options.rounds, times)
            unchanged(packing, report, options.rounds, many=make is many_files)
            unpack(packing, report, options.rounds, many=make is many_files)
            shutil.rmtree(packing.place)
    report.close()


if __name__ == "__main__":
    main()
