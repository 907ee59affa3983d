import importlib
import sys

import pytest

from foundations.adapters.memory import MemoryCacheBackend
from foundations.app import caching
from foundations.domain.hyperparameter import Hyperparameter
from foundations.errors import StorageUnavailableError

COUNTING = """
import json
RAN = "counted"
LIMIT = 3
def helper(x):
    return x + LIMIT
def f(x, rate=2):
    return helper(json.loads(x)) * rate
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write and import the project's module, anew each time."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def imported(source, name="project_code"):
        (tmp_path / f"{name}.py").write_text(source)
        sys.modules.pop(name, None)
        caching._versions.clear()
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield imported
    sys.modules.pop("project_code", None)
    caching._versions.clear()


def run(sdk, function, *args, **kwargs):
    """Run one stage as a job; return its output and whether it came from the cache."""
    target = sdk.pipeline.stage(function, *args, **kwargs).enable_caching()
    result = target.run().fetch_job_results()
    return result.output, result["stage_contexts"][target.uuid()]["used_cache"]


def test_a_second_job_takes_the_output_from_the_cache(sdk, module):
    function = module(COUNTING).f
    assert [(16, False), (16, True)] == [run(sdk, function, "5") for _ in range(2)]


def test_contexts_tell_of_the_cache(sdk, module):
    targets = [sdk.pipeline.stage(module(COUNTING).f, "5").enable_caching() for _ in range(2)]
    first, second = (target.run().fetch_job_results()["global_stage_context"] for target in targets)
    assert first["cache_uuid"] == second["cache_uuid"]
    assert (False, True) == (first["used_cache"], second["used_cache"])
    assert first["cache_write_time"] > 0
    assert second["cache_read_time"] > 0
    assert (None, None) == (first["cache_read_time"], second["cache_write_time"])


@pytest.mark.parametrize(
    ("old", "new", "output"),
    [
        ("LIMIT = 3", "LIMIT = 4", 18),
        ("x + LIMIT", "x - LIMIT", 4),
        ("rate=2", "rate=3", 24),
        ("* rate", "- rate", 6),
    ],
)
def test_nothing_stale_is_taken_after_a_change(sdk, module, old, new, output):
    assert (16, False) == run(sdk, module(COUNTING).f, "5")
    assert (output, False) == run(sdk, module(COUNTING.replace(old, new)).f, "5")
    assert (16, True) == run(sdk, module(COUNTING).f, "5")


def test_another_closure_is_another_entry(sdk, module):
    over = module("def over(held):\n    return lambda x: x + held").over
    from foundations.domain.digests import Digester

    digester = Digester("", caching._installed_version, caching._names_content)
    assert digester.call(over(1), {}) != digester.call(over(2), {})


@pytest.mark.parametrize(("args", "kwargs"), [(("6",), {}), (("5", 2), {}), (("5",), {"rate": 2})])
def test_other_arguments_are_another_entry(sdk, module, args, kwargs):
    function = module(COUNTING).f
    run(sdk, function, "5")
    assert run(sdk, function, *args, **kwargs)[1] is False


def test_values_of_hyperparameters_and_outputs_of_stages_count(sdk, module):
    code = module(COUNTING)

    def outcome(value):
        target = sdk.pipeline.stage(code.helper, sdk.pipeline.stage(code.helper, Hyperparameter("x"))).enable_caching()
        result = target.run(x=value).fetch_job_results()
        return result.output, [context["used_cache"] for context in result["stage_contexts"].values()]

    assert [(7, [False, False]), (8, [False, False]), (7, [True, True])] == [outcome(value) for value in (1, 2, 1)]


def test_what_is_not_told_to_is_not_cached(sdk, module, wiring):
    target = sdk.pipeline.stage(module(COUNTING).f, "5")
    for _ in range(2):
        context = target.run().fetch_job_results()["global_stage_context"]
        assert (None, False) == (context["cache_uuid"], context["used_cache"])
    assert [] == list(wiring.cache.entries())


@pytest.mark.parametrize(
    ("function", "argument", "why"),
    [
        (repr, {"a": object}, r"value\['a'\] is of type type"),
        ([].append, 1, "no plain function"),
        ("-".join, ["a"], "no plain function"),
    ],
)
def test_what_has_no_key_is_computed_and_said(sdk, said, function, argument, why):
    import re

    for _ in range(2):
        assert (function(argument), False) == run(sdk, function, argument)
    (name, reason), _ = [(event, keys["reason"]) for _, event, keys in said]
    assert "not_cached" == name
    assert re.search(why, reason)


def test_a_call_with_the_name_of_a_file_is_computed_and_said(sdk, module, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "5").write_text("a file whose name is also a number")
    assert [(16, False), (16, False)] == [run(sdk, module(COUNTING).f, "5") for _ in range(2)]
    assert {"value is '5', which names something that no digest covers"} == {keys["reason"] for _, _, keys in said}


def test_an_output_that_cannot_be_serialised_is_not_cached_and_said(sdk, module, said):
    made = sdk.pipeline.stage(module("def f(x):\n    return (i for i in [x])").f, 3).enable_caching()
    assert [3] == sdk.pipeline.stage(list, made).run().fetch_job_results().output
    assert [("info", "not_cached")] == [(level, event) for level, event, _ in said]


class BrokenCache(MemoryCacheBackend):
    error = StorageUnavailableError("it is full")

    def put(self, key, buffers, *, if_absent=False):
        raise self.error


class UnreadableCache(MemoryCacheBackend):
    def get(self, key):
        return [b"no pickle"]


class WrongCache(BrokenCache):
    error = TypeError("of a third party")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (BrokenCache, ["cache_not_written"]),
        (WrongCache, ["cache_not_written"]),
        (UnreadableCache, ["cache_unreadable"]),
    ],
)
def test_a_failure_of_the_cache_is_none_of_the_stage(with_adapter, module, said, kind, expected):
    sdk = with_adapter("cache_implementation", f"{__name__}.{kind.__name__}")
    assert (16, False) == run(sdk, module(COUNTING).f, "5")
    assert expected == [event for _, event, _ in said]


def test_a_refused_cache_is_done_without_and_said(with_adapter, module, said):
    sdk = with_adapter("cache_implementation", f"{__name__}.RefusedCache")
    assert (16, False) == run(sdk, module(COUNTING).f, "5")
    assert ("warning", "cache_refused") == said[0][:2]


class RefusedCache(MemoryCacheBackend):
    def check(self):
        raise StorageUnavailableError("not there")


class TestVersions:
    def test_the_standard_librarys_modules_are_of_the_interpreter(self):
        assert [sys.version] * 4 == [caching._version(name) for name in ("json", "math", "builtins", "sys")]

    def test_installed_modules_are_of_their_distribution(self):
        assert caching._version("hypothesis").startswith("hypothesis==")

    @pytest.mark.parametrize("name", ["__main__", "", "there_is_no_such_module"])
    def test_others_have_none(self, name):
        assert caching._version(name) is None

    def test_a_module_of_the_project_has_none_whatever_its_name(self, module, monkeypatch):
        monkeypatch.delitem(sys.modules, "this", raising=False)
        project_own = module("x = 1", name="this")
        try:
            assert 1 == project_own.x
            assert caching._version("this") is None
        finally:
            sys.modules.pop("this", None)

    def test_one_that_is_not_imported_yet_is_looked_for(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "antigravity.py").write_text("")
        monkeypatch.delitem(sys.modules, "antigravity", raising=False)
        assert caching._version("antigravity") is None
        assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("source", "argument", "reason"),
    [
        ("def f(x):\n    x.append(1)\n    return len(x)", [1], "the call changed its arguments"),
        ("def f(x):\n    return x", [1], "the output shares objects with the arguments"),
        ("def f(x):\n    return (1, {2: x})", [1], "the output shares objects with the arguments"),
        ("class C:\n    pass\ndef f(x):\n    return bytearray(x)", [1], "is of type bytearray"),
        ("def f(x):\n    return 'data' + x", ".txt", "the output names a file"),
    ],
)
def test_what_a_hit_would_not_do_again_is_not_cached(sdk, module, said, source, argument, reason):
    function = module(source).f
    for _ in range(2):
        value = argument if isinstance(argument, str) else list(argument)
        assert run(sdk, function, value)[1] is False
    assert all(reason in keys["reason"] for _, event, keys in said if event == "not_cached")
    assert 2 == len([event for _, event, _ in said if event == "not_cached"])


@pytest.mark.parametrize(
    "source",
    [
        "from foundations import log_metric\ndef f(x):\n    log_metric('a', x)",
        "import math\ndef f(x):\n    return getattr(math, 'sq' + 'rt')(x)",
        "import json\ndef f(x):\n    return json.to_csv(x)",
    ],
)
def test_what_does_or_sees_more_than_its_key_says_is_not_cached(sdk, module, said, source):
    from foundations.domain.digests import Digester, UndigestibleError

    digester = Digester("", caching._installed_version, caching._names_content)
    with pytest.raises(UndigestibleError):
        digester.call(module(source).f, {})


def test_a_package_that_is_installed_again_with_other_code_is_another(tmp_path, monkeypatch):
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(site)
    versions = []
    for factor in "223":
        (site / "reinstalled").mkdir(parents=True, exist_ok=True)
        (site / "reinstalled" / "__init__.py").write_text(f"FACTOR = {factor}\n")
        about = site / "reinstalled-0.1.0.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: reinstalled\nVersion: 0.1.0\n")
        (about / "RECORD").write_text(f"reinstalled/__init__.py,sha256={factor},10\n")
        (about / "top_level.txt").write_text("reinstalled\n")
        caching._versions.clear()
        importlib.invalidate_caches()
        versions.append(caching._installed_version("reinstalled"))
    assert versions[0] == versions[1] != versions[2]
    assert versions[0].startswith("reinstalled==0.1.0 ")
    (about / "RECORD").unlink()
    caching._versions.clear()
    assert caching._installed_version("reinstalled") is None
