"""What people write about real jobs, from processes of their own, beside the job and one another."""

import pytest
from support import Project

TRAIN = """from foundations import *

def train():
    return 1

set_project_name("wine")
if __name__ == "__main__":
    create_stage(train)().with_job(tags=["first"], note="a try").run(job_name="job").fetch_job_results()
"""
ANNOTATE = """import sys
from foundations import *
deployment = load_job("job")
for turn in range(20):
    deployment.set_tag(sys.argv[1], turn)
deployment.set_note("done")
"""
SHOW = """from foundations import *
from foundations.app.wiring import Wiring
from foundations.domain.records.job_record import record_to_json
stores = Wiring(settings=config_manager.settings())
listed, archived = stores.listing.get("job"), stores.archives.read_record("job")
annotations = stores.archives.read_annotations("job")
print(listed.project, dict(listed.tags) == dict(annotations.tags), listed.note == annotations.note)
print(sorted(annotations.tags.items()), annotations.note)
print(record_to_json(listed) == record_to_json(archived))
"""


@pytest.mark.measured
def test_annotations_of_several_processes_are_all_in_listing_and_archive(project: Project) -> None:
    project.write({"train.py": TRAIN, "annotate.py": ANNOTATE, "show.py": SHOW})
    project.run("train.py")
    writers = [project.start("annotate.py", name) for name in ("a", "b", "c")]
    assert [("", 0)] * 3 == [(writer.communicate()[0], writer.returncode) for writer in writers]
    assert ("wine True True\n[('a', '19'), ('b', '19'), ('c', '19'), ('first', '')] done\nTrue\n") == project.run(
        "show.py"
    )


def test_a_writer_that_is_killed_leaves_annotations_that_the_next_one_completes(project: Project) -> None:
    project.write({"train.py": TRAIN, "annotate.py": ANNOTATE, "show.py": SHOW})
    project.run("train.py")
    body = """import os, signal
from foundations import *
from foundations.domain.jobs.archive_layout import Archives
Archives.write_annotations = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
load_job("job").set_tag("killed", 1)
"""
    project.write({"killed.py": body})
    assert -9 == project.attempt("killed.py").returncode
    project.write({"again.py": "from foundations import *\nload_job('job').set_tag('next')"})
    project.run("again.py")
    assert ("wine True True\n[('first', ''), ('killed', '1'), ('next', '')] a try\nTrue\n") == project.run("show.py")
