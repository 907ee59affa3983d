"""From a dotted name to an adapter behind its port."""

from __future__ import annotations

import subprocess
import sys
import types
from abc import ABC, abstractmethod

import pytest

import foundations
from foundations.app.config.settings import AdapterSettings, Origin
from foundations.app.construction import construct, load_class
from foundations.errors import ConfigurationError, StorageUnavailableError

KEY = "cache_implementation"


class Store(ABC):
    @abstractmethod
    def get(self): ...

    @abstractmethod
    def put(self): ...


class Half(Store):
    def get(self): ...


class Whole(Half):
    def __init__(self, root, *, size=1):
        self.root = root
        self.size = size

    def put(self): ...

    class Inner(Half):
        def put(self): ...


class Assisted(Whole):
    def __init__(self, root, *, helper=None):
        self.root = root
        self.helper = helper


class Failing(Whole):
    def __init__(self, kind):
        raise {
            "type": TypeError("inner"),
            "value": ValueError("bad value"),
            "storage": StorageUnavailableError("no store"),
            "configuration": ConfigurationError("bad root", found="x", expected="y"),
            "key": ConfigurationError("bad root", key="root"),
            "located": ConfigurationError("bad root", file="other.yaml", line=9),
        }[kind]


class Meta(type(Store)):
    __signature__ = "nonsense"

    def __call__(cls):
        raise TypeError("never")


class Unsignable(Whole, metaclass=Meta):
    pass


class _Lazy(types.ModuleType):
    def __getattr__(self, name):
        if name == "Broken":
            raise ImportError("numpy is missing")
        raise AttributeError(name)


@pytest.fixture(autouse=True)
def _module(monkeypatch):
    module = _Lazy("shop.stores")
    for value in (Store, Half, Whole, Assisted, Failing, Unsignable):
        setattr(module, value.__name__, value)
    module.number = 3
    package = types.ModuleType("shop")
    package.__path__ = []
    package.stores = module
    monkeypatch.setitem(sys.modules, "shop", package)
    monkeypatch.setitem(sys.modules, "shop.stores", module)
    monkeypatch.setattr(foundations, "__all__", ["WholeStore", "Pipeline"], raising=False)
    monkeypatch.setattr(foundations, "WholeStore", Whole, raising=False)


def settings(type_name, *arguments, **keyword_arguments):
    return AdapterSettings(type_name, KEY, arguments, keyword_arguments, Origin("a.config.yaml", 7))


def mistake(adapter_settings, environ=None):
    with pytest.raises(ConfigurationError) as raised:
        construct(adapter_settings, Store, environ or {})
    expected = ("a.config.yaml", 7, KEY)
    assert expected == (raised.value.file, raised.value.line, raised.value.key)
    assert raised.value.found
    assert raised.value.expected
    return raised.value


def test_a_collaborator_is_passed_to_a_constructor_with_a_parameter_of_its_name():
    assert "helper" == construct(settings("shop.stores.Assisted", "root"), Store, {}, helper="helper").helper
    assert 1 == construct(settings("shop.stores.Whole", "root"), Store, {}, helper="helper", other="other").size


def test_an_argument_of_the_configuration_takes_precedence_over_a_collaborator():
    made = construct(settings("shop.stores.Assisted", "root", helper="configured"), Store, {}, helper="helper")
    assert "configured" == made.helper


def test_a_class_without_a_signature_is_given_no_collaborator():
    with pytest.raises(ConfigurationError, match="TypeError: never"):
        construct(settings("shop.stores.Unsignable"), Store, {}, helper="helper")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("shop.stores.Whole", Whole), ("shop.stores.Whole.Inner", Whole.Inner), ("foundations.WholeStore", Whole)],
)
def test_a_dotted_name_is_found(name, expected):
    assert expected is load_class(settings(name), Store)


def test_an_adapter_is_constructed_with_its_arguments():
    adapter = construct(settings("shop.stores.Whole", ["${ROOT}/a"], size={"x": "$${b"}), Store, {"ROOT": "/r"})

    assert (Whole, ["/r/a"], {"x": "${b"}) == (type(adapter), adapter.root, adapter.size)


def test_a_variable_that_is_not_set_is_told_with_its_place():
    expected = "ROOT"
    assert expected == mistake(settings("shop.stores.Whole", "${ROOT}")).variable


@pytest.mark.parametrize(
    ("name", "message", "found", "expected"),
    [
        ("shopp.stores.Whole", "there is no module 'shopp'", "shopp.stores.Whole", "a module that can be imported"),
        ("shop.number", "there is no 'number' in shop", "shop.number", "the dotted name of a class"),
        ("shop.stores.number", "is not a class: its type is int", "int", "a subclass of"),
        ("shop.stores", "is not a class: its type is _Lazy", "_Lazy", "a subclass of"),
        ("shop.stores.Broken", "importing shop.stores.Broken failed: ImportError: numpy", "ImportError", "imported"),
        ("fractions.Fraction", "is not an adapter for this key", "fractions.Fraction", "a subclass of"),
        ("shop.stores.Half", "missing: put", "shop.stores.Half without put", "implements every method"),
        ("shop.stores.Store", "missing: get, put", "shop.stores.Store without get, put", "implements every method"),
    ],
)
def test_a_name_that_is_no_adapter_is_refused_before_anything_is_constructed(name, message, found, expected):
    error = mistake(settings(name))

    assert message in str(error)
    assert found == error.found
    assert expected in error.expected


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("foundations.HoleStore", "foundations.WholeStore"),
        ("foundations.qqq", None),
        ("shop.stores.Wole", "shop.stores.Whole"),
        ("shop.stores.Whole.Iner", "shop.stores.Whole.Inner"),
        ("shop.store.Whole", "shop.stores"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest_one(name, nearest):
    error = mistake(settings(name))

    assert nearest == error.nearest
    assert (f"did you mean {nearest}?" in str(error)) == (nearest is not None)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import nothing_of_this_name", ModuleNotFoundError),
        ("raise ModuleNotFoundError('bare')", ModuleNotFoundError),
        ("1/0", ZeroDivisionError),
        ("def", SyntaxError),
        ("raise SystemExit(3)", SystemExit),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_with_the_cause(tmp_path, monkeypatch, source, cause):
    (tmp_path / "broken_adapters.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    error = mistake(settings("broken_adapters.Store"))

    assert (cause.__name__, cause) == (error.found, type(error.__cause__))
    assert "importing broken_adapters failed" in str(error)


@pytest.mark.parametrize(
    ("arguments", "keyword_arguments", "message", "nearest"),
    [
        ((), {}, "missing a required argument: 'root'", None),
        ((1, 2), {}, "too many positional arguments", None),
        ((1,), {"sizes": 3}, "unexpected keyword argument 'sizes'. Did you mean size?", "size"),
        ((1,), {"qqq": 3}, "unexpected keyword argument 'qqq'.", None),
    ],
)
def test_arguments_that_do_not_fit_are_told_with_what_would(arguments, keyword_arguments, message, nearest):
    error = mistake(settings("shop.stores.Whole", *arguments, **keyword_arguments))

    assert message in str(error)
    assert ("arguments for (root, *, size=1)", nearest) == (error.expected, error.nearest)
    assert isinstance(error.__cause__, TypeError)


def test_the_values_of_arguments_are_not_shown():
    error = mistake(settings("shop.stores.Whole", "hunter2", "hunter2", size="hunter2"))

    expected = "the arguments 2 positional, size"
    assert expected == error.found
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(("kind", "cause"), [("type", TypeError), ("value", ValueError)])
def test_what_a_constructor_raises_is_the_cause_of_a_configuration_error(kind, cause):
    error = mistake(settings("shop.stores.Failing", kind))

    assert cause is type(error.__cause__)
    assert f"could not be constructed: {cause.__name__}" in str(error)


def test_a_class_whose_signature_cannot_be_told_is_no_second_mistake():
    assert "could not be constructed: TypeError: never" in str(mistake(settings("shop.stores.Unsignable")))


def test_an_adapter_s_own_configuration_error_learns_its_place():
    error = mistake(settings("shop.stores.Failing", "configuration"))

    assert f"a.config.yaml:7: {KEY}: bad root" == str(error)
    expected = ("x", "y")
    assert expected == (error.found, error.expected)


@pytest.mark.parametrize(
    ("kind", "expected"), [("key", "a.config.yaml:7: root: bad root"), ("located", "other.yaml:9: bad root")]
)
def test_an_adapter_s_own_place_is_kept(kind, expected):
    with pytest.raises(ConfigurationError) as raised:
        construct(settings("shop.stores.Failing", kind), Store, {})

    assert expected == str(raised.value)


def test_another_error_of_foundations_passes_through():
    with pytest.raises(StorageUnavailableError, match="no store"):
        construct(settings("shop.stores.Failing", "storage"), Store, {})


def test_what_every_job_imports_is_light():
    code = (
        "import sys; import foundations.app.construction, foundations.app.config.manager; "
        "print(sorted({'yaml', 'difflib', 'structlog', 'cloudpickle'} & set(sys.modules)))"
    )

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    expected = "[]\n"
    assert expected == output
