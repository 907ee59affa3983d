import json
from pathlib import Path

import pytest

from foundations.adapters.cloudpickling import CloudpickleSerialiser
from foundations.domain.jobs.bundle import RUNTIME_PACKAGES, Bundle, bundle_contents
from foundations.domain.jobs.job import Job
from foundations.domain.pipeline.graph import Pipeline
from foundations.errors import NotSerialisableError
from foundations.ports.bundling import BundleContents, BundleFile, JobBundler
from foundations.ports.execution import ExecutionEnvironment, Submission

FILE = BundleFile(job_name="job", path=None, index_size=1, sha256="0" * 64, digest="1" * 64, size=2)


@pytest.fixture
def bundler(mocker):
    bundler = mocker.create_autospec(JobBundler, instance=True)
    bundler.make.return_value = FILE
    bundler.read.side_effect = lambda file, member: {(FILE, "job.bin"): b"the job", (FILE, "p.tgz"): b"the project"}[
        file, member
    ]
    return bundler


@pytest.fixture
def bundle(bundler):
    return Bundle(FILE, bundler)


def contents_of(job, **options):
    return bundle_contents(
        job,
        {"user_settings": {"a": 1}},
        project_member="sub/p.tgz",
        serialiser=CloudpickleSerialiser(),
        read_resource=lambda name: f"resource {name}".encode(),
        **options,
    )


def job_of(stage, **parameters):
    return Job("job", Pipeline.of(stage), parameters, project="/home/ann/project", import_paths=(".",))


class TestContents:
    def test_a_bundle_holds_the_job_its_configuration_and_the_runner(self, stage):
        contents = contents_of(job_of(stage(len, "abc")))
        assert ["job.bin", "job.config.yaml", "main.py", "run.sh"] == sorted(contents.members)
        assert "job" == Job.from_buffer(contents.members["job.bin"], CloudpickleSerialiser()).name
        assert {"user_settings": {"a": 1}} == json.loads(contents.members["job.config.yaml"])
        assert [b"resource main.py", b"resource run.sh"] == [contents.members[name] for name in ("main.py", "run.sh")]

    def test_it_lies_beside_the_project_that_it_packs(self, stage):
        extra = (Path("/home/ann/extra"),)
        contents = contents_of(job_of(stage(int)), extra_source_paths=extra)
        assert contents == BundleContents(
            job_name="job",
            members=contents.members,
            project=Path("/home/ann/project"),
            project_member="sub/p.tgz",
            directory=Path("/home/ann"),
            extra_source_paths=extra,
            runtime_packages=RUNTIME_PACKAGES,
        )

    def test_what_cannot_be_serialised_is_named(self, stage):
        with pytest.raises(NotSerialisableError) as raised:
            contents_of(job_of(stage(len, (value for value in ""))))
        assert ("len", "len(argument 1)") == (raised.value.stage, raised.value.path)


def test_a_bundle_is_made_by_its_bundler(bundler, stage):
    contents = contents_of(job_of(stage(int)))
    bundle = Bundle.make(contents, bundler)
    bundler.make.assert_called_once_with(contents)
    assert (FILE, "job", "<bundle of job job>") == (bundle.file, bundle.job_name, repr(bundle))


def test_it_is_verified_and_discarded_by_its_bundler(bundle, bundler):
    bundle.verify()
    bundler.verify.assert_called_once_with(FILE)
    bundle.discard()
    bundler.discard.assert_called_once_with(FILE)


def test_its_job_and_its_project_can_be_read(bundle):
    assert (b"the job", b"the project") == (bundle.read_job(), bundle.read_project("p.tgz"))


def test_an_environment_is_given_its_file_and_the_variables(bundle, bundler, mocker):
    environment = mocker.create_autospec(ExecutionEnvironment, instance=True)
    bundle.submit(environment, {"A": "1"})
    environment.submit.assert_called_once_with(Submission(job_name="job", bundle=FILE, variables={"A": "1"}))
    bundler.discard.assert_not_called()
