import json
import sys
import time

import pytest

from foundations.app.config.manager import ConfigManager
from foundations.app.wiring import Wiring
from foundations.domain.jobs.archive_layout import CACHE_NOTES, RESULT
from foundations.domain.jobs.result_document import ResultDocument
from foundations.ports.archive_listing import JobRecord

KNOWN = json.dumps({"stage": "train", "job": "train-1", "created_at": 5.0, "seconds": 125}).encode()


def keys(cache):
    return sorted(entry.key for entry in cache.entries())


def size(cache):
    return sum(entry.size for entry in cache.entries())


@pytest.fixture
def three(cache):
    """The cache, with three entries that were used in the order of their names."""
    for name in ("a", "b", "c"):
        cache.put(name, [b"x" * 1000], KNOWN)
    return cache


# -- an empty cache ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["stats", "ls"])
def test_a_cache_that_only_another_process_could_fill_says_so(run, cache, store, command):
    done = run("cache", command)
    assert (0, "") == (done.exit_code, done.stderr)
    told = (
        f"foundations.MemoryCacheBackend({store}) keeps its entries in the process that puts them: here it is empty.\n"
    )
    assert told == done.stdout


@pytest.mark.parametrize("command", ["stats", "ls"])
def test_an_empty_cache_says_how_it_is_filled(run, directory, tmp_path, command):
    done = run("cache", command)
    told = (
        f"The cache is empty: foundations.LocalFileSystemCacheBackend({tmp_path}/home/cache).\n"
        "Outputs of stages get into it that ask for it, as in train(data).enable_caching().run().\n"
    )
    assert (0, told, "") == (done.exit_code, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [["gc", "--max-size", "1"], ["clear", "--yes"]])
def test_nothing_is_removed_from_an_empty_cache(run, cache, arguments):
    done = run("cache", *arguments)
    assert (0, "Removed 0 entries (0 B); 0 entries (0 B) left.\n") == (done.exit_code, done.stdout)


# -- stats and ls -----------------------------------------------------------------------------------------------------


def test_statistics_as_a_document(run, three, store):
    done = run("cache", "stats", "--json")
    document = json.loads(done.stdout)
    assert (0, "") == (done.exit_code, done.stderr)
    assert [
        "cache",
        "entries",
        "size",
        "oldest_creation",
        "newest_creation",
        "oldest_use",
        "newest_use",
        "largest",
        "sizes",
    ] == list(document)
    assert (f"foundations.MemoryCacheBackend({store})", 3, size(three)) == (
        document["cache"],
        document["entries"],
        document["size"],
    )
    assert time.time() == pytest.approx(document["oldest_use"], abs=600)
    assert ["key", "size", "created_at", "last_used_at"] == list(document["largest"])
    assert [0, 1000, 10**6, 10**9] == [part["at_least"] for part in document["sizes"]]


def test_statistics_for_people(run, three):
    done = run("cache", "stats")
    assert ["cache", "entries", "size", "largest", "created", "last", "", "of"] == [
        line.partition(" ")[0] for line in done.stdout.splitlines()[:8]
    ]
    assert "entries    3\n" in done.stdout
    assert " ago\n" in done.stdout


def test_statistics_tell_how_many_entries_are_of_which_size(run, cache, configure, directory):
    (directory / "huge_cache.py").write_text(
        "from foundations import MemoryCacheBackend\n"
        "class Huge(MemoryCacheBackend):\n"
        "    def entries(self):\n"
        "        return (entry._replace(size=int(entry.key)) for entry in super().entries())\n"
    )
    sys.path.append(str(directory))
    configure(type_name="huge_cache.Huge")
    for size in (1, 2, 10**6, 10**9, 3 * 10**9):
        cache.put(f"{size}", [b"value"])
    lines = [" ".join(line.split()) for line in run("cache", "stats").stdout.splitlines()]
    expected = ["of entries size", "less than 1 kB 2 3 B", "1 MB to 1 GB 1 1 MB", "1 GB or more 2 4 GB"]
    assert expected == lines[-4:]


def test_entries_are_listed_with_their_stage_and_job(run, three):
    done = run("cache", "ls", "--order", "created")
    heading, *rows = [line.split() for line in done.stdout.splitlines()]
    assert ["size", "last", "used", "created", "took", "stage", "job", "key"] == heading
    assert {("2", "min", "train", "train-1")} == {tuple(row[6:10]) for row in rows}
    assert ["a", "b", "c"] == sorted(row[-1] for row in rows)


def test_a_limited_list_says_beside_it_how_many_there_are(run, three):
    done = run("cache", "ls", "--limit", "1")
    assert 2 == len(done.stdout.splitlines())
    assert done.stderr.startswith("1 of 3 entries, ")


def test_entries_as_a_document(run, three):
    three.put("large", [b"x" * 5000])
    done = run("cache", "ls", "--order", "size", "--limit", "2", "--json")
    document = json.loads(done.stdout)
    assert (["cache", "entries", "total_entries", "total_size"], "") == (list(document), done.stderr)
    assert (4, size(three)) == (document["total_entries"], document["total_size"])
    large, second = document["entries"]
    assert ["key", "size", "created_at", "last_used_at", "stage", "job", "seconds"] == list(large)
    assert ["large", None, None, None] == [large[name] for name in ("key", "stage", "job", "seconds")]
    assert ["a", "train", "train-1", 125.0] == [second[name] for name in ("key", "stage", "job", "seconds")]


def test_what_a_job_has_put_beside_an_entry_cannot_steer_a_terminal(run, cache):
    cache.put("key", [b"value"], json.dumps({"stage": "\x1b[2J\n", "job": "\ud800"}).encode())
    done = run("cache", "ls")
    assert "\\x1b[2J\\n  \\ud800" in done.stdout
    assert 2 == len(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--order", "name", "'name' is not an order: give used, created or size."),
        ("--order", "SIZE", "'SIZE' is not an order: give used, created or size."),
        *(
            ("--limit", value, f"'{value}' is not a number of entries: give 1 or more, as in 10.")
            for value in ("0", "-3", "1.5", "x", "", "²")
        ),
    ],
)
def test_an_option_of_another_kind_is_a_mistake_in_the_usage(run, three, option, value, told):
    done = run("cache", "ls", option, value)
    assert (2, "") == (done.exit_code, done.stdout)
    assert done.stderr.endswith(f"Error: Invalid value for '{option}': {told}\n")


def test_a_mistake_is_no_document(run, three):
    done = run("cache", "ls", "--order", "name", "--json")
    assert (2, "") == (done.exit_code, done.stdout)


# -- gc ---------------------------------------------------------------------------------------------------------------


def test_a_collection_needs_to_be_told_what_may_go(run, three):
    done = run("cache", "gc", "--dry-run")
    assert (2, "") == (done.exit_code, done.stdout)
    assert done.stderr.endswith("Error: Nothing says what may go: give --max-size, --older-than or both.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-size", "20G"], "say GB (1000) or GiB (1024)"),
        (["--max-size", "much"], "'much' is not a size"),
        (["--older-than", "30"], "'30' is not a duration"),
        (["--older-than", "-3d"], "'-3d' is not a duration"),
        (["--max-size", "-5GB"], "'-5GB' is not a size"),
        (["--max-size", ""], "'' is not a size"),
    ],
)
def test_what_is_no_size_or_duration_is_a_mistake_in_the_usage(run, three, arguments, told):
    done = run("cache", "gc", *arguments)
    assert (2, "") == (done.exit_code, done.stdout)
    assert told in done.stderr
    assert ["a", "b", "c"] == keys(three)


def test_a_collection_removes_and_tells_how_much(run, three):
    each = size(three) // 3
    done = run("cache", "gc", "--max-size", f"{2 * each}")
    assert (0, "") == (done.exit_code, done.stderr)
    assert done.stdout.startswith("Removed 1 entry (")
    assert done.stdout.endswith(") left.\n")
    assert 2 == len(keys(three))


def test_a_dry_run_lists_what_would_go(run, three):
    done = run("cache", "gc", "--older-than", "0s", "--dry-run")
    *table, blank, told = done.stdout.splitlines()
    assert (4, "") == (len(table), blank)
    assert ["not used for long"] * 3 == [" ".join(line.split()[4:8]) for line in table[1:]]
    assert told.startswith("3 entries (")
    assert told.endswith(" would go, 0 entries (0 B) would be left.")
    assert ["a", "b", "c"] == keys(three)


def test_a_dry_run_that_finds_nothing_says_so(run, three):
    done = run("cache", "gc", "--older-than", "1w", "--dry-run")
    assert done.stdout.startswith("0 entries (0 B) would go, 3 entries (")


@pytest.mark.parametrize(("dry_run", "left"), [(True, ["a", "b", "c"]), (False, [])])
def test_a_collection_as_a_document(run, three, dry_run, left):
    done = run("cache", "gc", "--max-size", "0", "--json", *(["--dry-run"] if dry_run else []))
    document = json.loads(done.stdout)
    assert ["cache", "dry_run", "removed", "removed_size", "failed", "left_entries", "left_size"] == list(document)
    assert (dry_run, [], 0, 0) == tuple(document[name] for name in ("dry_run", "failed", "left_entries", "left_size"))
    assert ["key", "size", "created_at", "last_used_at", "why"] == list(document["removed"][0])
    assert ["a", "b", "c"] == sorted(entry["key"] for entry in document["removed"])
    assert left == keys(three)


@pytest.fixture
def stubborn(three, configure, directory):
    """The cache, of which only one entry can be removed."""
    (directory / "stubborn_cache.py").write_text(
        "from foundations import MemoryCacheBackend\n"
        "from foundations.errors import StorageUnavailableError\n"
        "class Stubborn(MemoryCacheBackend):\n"
        "    def delete(self, key):\n"
        "        if key == 'a':\n"
        "            return super().delete(key)\n"
        "        raise StorageUnavailableError(f'cannot delete {key}')\n"
    )
    configure(type_name="stubborn_cache.Stubborn")
    return three


@pytest.mark.parametrize("arguments", [["gc", "--max-size", "0"], ["clear", "--yes"]])
def test_entries_that_cannot_be_removed_are_told_and_stop_nothing(run, stubborn, arguments):
    done = run("cache", *arguments)
    assert (1, ["b", "c"]) == (done.exit_code, keys(stubborn))
    assert done.stdout.startswith("Removed 1 entry (")
    assert "Error: 2 entries could not be removed:\n  b: cannot delete b\n  c: cannot delete c\n" == done.stderr


def test_of_many_failures_a_few_are_told(run, stubborn):
    for number in range(20):
        stubborn.put(f"d-{number}", [b"value"])
    done = run("cache", "clear", "--yes")
    assert 7 == len(done.stderr.splitlines())
    assert "  and 17 more" == done.stderr.splitlines()[-1]


# -- clear ------------------------------------------------------------------------------------------------------------


def test_clearing_without_a_terminal_needs_a_yes(run, three):
    done = run("cache", "clear", input="y\n")
    assert (2, "", ["a", "b", "c"]) == (done.exit_code, done.stdout, keys(three))
    assert "There is no terminal to ask on: give --yes" in done.stderr


@pytest.mark.parametrize("yes", ["--yes", "-y"])
def test_clearing_tells_how_much_went(run, three, yes):
    done = run("cache", "clear", yes)
    assert (0, []) == (done.exit_code, keys(three))
    assert done.stdout.startswith("Removed 3 entries (")
    assert done.stdout.endswith("); 0 entries (0 B) left.\n")


def test_clearing_as_a_document(run, three):
    document = json.loads(run("cache", "clear", "--yes", "--json").stdout)
    assert ["cache", "removed", "removed_size", "failed", "left_entries", "left_size"] == list(document)
    assert {"all"} == {entry["why"] for entry in document["removed"]}


# -- why --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(cache):
    """The archive of the working directory's configuration, with a job of two stages."""
    wiring = Wiring(settings=ConfigManager().settings())
    wiring.listing.track(JobRecord("ended", 0.0))
    wiring.listing.track(JobRecord("begun", 0.0))
    made = wiring.archives.miscellaneous
    document = ResultDocument(["1", "2"], ["load\n", "train"], [1.0, 2.0], [2.0, 3.0], {})
    notes = {"1": {"outcome": "hit", "why": "computed by job \x1b[2J", "key": "k"}}
    made.write("ended", RESULT, [json.dumps(document.to_json()).encode()])
    made.write("ended", CACHE_NOTES, [json.dumps({"format": 1, "stages": notes, "closures": {}}).encode()])
    return made


def test_what_the_cache_did_is_told_a_line_a_stage(run, archive):
    done = run("cache", "why", "ended")
    told = "load\\n  hit         computed by job \\x1b[2J\ntrain   not cached  caching was not enabled for it\n"
    assert (0, told, "") == (done.exit_code, done.stdout, done.stderr)


def test_what_the_cache_did_as_a_document(run, archive):
    (stage,) = json.loads(run("cache", "why", "ended", "train", "--json").stdout)["stages"]
    assert {
        "stage": "train",
        "uuid": "2",
        "outcome": "not cached",
        "key": None,
        "why": "caching was not enabled for it",
        "differences": [],
    } == stage


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "has no job named 'nothing'."),
        (["../ended"], "job name '../ended' refused: "),
        (["ended", "g\n"], "job ended has no stage g\\n; its stages are load\\n, train\n"),
        (["ended", ""], "job ended has no stage '';"),
        (["begun"], "job begun is Queued and has no result document."),
    ],
)
def test_a_job_or_stage_that_is_not_there_is_told_on_one_line(run, archive, arguments, told, options):
    done = run("cache", "why", *arguments, *options)
    assert (1, "", 1) == (done.exit_code, done.stdout, len(done.stderr.splitlines()))
    assert told in done.stderr


def test_a_job_whose_documents_are_damaged_is_told(run, archive):
    archive.write("ended", RESULT, [b"{"])
    done = run("cache", "why", "ended")
    assert (1, "") == (done.exit_code, done.stdout)
    assert f"Error: {RESULT} of job ended is damaged in the archive: " in done.stderr
