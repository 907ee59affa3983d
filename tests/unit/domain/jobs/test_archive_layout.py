from foundations.domain.jobs import archive_layout as items
from foundations.domain.jobs.archive_layout import Archives
from foundations.ports.archive import PipelineArchive


def test_archives_are_distinct_once_each(mocker):
    one, other = mocker.create_autospec(PipelineArchive), mocker.create_autospec(PipelineArchive)
    archives = Archives(
        stage_log=one, persisted_data=other, provenance=one, job_source=one, artifact=other, miscellaneous=one
    )
    assert [one, other] == archives.distinct()


def test_item_names_begin_with_the_archives_role():
    assert "persisted_data/u" == items.output_item("u")
    assert "stage_log/stages/u.json" == items.stage_item("u")
    assert "stage_log/stdout" == items.stream_item("stdout")
    assert items.ARTIFACTS.endswith("/")
    assert items.SOURCE.startswith("job_source/")
    assert items.PROVENANCE.startswith("provenance/")
    assert all(name.startswith("miscellaneous/") for name in (items.RESULT, items.END, items.EXCEPTION))
