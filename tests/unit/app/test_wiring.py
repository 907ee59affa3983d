import pytest

from foundations.adapters.memory import (
    MemoryCacheBackend,
    MemoryExecutionEnvironment,
    MemoryJobBundler,
    MemoryPipelineArchive,
    MemoryPipelineListing,
)
from foundations.app.config.settings import AdapterSettings, Origin
from foundations.app.wiring import Wiring
from foundations.errors import CapabilityError, ConfigurationError, StorageUnavailableError, UntrustedLocationError
from foundations.ports.bundling import BundleFile
from foundations.ports.execution import Capabilities
from foundations.testing import in_memory_settings


@pytest.fixture
def settings():
    return in_memory_settings("store")


def test_each_part_is_the_adapter_that_the_settings_name(settings):
    wiring = Wiring(settings=settings)
    assert [
        MemoryCacheBackend("store"),
        MemoryPipelineListing("store"),
        MemoryExecutionEnvironment("store"),
        MemoryJobBundler("store"),
        MemoryPipelineArchive("store"),
    ] == [wiring.cache, wiring.listing, wiring.environment, wiring.bundler, wiring.archives.artifact]


def test_entries_that_say_the_same_share_one_adapter(settings):
    other = AdapterSettings("foundations.MemoryPipelineArchive", "artifact_archive_implementation", ("other",))
    wiring = Wiring(settings=settings._replace(artifact_archive=other))
    assert wiring.archives.stage_log is wiring.archives.provenance
    assert wiring.archives.stage_log is not wiring.archives.artifact
    assert wiring.cache is wiring.cache
    assert 2 == len(wiring.archives.distinct())


def test_variables_are_resolved_when_an_adapter_is_made(settings, monkeypatch):
    entry = AdapterSettings("foundations.MemoryCacheBackend", "cache_implementation", ("${STORE}",))
    settings = settings._replace(cache=entry)
    monkeypatch.setenv("STORE", "mine")
    assert Wiring(settings=settings).cache == MemoryCacheBackend("mine")
    monkeypatch.delenv("STORE")
    with pytest.raises(ConfigurationError, match="STORE"):
        _ = Wiring(settings=settings).cache


def test_an_environment_that_runs_jobs_in_this_process_is_given_what_runs_them(settings):
    file = BundleFile(job_name="job", path=None, index_size=1, sha256="0" * 64, digest="1" * 64, size=2)
    wiring = Wiring(settings=settings, run_bundle=lambda *arguments: arguments)
    assert (file, wiring) == wiring.environment.bundle_runner(file)
    assert Wiring(settings=settings).environment.bundle_runner is None


def test_an_adapter_of_another_port_is_refused(settings):
    entry = AdapterSettings("foundations.MemoryPipelineListing", "cache_implementation", ())
    with pytest.raises(ConfigurationError, match="CacheBackend"):
        _ = Wiring(settings=settings._replace(cache=entry)).cache


def test_the_directories_of_adapters_are_those_that_they_have_as_root(settings, tmp_path):
    archive = AdapterSettings(
        "foundations.LocalFileSystemPipelineArchive", "artifact_archive_implementation", (str(tmp_path / "archive"),)
    )
    listing = AdapterSettings(
        "foundations.LocalFileSystemPipelineListing", "archive_listing_implementation", (str(tmp_path / "listing"),)
    )
    wiring = Wiring(settings=settings._replace(artifact_archive=archive, archive_listing=listing))
    assert [tmp_path / "archive", tmp_path / "listing"] == sorted(wiring.directories())


STORES = {
    "cache": "LocalFileSystemCacheBackend",
    "archive_listing": "LocalFileSystemPipelineListing",
    **{
        f"{kind}_archive": "LocalFileSystemPipelineArchive"
        for kind in ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    },
}


def with_root(settings, part, class_name, root):
    """Return settings in which a part has a directory; the file and line of the entry are known."""
    key = f"{part}_implementation"
    entry = AdapterSettings(f"foundations.{class_name}", key, (str(root),), origin=Origin("local.config.yaml", 3))
    return Wiring(settings=settings._replace(**{part: entry}))


@pytest.mark.parametrize(("part", "class_name"), [*STORES.items(), ("deployment", "LocalShellJobDeployment")])
def test_the_directory_of_every_kind_of_store_is_known(settings, tmp_path, part, class_name):
    assert (tmp_path,) == with_root(settings, part, class_name, tmp_path).directories()


@pytest.mark.parametrize("place", [".", "..", "../..", "link", "../other/../project"])
@pytest.mark.parametrize(("part", "class_name"), STORES.items())
def test_a_store_that_is_the_project_or_contains_it_is_refused(settings, tmp_path, part, class_name, place):
    project = tmp_path / "work" / "project"
    project.mkdir(parents=True)
    (project / "link").symlink_to(project)
    root = project / place
    with pytest.raises(ConfigurationError) as raised:
        with_root(settings, part, class_name, root).check_places((project,))
    relation = "contains" if place in ("..", "../..") else "is"
    assert ("local.config.yaml", 3, f"{part}_implementation") == (
        raised.value.file,
        raised.value.line,
        raised.value.key,
    )
    assert f"{root} of foundations.{class_name} {relation} {project}," in str(raised.value)
    assert f"as in {root}/foundations-data" in str(raised.value)


def test_a_store_that_is_an_extra_source_path_is_refused(settings, tmp_path):
    wiring = with_root(settings, "cache", "LocalFileSystemCacheBackend", tmp_path / "shared")
    for name in ("project", "shared"):
        (tmp_path / name).mkdir()
    with pytest.raises(ConfigurationError, match=f"is {tmp_path}/shared, which goes into the bundle"):
        wiring.check_places((tmp_path / "project", tmp_path / "shared"))


@pytest.mark.parametrize("place", ["stores", "../stores", "../absent"])
@pytest.mark.parametrize(("part", "class_name"), [*STORES.items(), ("deployment", "LocalShellJobDeployment")])
def test_a_store_in_the_project_or_beside_it_is_used(settings, tmp_path, part, class_name, place):
    project = tmp_path / "project"
    for path in (project / "stores", tmp_path / "stores"):
        path.mkdir(parents=True)
    with_root(settings, part, class_name, project / place).check_places((project,))


def test_an_environment_may_have_its_jobs_around_the_project_but_not_in_it(settings, tmp_path):
    (tmp_path / "project").mkdir()
    with_root(settings, "deployment", "LocalShellJobDeployment", tmp_path).check_places((tmp_path / "project",))
    with pytest.raises(ConfigurationError, match="deployment_implementation: the directory"):
        with_root(settings, "deployment", "LocalShellJobDeployment", tmp_path).check_places((tmp_path,))


def test_twins_in_memory_pass_the_check(settings):
    Wiring(settings=settings).check()


class Distrusted(MemoryPipelineArchive):
    def check(self):
        raise UntrustedLocationError("others can write it", path="/x", reason="", remedy="")


class Unreachable(MemoryPipelineListing):
    def check(self):
        raise StorageUnavailableError("unreachable")


@pytest.mark.parametrize(
    ("part", "key", "kind", "error"),
    [
        ("artifact_archive", "artifact_archive_implementation", Distrusted, UntrustedLocationError),
        ("archive_listing", "archive_listing_implementation", Unreachable, StorageUnavailableError),
    ],
)
def test_storage_that_cannot_be_used_is_refused(settings, part, key, kind, error):
    entry = AdapterSettings(f"{__name__}.{kind.__name__}", key, ())
    with pytest.raises(error):
        Wiring(settings=settings._replace(**{part: entry})).check()


class Elsewhere(MemoryExecutionEnvironment):
    needs_file = False
    crosses = True

    @property
    def capabilities(self):
        return Capabilities(
            crosses_processes=self.crosses,
            survives_the_caller=True,
            cancel=True,
            live_logs=True,
            needs_bundle_file=self.needs_file,
        )


class NeedingFiles(Elsewhere):
    needs_file = True
    crosses = False


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (Elsewhere, "cache_implementation"),
        (NeedingFiles, "job_bundler_implementation is .* which makes no bundle files, but"),
    ],
)
def test_what_the_environment_cannot_reach_is_refused(settings, kind, named):
    entry = AdapterSettings(f"{__name__}.{kind.__name__}", "deployment_implementation", ())
    with pytest.raises(CapabilityError, match=named):
        Wiring(settings=settings._replace(deployment=entry)).check()
