"""Help texts, compared with golden files; tools/write_help.py writes these."""

from pathlib import Path

import pytest

from foundations.cli.commands import COMMANDS, Group

GOLDEN = Path(__file__).with_name("help")


def all_words(group, first=()):
    yield first
    for name, entry in group.commands.items():
        if isinstance(entry, Group):
            yield from all_words(entry, (*first, name))
        else:
            yield (*first, name)


WORDS = sorted(all_words(COMMANDS))


@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(("foundations", *words)))
def test_help_is_the_one_that_was_last_agreed_upon(run, words):
    golden = GOLDEN / f"{'-'.join(('foundations', *words))}.txt"
    assert (
        golden.read_text(encoding="utf-8") == run(*words, "--help", prog_name="foundations", terminal_width=78).stdout
    )


def test_every_golden_file_is_that_of_a_command():
    expected = {f"{'-'.join(('foundations', *words))}.txt" for words in WORDS}
    assert expected == {path.name for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(("foundations", *words)))
def test_help_fits_into_60_columns(run, words):
    body = run(*words, "--help", prog_name="foundations", terminal_width=58).stdout.partition("\n  Examples:")[0]
    assert [] == [line for line in body.splitlines() if len(line) > 60]


GROUPS = {words[:-1] for words in WORDS}
LEAVES = [words for words in WORDS if words not in GROUPS]
NEEDED = {
    "run": ["train.py"],
    **{name: ["job"] for name in ("why", "logs", "wait", "cancel")},
    "jobs show": ["job"],
    "gc": ["--max-size", "0"],
    "clear": ["--yes"],
    "trust": ["missing.yaml"],
}


def needed(words):
    """Return arguments that a command cannot do without."""
    return NEEDED.get(" ".join(words), NEEDED.get(words[-1], []))


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_an_unknown_option_is_a_usage_error_that_names_it(run, directory, words):
    done = run(*words, *needed(words), "--nothing")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "No such option: --nothing" in done.stderr


@pytest.mark.parametrize("words", [words for words in LEAVES if words[-1] != "cancel"], ids=" ".join)
def test_an_argument_too_many_is_a_usage_error(run, directory, words):
    done = run(*words, *needed(words), "a", "b", "c")
    assert (2, "") == (done.exit_code, done.stdout)
    assert "unexpected extra argument" in done.stderr


@pytest.mark.parametrize(
    "words", [words for words in LEAVES if words[-1] not in ("init", "run", "trust")], ids=" ".join
)
def test_a_broken_configuration_ends_every_command_that_reads_it_with_its_place(run, directory, words):
    (directory / "local.config.yaml").write_text("cache_audit: 2\n")
    done = run(*words, *needed(words))
    assert (1, "") == (done.exit_code, done.stderr if "Traceback" in done.output else "")
    assert f"{directory}/local.config.yaml:1: cache_audit: expected a share from 0 to 1" in done.output
