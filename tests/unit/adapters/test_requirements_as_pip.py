"""Our reading of requirements files beside pip's own."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pip._internal.req.req_file import parse_requirements

from foundations.adapters.local_shell.requirements_file import ParsedLine, parse_lines

VARIABLES = {"VERSION": "2.0", "TOKEN": "hunter2", "NOTHING": ""}

LINES = [
    *("attrs", "attrs>=1,<2", "attrs >= 1 ; python_version < '3.12'", "attrs[a,b]==1", "a @ https://host/a.whl"),
    *("# a comment", "attrs # why", "attrs#no", "#attrs", "", "   ", "\tattrs", "attrs \\", "attrs\\", "\\", "  \\"),
    *("attrs==1 --hash=sha256:abc", "--hash=sha256:abc", "attrs --config-settings 'a=b c'", "attrs -- x"),
    *("-e .", "-e ./sub[dev]", "--editable=git+https://host/a.git@main#egg=a", "-e 'with space'", "--editable x"),
    *(
        "-r more.txt",
        "-rmore.txt",
        "--requirement more.txt",
        "--requirement=more.txt",
        '-r "more.txt"',
        "-r 'more.txt'",
    ),
    *("-c more.txt", "-cmore.txt", "--constraint=inner/limits.txt", "-r inner/base.txt", "-r inner/base.txt --pre"),
    *("--pre -r more.txt", "-c more.txt -r inner/base.txt", "-e a -r more.txt", "-i https://host/simple", "--pre"),
    *("./sub", "sub/", "../x", "/abs/path", "file:///x/y.whl", "https://host/a-1.0.tar.gz", "git+ssh://git@host/a.git"),
    *("a==${VERSION}", "a==${ABSENT}", "a==${NOTHING}", "a==$VERSION", "a==${version}", "git+https://${TOKEN}@host/a"),
    *("-r ${VERSION}.txt", "naïve", "a\u2028b", "a\x0cb", "a\x85b"),
]
FILES = {
    "more.txt": "more>=1\n-r inner/base.txt\n",
    "inner/base.txt": "base\n-c limits.txt\n",
    "inner/limits.txt": "limited<3 # why\n-e ./here\n",
    "2.0.txt": "versioned\n",
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A directory with files that others include; the variables that they name are set."""
    logging.getLogger("pip").disabled = True
    path = tmp_path_factory.mktemp("pip")
    (path / "inner").mkdir()
    for name, content in FILES.items():
        (path / name).write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ABSENT", raising=False)
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        yield path


def once(lines):
    """Return the lines in order, each once: a file that is included twice is read once by us."""
    return list(dict.fromkeys(lines))


def pips(path):
    """Return what pip reads."""
    return once(
        (line.requirement.strip(), line.is_editable, line.constraint)
        for line in parse_requirements(str(path), session=None)
    )


def ours(path):
    """Return what we read."""
    return once(
        (line.target, line.is_editable, line.is_constraint)
        for line in parse_lines(path)
        if isinstance(line, ParsedLine)
    )


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_read_as_pip_reads_it(directory, line):
    path = directory / "one.txt"
    path.write_text(f"first\n{line}\nlast\n")
    assert pips(path) == ours(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.sampled_from(LINES), max_size=8), ending=st.sampled_from(["\n", "\r\n"]), last=st.booleans())
def test_a_file_is_read_as_pip_reads_it(directory, encoding, lines, ending, last):
    path = directory / "requirements.txt"
    path.write_bytes((ending.join(lines) + ending * last).encode(encoding))
    assert pips(path) == ours(path)


def test_a_coding_line_counts_as_for_pip(directory):
    path = directory / "coding.txt"
    path.write_bytes("# vim: set fileencoding=latin-1 :\nna\xefve\n".encode("latin-1"))
    assert [("naïve", False, False)] == pips(path) == ours(path)
