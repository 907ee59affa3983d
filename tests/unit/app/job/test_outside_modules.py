import sys
import types

from foundations.app.job.outside_modules import describe_outside_modules


def put(monkeypatch, name, file):
    module = types.ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)


def test_each_package_outside_the_bundle_is_recorded_with_a_digest_of_its_code(tmp_path, monkeypatch):
    package, single, own = tmp_path / "libs/outer", tmp_path / "outer_single.py", tmp_path / "project/inner.py"
    for file in (package / "__init__.py", package / "deep/part.py", package / "data.txt", single, own):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    put(monkeypatch, "outer", package / "__init__.py")
    put(monkeypatch, "outer.deep.part", package / "deep" / "part.py")
    put(monkeypatch, "outer_single", single)
    put(monkeypatch, "inner", own)
    put(monkeypatch, "__mp_main__", tmp_path / "script.py")  # as importing multiprocessing names the script

    def described():
        documents = describe_outside_modules(tmp_path / "project")
        return {
            document.pop("module"): document for document in documents if document["path"].startswith(str(tmp_path))
        }

    before = described()
    assert {"outer": (str(package), None), "outer_single": (str(single), None)} == {
        name: (document["path"], document["version"]) for name, document in before.items()
    }
    (package / "data.txt").write_text("other")
    assert before == described()
    (package / "deep" / "part.py").write_text("other")
    assert [before["outer_single"], False] == [described()["outer_single"], before["outer"] == described()["outer"]]
