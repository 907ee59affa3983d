import sys
from types import SimpleNamespace

import pytest

from foundations.app.project.library_settings import describe_settings, report_setting_differences


@pytest.fixture
def libraries(monkeypatch):
    """Return what stands for the libraries, of which this process has imported none."""
    for name in ("numpy", "pandas", "sklearn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return lambda name, module: monkeypatch.setitem(sys.modules, name, module)


def sklearn(**settings):
    return SimpleNamespace(get_config=lambda: settings)


def test_libraries_that_are_not_imported_have_no_settings(libraries):
    assert {} == describe_settings()
    assert "numpy" not in sys.modules


def test_a_setting_that_differs_is_returned_and_logged_with_both_values(libraries, said):
    libraries("sklearn", sklearn(assume_finite=True, display="diagram"))
    submitted = describe_settings()
    libraries("sklearn", sklearn(assume_finite=False, display="diagram"))
    difference = ("sklearn.get_config()['assume_finite']", "True", "False")
    assert [difference] == report_setting_differences(submitted)
    assert [("library_setting_differs", *difference)] == [
        (event, keys["setting"], keys["submitted"], keys["job"]) for _, event, keys in said
    ]


def test_a_library_that_the_job_does_not_import_is_not_compared(libraries):
    libraries("sklearn", sklearn(assume_finite=True))
    submitted = describe_settings()
    sys.modules.pop("sklearn")
    assert [] == report_setting_differences(submitted)


def test_what_numpy_and_pandas_are_set_to_is_read_by_name(libraries):
    display = _Options(precision=6, encoding="utf-8", max_columns=20)
    pandas = SimpleNamespace(options=_Options(display=display))
    numpy = SimpleNamespace(geterr=lambda: {"divide": "warn"}, get_printoptions=lambda: {"formatter": {"all": len}})
    libraries("pandas", pandas)
    libraries("numpy", numpy)
    assert {
        "numpy": {
            "numpy.geterr()['divide']": "'warn'",
            "numpy.get_printoptions()['formatter']": "{'all': builtins.len}",
        },
        "pandas": {"pandas.options.display.precision": "6"},
    } == describe_settings()


def test_a_module_of_the_project_with_the_name_of_a_library_has_no_settings(libraries):
    libraries("pandas", SimpleNamespace(read=None))
    assert {} == describe_settings()


class _Options:
    """Options whose names `dir` returns, as those of pandas."""

    def __init__(self, **options):
        vars(self).update(options)

    def __dir__(self):
        return list(vars(self))
