import hashlib
import json
import os
import random
import sys

import numpy as np
import pytest

from foundations.app.job.facts.gpus import GpuQuery
from foundations.app.job.facts.interpreter import describe_random_states, list_distributions
from foundations.app.job.facts.machine import describe_machine, host_name, seconds_since_start, user_name
from foundations.app.job.facts.repository import reading_repository


class TestDistributions:
    def test_those_that_no_index_has_are_listed_with_their_origin_but_without_passwords(self, tmp_path):
        for name, content in (
            ("plain-1.0", None),
            ("mine-2.0", {"url": "https://ann:hunter2@host/mine", "vcs_info": {"vcs": "git", "commit_id": "abc"}}),
        ):
            (tmp_path / f"{name}.dist-info").mkdir()
            if content is not None:
                (tmp_path / f"{name}.dist-info" / "direct_url.json").write_text(json.dumps(content))
        expected = {"mine-2.0": {"url": "https://ann:...@host/mine", "vcs_info": {"vcs": "git", "commit_id": "abc"}}}
        assert (["mine-2.0", "plain-1.0"], expected) == list_distributions([str(tmp_path), str(tmp_path / "absent")])

    def test_the_first_of_a_name_counts_and_nonsense_is_no_origin(self, tmp_path):
        for place in ("a", "b"):
            (tmp_path / place / "mine-1.0.dist-info").mkdir(parents=True)
            (tmp_path / place / "mine-1.0.dist-info" / "direct_url.json").write_text('{"url": "b"}')
        (tmp_path / "a" / "mine-1.0.dist-info" / "direct_url.json").write_text("{")
        assert (["mine-1.0"], {"mine-1.0": None}) == list_distributions([str(tmp_path / "a"), str(tmp_path / "b")])


class TestRandomStates:
    def test_equal_seeds_have_equal_digests(self):
        def states(seed):
            random.seed(seed)
            np.random.seed(seed)
            return describe_random_states()

        first, second, again = states(1), states(2), states(1)
        assert (True, True, {"random", "numpy"}) == (
            first == again,
            all(first[name] != second[name] for name in first),
            set(first),
        )

    def test_what_is_not_loaded_is_not_loaded_for_it(self, monkeypatch):
        for name in ("random", "numpy.random"):
            monkeypatch.delitem(sys.modules, name)
        assert ({}, False) == (describe_random_states(), "numpy.random" in sys.modules)


class TestMachine:
    def test_what_the_process_can_use(self, tmp_path):
        (tmp_path / "memory.max").write_text("1048576\n")
        facts = describe_machine(tmp_path)
        assert [True, True, 1048576] == [
            1 <= facts["usable_cpu_count"] <= facts["cpu_count"],
            facts["memory_bytes"] > 2**26,
            facts["memory_limit_bytes"],
        ]

    @pytest.mark.parametrize("limit", ["max\n", None])
    def test_no_limit_is_not_named(self, tmp_path, limit):
        if limit is not None:
            (tmp_path / "memory.max").write_text(limit)
        assert "memory_limit_bytes" not in describe_machine(tmp_path)

    def test_a_user_without_a_name_is_a_number(self, mocker):
        named = user_name()
        mocker.patch("pwd.getpwuid", side_effect=KeyError)
        assert (str(os.geteuid()), True) == (user_name(), bool(named))

    def test_the_host_has_a_name(self):
        assert os.uname().nodename == host_name()

    def test_a_process_that_is_gone_has_no_start(self):
        assert (True, None) == (seconds_since_start(os.getpid()) >= 0, seconds_since_start(2**22 + 1))


def test_without_a_repository_or_a_tool_nothing_is_started(tmp_path):
    query = GpuQuery()
    query.start(f"{tmp_path}::{tmp_path / 'absent'}")
    with reading_repository(tmp_path) as repository:
        assert (None, None) == (repository.read(), query.read())


def test_a_digest_is_a_sha_256():
    random.seed(1)
    assert hashlib.sha256(repr(random.getstate()).encode()).hexdigest() == describe_random_states()["random"]
