import json
import os
from pathlib import Path

import pytest
import yaml

import foundations
from foundations.app import code_origin

SDK = str(Path(foundations.__file__).parent)
BESIDE = str(Path(SDK).parent)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (SDK, {"sdk", "sdk_or_bundled", "library"}),
        (code_origin.__file__, {"sdk", "sdk_or_bundled", "library"}),
        (f"{SDK}_of_mine/a.py", set()),
        (f"{BESIDE}/attr/_make.py", {"sdk_or_bundled", "library"}),
        (f"{BESIDE}/attributes.csv", set()),
        (yaml.__file__, {"installed", "library"}),
        ("/usr/lib/python3/dist-packages", {"installed", "library"}),
        ("/project/site-packages-of-mine/a.py", set()),
        (json.__file__, {"standard_library"}),
        (os.__file__, {"standard_library"}),
        ("<frozen posixpath>", {"standard_library"}),
        (str(Path(os.__file__).parent / "site-packages" / "a.py"), {"installed", "library"}),
        ("/project/a.py", set()),
        ("<stdin>", set()),
    ],
)
def test_where_a_file_comes_from(path, expected):
    kinds = ("sdk", "sdk_or_bundled", "installed", "library", "standard_library")
    assert expected == {kind for kind in kinds if getattr(code_origin, f"is_{kind}")(path)}


@pytest.mark.parametrize(("name", "expected"), [("json", True), ("json.decoder", True), ("yaml", False), ("", False)])
def test_which_modules_are_pythons_own(name, expected):
    assert expected == code_origin.is_standard_module(name)
