from pathlib import Path

import pytest

from foundations import RemoteException, save_artifact
from foundations.app.wiring import Wiring
from foundations.domain.jobs.archive_layout import ARTIFACTS
from foundations.errors import FoundationsError, ItemNotFoundError


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Keep temporary files inside the test's directory."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


@pytest.fixture
def after(sdk):
    """Run a function as a job and return its deployment, once the job has ended."""

    def run(function, *arguments):
        deployment = sdk.pipeline.stage(function, *arguments).run()
        deployment.fetch_job_results()
        return deployment

    return run


def refusal(sdk, *arguments, **keyword_arguments):
    with pytest.raises(RemoteException) as caught:
        sdk.pipeline.stage(save_artifact, *arguments, **keyword_arguments).run().fetch_job_results()
    return str(caught.value)


class TestFiles:
    def test_a_file_is_archived_under_its_name_or_another(self, after, tmp_path):
        def work():
            Path(tmp_path / "plot.png").write_bytes(b"a plot")
            save_artifact(tmp_path / "plot.png")
            save_artifact("data.txt", "inputs/data")

        deployment = after(work)
        assert ["inputs/data", "plot.png"] == deployment.artifacts()
        assert "data of the project" == deployment.fetch_artifact("inputs/data", tmp_path / "fetched").read_text()

    def test_a_repeated_name_replaces(self, after, tmp_path):
        def work():
            for place in ("a", "b"):
                (tmp_path / place).mkdir()
                (tmp_path / place / "model").write_text(place)
                save_artifact(tmp_path / place / "model")

        deployment = after(work)
        assert ["model"] == deployment.artifacts()
        assert b"b" == deployment.fetch_artifact("model", tmp_path / "fetched").read_bytes()

    @pytest.mark.parametrize("path", ["absent", "."])
    def test_what_is_no_file_is_refused(self, sdk, path):
        assert "is not a file or a directory" in refusal(sdk, path)

    def test_text_that_is_taken_for_a_path_is_refused_with_the_way_to_save_it(self, sdk):
        assert "pass it encoded" in refusal(sdk, "dear diary", "note.txt")

    @pytest.mark.parametrize("what", ["data.txt", {"a": 1}])
    def test_a_name_that_leads_out_is_refused(self, sdk, what):
        assert "'../x.json' cannot name an artifact" in refusal(sdk, what, "../x.json")

    def test_a_target_that_cannot_be_written_is_refused(self, after, tmp_path):
        deployment = after(save_artifact, "data.txt")
        with pytest.raises(FoundationsError, match="absent is not a directory; make it first"):
            deployment.fetch_artifact("data.txt", tmp_path / "absent" / "target")

    @pytest.mark.parametrize("names", [("a/b", "a"), ("a", "a/b/c")])
    def test_a_file_is_not_below_another(self, sdk, names):
        def work():
            for name in names:
                save_artifact("data.txt", name)

        with pytest.raises(RemoteException, match="one would be below the other"):
            sdk.pipeline.stage(work).run().fetch_job_results()


class TestDirectories:
    @pytest.fixture
    def checkpoint(self, tmp_path):
        for name in ("shard-1", "optimiser/state.json"):
            (tmp_path / "checkpoint" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "checkpoint" / name).write_text("[1]")
        return tmp_path / "checkpoint"

    def test_a_directory_is_one_artifact_and_comes_back_as_a_directory(self, after, checkpoint, tmp_path, temporary):
        deployment = after(save_artifact, checkpoint)
        fetched = deployment.fetch_artifact("checkpoint/", tmp_path / "fetched")
        assert ["checkpoint"] == deployment.artifacts()
        assert "[1]" == (fetched / "optimiser" / "state.json").read_text()
        assert [] == list(temporary.iterdir())

    def test_a_file_of_it_can_be_fetched_and_loaded(self, after, checkpoint, tmp_path):
        deployment = after(save_artifact, checkpoint, "last/one")
        assert "[1]" == deployment.fetch_artifact("last/one/shard-1", tmp_path / "fetched").read_text()
        assert [1] == deployment.load_artifact("last/one/optimiser/state.json")

    def test_a_file_that_it_has_not_is_missing(self, after, checkpoint, tmp_path):
        with pytest.raises(ItemNotFoundError, match="'checkpoint/absent'; it has saved: checkpoint"):
            after(save_artifact, checkpoint).fetch_artifact("checkpoint/absent", tmp_path / "fetched")

    def test_a_repeated_name_replaces_the_whole_directory(self, after, checkpoint, tmp_path):
        def work():
            save_artifact(checkpoint)
            (checkpoint / "shard-1").unlink()
            save_artifact(checkpoint)

        fetched = after(work).fetch_artifact("checkpoint", tmp_path / "fetched")
        assert ["optimiser"] == [path.name for path in fetched.iterdir()]

    @pytest.mark.parametrize("is_file_first", [True, False])
    def test_a_directory_and_a_file_do_not_replace_one_another(self, sdk, checkpoint, is_file_first):
        def work():
            for what in ("data.txt", checkpoint) if is_file_first else (checkpoint, "data.txt"):
                save_artifact(what, "x")

        with pytest.raises(RemoteException, match=r"'x' was saved as a .* before, which a .* does not replace"):
            sdk.pipeline.stage(work).run().fetch_job_results()

    def test_files_that_were_saved_one_by_one_come_as_a_directory_too(self, sdk, after, tmp_path):
        deployment = after(save_artifact, "data.txt", "outputs/a/data.txt")
        target = deployment.fetch_artifact("outputs", tmp_path / "fetched")
        assert "data of the project" == (target / "a" / "data.txt").read_text()
        with pytest.raises(FoundationsError, match="already exists and is not overwritten"):
            deployment.fetch_artifact("outputs", tmp_path / "fetched")

    def test_an_existing_target_stays(self, after, checkpoint, tmp_path):
        with pytest.raises(FoundationsError, match="already exists and is not overwritten"):
            after(save_artifact, checkpoint).fetch_artifact("checkpoint", tmp_path)

    def test_a_directory_is_no_object(self, after, checkpoint):
        with pytest.raises(FoundationsError, match=r"'a.json' is a directory"):
            after(save_artifact, checkpoint, "a.json").load_artifact("a.json")


class TestObjects:
    def test_an_object_comes_back_by_its_suffix(self, after, temporary):
        def work():
            save_artifact({"loss": 1}, "reports/loss.json")
            save_artifact({"loss": 0.5}, "reports/loss.json")
            save_artifact({1, 2}, "set.pkl", pickle=True)

        deployment = after(work)
        assert [{"loss": 0.5}, {1, 2}] == list(map(deployment.load_artifact, ("reports/loss.json", "set.pkl")))
        assert [] == list(temporary.iterdir())

    def test_a_file_of_a_known_suffix_is_loaded_too(self, after):
        assert "data of the project" == after(save_artifact, "data.txt").load_artifact("data.txt")

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (({},), "an object of the type dict needs a name, whose suffix selects the format"),
            (({}, "model"), "the suffix of 'model' selects no format"),
            (({}, "model.bin"), "the suffix of 'model.bin' selects no format"),
            (({}, "model.pkl"), "Pass pickle=True, or choose another format"),
            (({1}, "model.json"), "cannot be saved as 'model.json'"),
            (({}, 3), "must be a string, not 3"),
        ],
    )
    def test_what_cannot_be_saved_is_refused(self, sdk, arguments, reason):
        assert reason in refusal(sdk, *arguments)

    def test_an_object_that_cannot_be_written_leaves_the_one_before(self, sdk):
        def work():
            save_artifact([1], "a.json")
            save_artifact({1}, "a.json")

        deployment = sdk.pipeline.stage(work).run()
        with pytest.raises(RemoteException):
            deployment.fetch_job_results()
        assert [1] == deployment.load_artifact("a.json")

    def test_a_suffix_without_a_format_is_refused_on_loading(self, after):
        with pytest.raises(FoundationsError, match=r"the suffix of 'model.bin' selects no format.*fetch_artifact"):
            after(save_artifact, "data.txt", "model.bin").load_artifact("model.bin")

    def test_an_artifact_that_was_not_saved_is_missing(self, after):
        with pytest.raises(ItemNotFoundError, match=r"no artifact 'b.json'; it has saved: a.json"):
            after(save_artifact, [1], "a.json").load_artifact("b.json")

    def test_many_are_named_in_part(self, sdk, after):
        deployment = after(save_artifact, [1], "a.json")
        archive = Wiring(settings=sdk.config_manager.settings()).archives.artifact
        for number in range(30):
            archive.write(deployment.job_name(), f"{ARTIFACTS}{number:02}", [b""])
        with pytest.raises(ItemNotFoundError, match=r"00, 01, .*19, \.\.\.$"):
            deployment.load_artifact("b.json")


def test_a_pipeline_in_the_same_process_only_logs_them(sdk, said):
    def work():
        save_artifact({"a": 1}, "a.json")
        save_artifact("data.txt")

    sdk.pipeline.stage(work).run_same_process()
    assert [
        {"name": "a.json", "archived": False},
        {"name": "data.txt", "path": "data.txt", "archived": False},
    ] == [keys for _, event, keys in said if event == "artifact"]
