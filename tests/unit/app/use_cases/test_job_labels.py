import os
import time

import pytest

from foundations import config_manager, set_project_name
from foundations.app.job.facts.machine import host_name, user_name
from foundations.app.wiring import Wiring
from foundations.errors import FoundationsError
from foundations.ports.job_query import JobQuery


@pytest.fixture
def record(sdk):
    """Return the record in the listing of a deployment's job."""

    def get(deployment):
        deployment.wait_for_deployment_to_complete()
        return Wiring(settings=sdk.config_manager.settings()).listing.get(deployment.job_name())

    return get


def test_a_job_is_of_the_project_that_the_directory_is_called(sdk, record):
    found = record(sdk.pipeline.stage(int).run())
    assert ("project", user_name(), host_name()) == (found.project, found.user, found.host)


def test_a_directory_whose_name_is_no_text_names_one_all_the_same(sdk, record, project, monkeypatch):
    odd = os.fsencode(project) + b"\xff"
    os.mkdir(odd)
    monkeypatch.chdir(os.fsdecode(odd))
    assert "project\N{REPLACEMENT CHARACTER}" == record(sdk.pipeline.stage(int).run()).project


def test_a_project_name_holds_for_later_runs(sdk, record):
    sdk.set_project_name("one: two")
    stage = sdk.pipeline.stage(int)
    projects = [record(stage.run()).project, record(stage.run()).project, record(stage.with_job("three").run()).project]
    assert ["one: two", "one: two", "three"] == projects


@pytest.mark.parametrize("name", ["", " ", None, 3])
def test_what_names_no_project_is_refused(sdk, name):
    with pytest.raises(FoundationsError, match="a project's name must"):
        sdk.set_project_name(name)
    assert None is sdk.config_manager.project_name


def test_in_a_job_a_project_name_changes_nothing(sdk, record):
    found = record(sdk.pipeline.stage(sdk.set_project_name, "another").run())
    assert ("project", None, "Completed") == (found.project, sdk.config_manager.project_name, found.state.value)


def test_the_project_name_of_a_test_ends_with_it(in_memory_sdk):
    with config_manager.replaced(in_memory_sdk.config_manager.settings()):
        set_project_name("of the test")
    assert "of the test" != config_manager.project_name


def test_labels_of_a_stage_are_those_of_its_jobs_and_of_no_others(sdk, record):
    first = sdk.pipeline.stage(int)
    target = first.stage(float)
    same = target.with_job(tags={"kind": "baseline", "n": 3}, note="a try") is target
    found, other = record(target.run()), record(first.run())
    assert (True, {"kind": "baseline", "n": "3"}, "a try", {}, None) == (
        same,
        found.tags,
        found.note,
        other.tags,
        other.note,
    )


def test_labels_are_in_the_archive_once_the_job_has_begun(sdk, record):
    deployment = sdk.pipeline.stage(int).with_job("mine", ["best"], "x").run()
    found = record(deployment)
    archives = Wiring(settings=sdk.config_manager.settings()).archives
    archived, annotations = archives.read_record(found.job_name), archives.read_annotations(found.job_name)
    assert (found.submitted_at, "mine", found.environment, {"best": ""}, "x") == (
        archived.submitted_at,
        archived.project,
        archived.environment,
        annotations.tags,
        annotations.note,
    )


@pytest.mark.parametrize("labels", [{"project": ""}, {"tags": 3}, {"note": 3}])
def test_labels_of_another_kind_are_refused(sdk, labels):
    with pytest.raises(FoundationsError):
        sdk.pipeline.stage(int).with_job(**labels)


def test_a_deployment_is_tagged_at_any_time_and_the_order_of_jobs_stays(sdk, record):
    deployments = [sdk.pipeline.stage(time.time).run() for _ in range(3)]
    for deployment in deployments:
        deployment.wait_for_deployment_to_complete()
    listing = Wiring(settings=sdk.config_manager.settings()).listing
    before = [each.job_name for each in listing.find(JobQuery())]
    deployments[0].set_tag("best")
    deployments[0].set_tag("loss", 0.5)
    deployments[0].set_tag("wrong", "x")
    deployments[0].remove_tag("wrong")
    deployments[0].set_note("keep")
    found = record(deployments[0])
    assert (before, {"best": "", "loss": "0.5"}, "keep") == (
        [each.job_name for each in listing.find(JobQuery())],
        found.tags,
        found.note,
    )


def test_what_is_no_tag_or_note_is_refused(sdk):
    deployment = sdk.pipeline.stage(int).run()
    for call in (lambda: deployment.set_tag(""), lambda: deployment.remove_tag(3), lambda: deployment.set_note(None)):
        with pytest.raises(FoundationsError, match="must"):
            call()
