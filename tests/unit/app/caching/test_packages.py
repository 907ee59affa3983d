import importlib
import os
import shutil
import sys
import types
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from foundations.adapters.digesting import Blake3Digesting, hashing
from foundations.app.caching.packages import PYTHON, InstalledPackages
from foundations.version import __version__


@pytest.fixture
def packages(tmp_path):
    return lambda: InstalledPackages(tmp_path, Blake3Digesting().buffer)


class TestPackages:
    @pytest.mark.parametrize("name", ["json", "math", "builtins", "sys", "os.path"])
    def test_the_standard_library_is_of_the_interpreters_minor_version(self, packages, name):
        assert {} == packages().packages_of(name)
        assert PYTHON == f"cpython-{sys.version_info[0]}{sys.version_info[1]}"

    def test_an_installed_module_is_of_its_distribution(self, packages):
        assert "hypothesis" in packages().packages_of("hypothesis.strategies")
        assert ["PyYAML"] == list(packages().packages_of("yaml"))
        assert "pytest" in packages().packages_of("_pytest")

    def test_files_of_other_content_have_other_digests_and_an_empty_one_has_one_too(self, packages, tmp_path):
        contents = {"one": b"", "other": b"empty", "long": bytes(5000), "other long": bytes(4999) + b"1"}
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        digests = {packages().content_digest(name) for name in contents}
        assert (4, {32}) == (len(digests), {len(digest) for digest in digests})

    @pytest.mark.parametrize("content", [b"", b"1", bytes(5000)])
    def test_a_file_that_cannot_be_digested_without_a_library_names_what_to_install(
        self, packages, tmp_path, monkeypatch, content
    ):
        (tmp_path / "data.bin").write_bytes(content)
        hashing._blake3.cache_clear()
        monkeypatch.setitem(sys.modules, "blake3", None)
        with pytest.raises(ModuleNotFoundError, match="pip install blake3"):
            packages().content_digest("data.bin")

    def test_what_a_package_needs_counts_by_its_version(self, packages):
        assert metadata.version("pluggy") == packages().packages_of("_pytest")["pluggy"]
        assert "numpy" in packages().packages_of("pandas")

    def test_we_are_of_our_version_whether_installed_or_from_a_bundle(self, packages):
        assert {"foundations": __version__} == packages().packages_of("foundations.app")

    @pytest.mark.parametrize("name", ["__main__", "", "there_is_no_such_module", "None"])
    def test_what_is_not_installed_is_the_projects(self, packages, name):
        assert packages().packages_of(name) is None

    def test_a_module_of_the_project_is_the_projects_whatever_its_name(self, packages, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "this.py").write_text("x = 1")
        monkeypatch.delitem(sys.modules, "this", raising=False)
        assert packages().packages_of("this") is None
        assert "this" not in sys.modules

    def test_a_package_that_is_installed_again_with_other_code_is_another(self, packages, tmp_path, monkeypatch):
        site = tmp_path / "site-packages"
        monkeypatch.syspath_prepend(site)
        versions = []
        for factor in "223":
            (site / "reinstalled").mkdir(parents=True, exist_ok=True)
            (site / "reinstalled" / "__init__.py").write_text(f"FACTOR = {factor}\n")
            about = site / "other_name-0.1.0.dist-info"
            about.mkdir(exist_ok=True)
            (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other-name\nVersion: 0.1.0\n")
            (about / "RECORD").write_text(
                f"reinstalled/__init__.py,sha256={factor},10\n"
                f"reinstalled/__pycache__/__init__.cpython-311.pyc,,\n../../bin/tool,sha256={len(versions)},1\n"
            )
            importlib.invalidate_caches()
            versions.append(packages().packages_of("reinstalled"))
        assert versions[0] == versions[1] != versions[2]
        version, digest = versions[0]["other-name"].split()
        assert ("0.1.0", 64) == (version, len(digest))  # whole: who can build two that agree in a part, can fake a hit

    def test_a_module_in_site_packages_that_nobody_installed_is_followed_like_the_projects(
        self, packages, tmp_path, monkeypatch
    ):
        site = tmp_path / "site-packages"
        (site / "orphaned").mkdir(parents=True)
        (site / "orphaned" / "__init__.py").write_text("")
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        assert packages().packages_of("orphaned") is None

    @pytest.fixture
    def installed(self, tmp_path, monkeypatch):
        """Installs a distribution's files, at a version."""
        site = tmp_path / "site-packages"
        monkeypatch.syspath_prepend(site)

        def install(name, version, files):
            for old in site.glob(f"{name}-*.dist-info"):
                shutil.rmtree(old)
            about = f"{name}-{version}.dist-info"
            written = {**files, f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
            record = "".join(f"{path},sha256={hash(text)},1\n" for path, text in written.items())
            for path, text in {**written, f"{about}/RECORD": record}.items():
                (site / path).parent.mkdir(parents=True, exist_ok=True)
                (site / path).write_text(text)
            importlib.invalidate_caches()

        yield install
        for name in [name for name in sys.modules if name.startswith("spacious")]:
            del sys.modules[name]

    @pytest.mark.parametrize("is_imported", [False, True])
    def test_each_part_of_a_namespace_is_of_the_distribution_that_it_came_with(
        self, packages, installed, tmp_path, monkeypatch, is_imported
    ):
        installed("spacious_a", "1.0", {"spacious/a/__init__.py": ""})
        installed("spacious_b", "2.0", {"spacious/b.py": "", "spacious/inner/b/__init__.py": ""})
        (tmp_path / "spacious" / "own").mkdir(parents=True)
        (tmp_path / "spacious" / "own" / "__init__.py").write_text("")
        monkeypatch.syspath_prepend(tmp_path)
        names = ("spacious.a.deep", "spacious.b", "spacious.inner.b.C", "spacious.own", "spacious")
        if is_imported:
            for name in ("spacious.a", "spacious.b", "spacious.inner.b", "spacious.own"):
                importlib.import_module(name)
        found = packages()
        told = [found.packages_of(name) for name in names]
        assert [["spacious_a"], ["spacious_b"], ["spacious_b"], None, None] == [
            list(versions) if versions is not None else None for versions in told
        ]

    def test_a_distribution_counts_with_all_modules_that_came_with_it(self, packages, installed):
        versions = []
        for inner in "112":
            installed("spacious_two", "1.0", {"spacious_two.py": "", "_spacious_inner.py": f"N = {inner}"})
            versions.append(packages().packages_of("spacious_two"))
        assert versions[0] == versions[1] != versions[2]

    def test_a_compiled_module_is_told_by_its_file(self, packages, tmp_path, monkeypatch):
        digests = []
        for content in ("a", "a", "b"):
            for name, file in (("compiled", f"compiled{EXTENSION_SUFFIXES[0]}"), ("source", "source.py")):
                (tmp_path / file).write_text(content)
                monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
                sys.modules[name].__file__ = str(tmp_path / file)
            digests.append(packages().compiled_digest("compiled"))
            others = [
                packages().compiled_digest(name) for name in ("source", "sys", "__main__", "there_is_no_such_module")
            ]
            assert [None] * 4 == others
        assert digests[0] == digests[1] != digests[2]

    def test_variables_of_the_environment_are_those_of_this_process(self, packages, monkeypatch):
        monkeypatch.setenv("THERE", "1")
        monkeypatch.delenv("GONE", raising=False)
        assert ("1", None) == (packages().environment_variable("THERE"), packages().environment_variable("GONE"))


class TestContents:
    def test_a_file_counts_by_its_bytes(self, packages, tmp_path):
        (tmp_path / "a").write_text("x")
        (tmp_path / "b").write_text("x")
        (tmp_path / "c").write_text("y")
        found = [packages().content_digest(name) for name in ("a", "b", "c", str(tmp_path / "a"))]
        assert found[0] == found[1] == found[3] != found[2]

    def test_a_directory_counts_by_the_names_and_bytes_of_its_files(self, packages, tmp_path):
        def digest(files):
            place = tmp_path / f"directory-{len(list(tmp_path.iterdir()))}"
            for name, text in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(text)
            return packages().content_digest(str(place))

        same = [digest({"a": "x", "sub/b": "y"}), digest({"sub/b": "y", "a": "x"})]
        others = [digest({"a": "x"}), digest({"a": "x", "sub/c": "y"}), digest({"a": "x", "sub/b": ""})]
        assert same[0] == same[1]
        assert 4 == len({same[0], *others})

    def test_what_is_not_there_is_an_error(self, packages):
        with pytest.raises(FileNotFoundError):
            packages().content_digest("nowhere")

    def test_what_is_no_file_is_an_error_and_never_waited_for(self, packages, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        for path in ("fifo", "."):
            with pytest.raises(OSError, match="neither a file nor a directory"):
                packages().content_digest(path)


def test_a_module_that_cannot_be_imported_is_none(packages, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "breaks.py").write_text("raise RuntimeError('on import')")
    assert packages().import_module("breaks") is None
    assert importlib == packages().import_module("importlib")
