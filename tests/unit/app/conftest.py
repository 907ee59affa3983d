import json

import pytest

from foundations.app.config.settings import Settings
from foundations.app.wiring import Wiring


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project directory, which is the working directory."""
    directory = tmp_path / "parent" / "project"
    directory.mkdir(parents=True)
    (directory / "data.txt").write_text("data of the project")
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def sdk(in_memory_sdk, project):
    return in_memory_sdk


@pytest.fixture
def wiring(sdk):
    """The adapters behind `sdk`."""
    return Wiring(settings=sdk.config_manager.settings())


@pytest.fixture
def said(monkeypatch):
    """The events that were emitted, but for those that only debugging shows."""
    from foundations import events

    emitted = []
    monkeypatch.setattr(
        events, "_emit", lambda level, event, keys: level != "debug" and emitted.append((level, event, keys))
    )
    return emitted


@pytest.fixture
def with_adapter(sdk):
    """Exchange one of the adapters of `sdk` for a class, by its dotted name."""

    def exchange(key, type_name, *arguments):
        from foundations.app.config.manager import ConfigManager
        from foundations.app.sdk import Sdk

        document = json.loads(json.dumps(sdk.config_manager.settings().to_json()))
        entry = document[key]
        (kind,) = (name for name in entry if name.endswith("_type"))
        entry[kind] = type_name
        entry["constructor_arguments"] = list(arguments) or entry["constructor_arguments"]
        manager = ConfigManager()
        manager.freeze(Settings.from_json(document))
        return Sdk(manager)

    return exchange
