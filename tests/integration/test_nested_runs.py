"""Modules that run jobs when they are imported: no job starts another."""

from __future__ import annotations

import pytest
from support import Project

pytestmark = pytest.mark.measured

_FIRST = """
from foundations import *

@create_stage
def one():
    return 1

deployment = one().run(job_name="first")
"""

_SECOND = """
import first
from foundations import *

try:
    first.deployment.fetch_job_results()
except RemoteException as error:
    print(error.state, error.cause, "below `if __name__" in str(error))
"""


def test_a_module_that_runs_a_job_when_it_is_imported_starts_no_chain_of_jobs(project: Project) -> None:
    project.write({"first.py": _FIRST, "second.py": _SECOND})

    assert "Error environment_setup True\n" == project.run("second.py")
    assert ["first"] == project.job_names()
