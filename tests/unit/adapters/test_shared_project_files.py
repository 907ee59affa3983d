import contextlib
import functools
import os
import shutil
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from foundations import events
from foundations.adapters._shared.project import ignoring
from foundations.adapters._shared.project import project_files as module
from foundations.adapters._shared.project.ignoring import (
    IGNORED_ENDINGS,
    IGNORED_NAMES,
    _is_ignored_by_default,
    explain_exclusion,
)
from foundations.adapters._shared.project.project_files import files_to_bundle, project_files
from foundations.adapters._shared.project.project_size import ProjectLimits
from foundations.errors import BundleError
from foundations.ports.bundling import BundleContents


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    return root


def fill(root, *names):
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)


def files(root):
    return [entry.path for entry in project_files(root) if entry.kind != "directory"]


def test_everything_goes_in_sorted_with_kinds_sizes_and_modes(root):
    fill(root, "b.txt", "a/c", "empty/")
    (root / "a" / "c").chmod(0o700)
    (root / "link").symlink_to("a/c")
    assert [
        ("a", "directory", 0, 0o755, ""),
        ("a/c", "file", 3, 0o755, ""),
        ("b.txt", "file", 5, 0o644, ""),
        ("empty", "directory", 0, 0o755, ""),
        ("link", "link", 0, 0o644, "a/c"),
    ] == [(entry.path, entry.kind, entry.size, entry.mode, entry.target) for entry in project_files(root)]


def test_paths_begin_with_the_prefix(root):
    fill(root, "a/b")
    assert ["x/a", "x/a/b"] == [entry.path for entry in project_files(root, "x/")]


def test_what_no_job_needs_stays_out(root):
    fill(
        root,
        "kept.py",
        ".git/config",
        "a/__pycache__/x.pyc",
        "a/x.pyc",
        ".venv/bin/python",
        "deep/er/node_modules/x",
        ".env",
    )
    assert ["kept.py"] == files(root)


def test_a_virtual_environment_stays_out_whatever_its_name(root):
    fill(root, "kept.py", "my-python/pyvenv.cfg", "my-python/lib/site.py", "pyvenv.cfg")
    assert ["kept.py", "pyvenv.cfg"] == files(root)


def test_an_environment_of_conda_stays_out_whatever_its_name(root):
    fill(root, "my env/conda-meta/history", "my env/lib/libmkl.so", ".pixi/envs/default/lib/x.so", "train.py")
    fill(root, "__pypackages__/3.11/lib/x.py", ".tox/py/x.py", ".nox/tests/x.py", "conda.yaml")
    assert ["conda.yaml", "train.py"] == files(root)


def test_the_directories_in_which_foundations_stores_data_stay_out_and_are_told(root, capsys):
    fill(root, "results/jobs/x", "other/results/y", "cache/z", "train.py")
    found = project_files(root, excluded=(root / "results", root / "cache", root / "absent", root))
    assert ["other/results/y", "train.py"] == [entry.path for entry in found if entry.kind != "directory"]
    told = capsys.readouterr().err
    assert [1, 1] == [told.count(f"path={root}/{name} ") for name in ("results", "cache")]


def test_a_store_stays_out_under_whatever_name_it_is_configured_and_found(root, tmp_path):
    store = tmp_path / "elsewhere" / "store"
    store.mkdir(parents=True)
    fill(root, "inner/results/jobs/x", "train.py")
    (root / "first").symlink_to(store)
    (root / "inner" / "second").symlink_to("../first")
    (root / "third").symlink_to("inner/results")
    (tmp_path / "link").symlink_to(root / "inner")
    excluded = (tmp_path / "elsewhere" / ".." / "elsewhere" / "store", tmp_path / "link" / "results")
    assert ["inner", "train.py"] == [entry.path for entry in project_files(root, excluded=excluded)]


def test_the_ignore_file_has_the_syntax_of_gitignore(root):
    fill(root, "data/big.csv", "data/small.csv", "logs/a", "src/logs/b", "tmp/x", "src/tmp/y", "a.log", "b.txt")
    (root / ".foundationsignore").write_text("# comment\n*.csv\n!small.csv\n/tmp/\nlogs/\n*.log\n")
    assert [".foundationsignore", "b.txt", "data/small.csv", "src/tmp/y"] == files(root)


@pytest.mark.parametrize(("most", "is_whole"), [(100, True), (1, False)])
def test_what_is_ignored_is_measured_by_its_line_for_debugging(root, monkeypatch, most, is_whole):
    monkeypatch.setenv("FOUNDATIONS_LOG_LEVEL", "debug")
    monkeypatch.setattr(ignoring, "_MOST_MEASURED", most)
    logged = []
    monkeypatch.setattr(events, "_emit", lambda level, event, keys: logged.append((event, *keys.values())))
    fill(root, "raw/a", "raw/b/c", ".git/x", "x.log")
    for path in (root / "raw" / "a", root / "raw" / "b" / "c", root / ".git" / "x", root / "x.log"):
        path.write_text("12345")
    (root / ".foundationsignore").write_text("*.log\n/raw\n")
    project_files(root)
    measured = [entry[1:] for entry in logged if entry[0] == "ignored"]
    expected = {
        ("line 2 of .foundationsignore (/raw)", "2", "10 bytes"),
        ("line 1 of .foundationsignore (*.log)", "1", "5 bytes"),
        ("the built-in list of names (.git)", "1", "5 bytes"),
    }
    is_told = ("ignored_not_measured", f"only {most} files that stay out are measured") in logged
    assert (is_whole, not is_whole) == (expected == set(measured), is_told)


def test_a_default_can_be_taken_back(root):
    fill(root, ".env", "x.pyc", "__pycache__/y")
    (root / ".foundationsignore").write_text("!.env\n!__pycache__\n")
    assert [".env", ".foundationsignore", "__pycache__/y"] == files(root)


def test_a_file_cannot_be_taken_back_from_a_directory_that_stays_out(root):
    fill(root, "data/kept")
    (root / ".foundationsignore").write_text("data/\n!data/kept\n")
    assert [".foundationsignore"] == files(root)


def test_the_ignore_file_may_have_come_from_windows(root):
    fill(root, "a.log")
    (root / ".foundationsignore").write_bytes(b"\xef\xbb\xbf*.log\r\n")
    assert [".foundationsignore"] == files(root)


@pytest.mark.parametrize(
    ("content", "logged"),
    [
        (b"\xff", r"\.foundationsignore: cannot be read"),
        (b"*.log\n!\n", r"\.foundationsignore:2: is not in the syntax"),
        (b"a*b*c*d*e*f\n", r"\.foundationsignore:1: has more than 4 asterisks in one name"),
        (b"!" + b"*" * 60 + b"&e\n", r"\.foundationsignore:1: has more than 4 asterisks in one name"),
        (b"a/" + b"**/a/" * 5 + b"b\n", r"\.foundationsignore:1: .* or \*\* more often"),
    ],
)
def test_an_ignore_file_that_cannot_be_read_is_named_with_the_line(root, content, logged):
    (root / ".foundationsignore").write_bytes(content)
    with pytest.raises(BundleError, match=logged):
        project_files(root)


@pytest.mark.parametrize(
    "line",
    [
        "# *.a, *.b, *.c, *.d, *.e and *.f are kept",
        r"\*\*\*\*\*\*",
        "[*][*][*][*][*][*]",
        "!**/*_*_*.py",
        "*/*/*/*/*/*",
    ],
)
def test_asterisks_that_cost_nothing_are_not_counted(root, line):
    (root / ".foundationsignore").write_text(line + "\n")
    assert [".foundationsignore"] == files(root)


def test_a_name_of_any_length_is_matched_in_seconds(root):
    fill(root, "a" * 200)
    (root / ".foundationsignore").write_text("*a*a*a*ab\n")
    assert [".foundationsignore", "a" * 200] == files(root)


LINES = st.lists(st.sampled_from(["*", "**", "a", "b", ".py", "/", "!", "#", " ", "\\", "[ab]", "?"]), max_size=6).map(
    "".join
)


@given(st.lists(LINES, min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_ignore_file_means_what_it_means_to_git(tmp_path_factory, lines):
    root = tmp_path_factory.mktemp("project")
    fill(root, "a", "b.py", "a b", "d/a", "d/b.py", "d/b/b.py", "d/d/d/a.py")
    (root / ".foundationsignore").write_text("\n".join(lines))
    try:
        spec = GitIgnoreSpec.from_lines([*IGNORED_NAMES, *(f"*{ending}" for ending in IGNORED_ENDINGS), *lines])
        found = files(root)
    except (BundleError, ValueError):
        return

    def stays_out(path):
        parts = path.split("/")
        inner = ["/".join(parts[:number]) + "/" for number in range(1, len(parts))]
        return any(spec.match_file(way) for way in [*inner, path])

    every = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    assert sorted(path for path in every if not stays_out(path)) == found


PARTS = st.lists(
    st.sampled_from([*IGNORED_NAMES, *IGNORED_ENDINGS, "a", "a.py", "x.pyc", ".gitignore", "A.PYC", "git", ".ENV"]),
    min_size=1,
    max_size=4,
)
SPEC = GitIgnoreSpec.from_lines([*IGNORED_NAMES, *(f"*{ending}" for ending in IGNORED_ENDINGS)])


@given(PARTS, st.booleans())
def test_without_an_ignore_file_the_same_stays_out_as_with_an_empty_one(parts, directory):
    def out(ignored):
        """Whether a walk leaves the path out: itself, or a directory on the way."""
        ways = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        return any(ignored(way, part, directory or way != ways[-1]) for way, part in zip(ways, parts, strict=True))

    assert out(lambda path, name, inner: SPEC.match_file(path + "/" * inner)) == out(
        functools.partial(_is_ignored_by_default, "")
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/a.npy", "line 2 of .foundationsignore (*.npy)"),
        ("raw/a.csv", "line 4 of .foundationsignore (raw/)"),
        (".git/config", "the built-in list of names (.git)"),
        ("keep.npy", None),
        ("train.py", None),
    ],
)
def test_the_rule_that_leaves_a_path_out_is_named(root, path, expected):
    (root / ".foundationsignore").write_text("# large\n*.npy\n!keep.npy\nraw/\n")
    assert expected == explain_exclusion(root, path)


def test_without_an_ignore_file_the_built_in_list_is_named(root):
    assert ("the built-in list of names (.env)", None) == (
        explain_exclusion(root, "a/.env"),
        explain_exclusion(root, "a/env"),
    )


# -- links and what is no file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["nowhere", "loop", "inner/nowhere"])
def test_links_that_lead_nowhere_or_to_themselves_stay_as_they_are(root, target):
    (root / "loop").symlink_to(target)
    assert [("loop", target)] == [(entry.path, entry.target) for entry in project_files(root)]


def test_a_link_to_a_directory_is_not_followed(root):
    fill(root, "a/b")
    (root / "a" / "again").symlink_to("../a")
    assert ["a", "a/again", "a/b"] == [entry.path for entry in project_files(root)]


def test_an_absolute_link_into_the_project_becomes_relative(root):
    fill(root, "a/b")
    (root / "a" / "link").symlink_to(root / "a" / "b")
    (root / "up").symlink_to(root)
    assert ["b", "."] == [entry.target for entry in project_files(root) if entry.kind == "link"]


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "../outside", "a/../../outside"])
def test_a_link_that_leads_out_is_named_with_the_remedy(root, target):
    (root / "link").symlink_to(target)
    with pytest.raises(BundleError, match=r"outside the project.*add the link to \.foundationsignore") as raised:
        project_files(root)
    assert str(root / "link") == raised.value.path


def test_a_link_that_leads_out_may_stay_out(root):
    (root / "link").symlink_to("/etc/passwd")
    (root / ".foundationsignore").write_text("/link\n")
    assert [".foundationsignore"] == files(root)


def test_fifos_and_sockets_are_passed_over_and_told(root, capsys, monkeypatch):
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        fill(root, "file")
        assert ["file"] == files(root)
    assert 2 == capsys.readouterr().err.count("not_bundled")


# -- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vanishing", ["file", "directory"])
def test_what_vanishes_while_the_project_is_listed_is_left_out_and_told(root, capsys, monkeypatch, vanishing):
    fill(root, "a", "file", "directory/b")
    scan = os.scandir

    def scanning(path):
        entries = list(scan(path))
        if path == str(root):
            shutil.rmtree(root / vanishing) if vanishing == "directory" else (root / vanishing).unlink()
        return contextlib.nullcontext(entries)

    monkeypatch.setattr(os, "scandir", scanning)
    found = files(root)
    assert {"file": ["a", "directory/b"], "directory": ["a", "file"]}[vanishing] == found
    assert "it vanished while the project was listed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["new\nline", "ä ö", "-n", "a\\b", "\x7f", "*", "'\""])
def test_any_name_in_utf8_goes_in(root, name):
    fill(root, name)
    assert [name] == files(root)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_name_that_is_no_utf8_is_named(root, kind):
    path = os.fsencode(root) + b"/\xff"
    os.mkdir(path) if kind == "directory" else os.close(os.open(path, os.O_CREAT))
    with pytest.raises(BundleError, match=r"\\udcff': the name is not valid UTF-8"):
        project_files(root)


def test_a_deep_path_goes_in(root):
    deep = "/".join(["d" * 100] * 30)
    fill(root, deep + "/file")
    assert [f"{deep}/file"] == files(root)


def test_a_path_deeper_than_the_system_can_name_is_an_error(root, monkeypatch):
    monkeypatch.chdir(root)
    for _ in range(45):
        os.mkdir("d" * 100)
        os.chdir("d" * 100)
    with pytest.raises(BundleError, match="cannot be read: File name too long"):
        project_files(root)
    os.chdir(root)


# -- size -------------------------------------------------------------------------------------------------------------


def test_a_project_that_is_too_large_is_refused_with_its_largest_entries(root):
    limits = ProjectLimits(size=1000)
    (root / "big").mkdir()
    (root / "big" / "file").write_bytes(bytes(900))
    (root / "small").write_bytes(bytes(200))
    with pytest.raises(BundleError, match="it holds more than 0 GiB") as raised:
        project_files(root, limits=limits)
    assert f"add to {root}/.foundationsignore:" in str(raised.value)
    (root / ".foundationsignore").write_text("/big\n")
    assert [".foundationsignore", "small"] == [entry.path for entry in project_files(root, limits=limits)]


def test_a_project_of_too_many_files_is_refused(root):
    fill(root, "a/1", "a/2", "b", "c")
    with pytest.raises(BundleError, match="it holds more than 3 files"):
        project_files(root, limits=ProjectLimits(files=3))


def test_a_refusal_names_only_what_matters_as_deep_as_it_lies_and_the_line_that_raises_the_limit(root):
    limits = ProjectLimits(size=10 * 2**20)
    for name, size in {"data/raw/a/film": 8, "data/raw/b": 0, "data/notes": 0, "train.py": 0, "models/m1": 1}.items():
        fill(root, name)
        with (root / name).open("ab") as stream:
            stream.truncate((size + 1) * 2**20 if size else 10)
    with pytest.raises(BundleError) as raised:
        project_files(root, limits=limits)
    message = str(raised.value)
    assert "seen: data/raw/a/film (9 MiB), models/m1 (2 MiB). To leave" in message
    assert ".foundationsignore:\n    /data/raw/a/film\n    /models/m1\nIf the job needs them" in message
    assert "constructor_keyword_arguments: {max_project_gib: 2}" in message


def test_a_refusal_for_too_many_files_counts_them(root):
    fill(root, *(f"cache/x/{number}" for number in range(99)), "train.py")
    with pytest.raises(BundleError, match=r"seen: cache/x \(\d+ files\)\. ") as raised:
        project_files(root, limits=ProjectLimits(files=100))
    assert "{max_project_files: 200}" in str(raised.value)


def test_a_large_project_is_reported_with_its_largest_files(root, capsys):
    fill(root, "data/raw/film", "data/table", "train.py")
    os.truncate(root / "data" / "raw" / "film", 60_000_000)
    os.truncate(root / "data" / "table", 2_000_000)
    contents = BundleContents(job_name="job", members={}, project=root, project_member="p.tgz", directory=root.parent)
    files_to_bundle(contents)
    reported = capsys.readouterr().err
    assert "large_project" in reported
    assert "largest='data/raw/film (60 MB), data/table (2 MB)'" in reported
    (root / ".foundationsignore").write_text("film\n")
    files_to_bundle(contents)
    assert "" == capsys.readouterr().err


def test_the_home_directory_is_refused_with_its_largest_entries(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    (root / "Downloads").mkdir()
    (root / "Downloads" / "film").write_bytes(bytes(3 * 2**20))
    (root / "Desktop").write_bytes(bytes(2**20))
    fill(root, "notes")
    with pytest.raises(BundleError, match="it is your home directory") as raised:
        project_files(root)
    assert "Downloads (3 MiB), Desktop (1 MiB). To leave" in str(raised.value)
    assert str(raised.value).endswith(f"add to {root}/.foundationsignore:\n    /Downloads\n    /Desktop")


def test_the_home_directory_with_an_ignore_file_is_a_project(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    fill(root, "Downloads/film", "notes")
    (root / ".foundationsignore").write_text("/Downloads\n")
    assert [".foundationsignore", "notes"] == files(root)


def test_the_root_of_the_file_system_is_refused():
    with pytest.raises(BundleError, match="it is the root of the file system") as raised:
        project_files(module.Path("/"), limits=ProjectLimits(files=2000))
    assert "add to /.foundationsignore:\n    /" in str(raised.value)


def test_a_user_without_a_home_can_have_projects(root, monkeypatch):
    monkeypatch.setattr(module.Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    fill(root, "a")
    assert ["a"] == files(root)


PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nabc\n"
DOCKER = '{"auths": {"host": {"auth": "dXNlcg=="}}}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            (name, "")
            for name in (".env.local", ".npmrc", ".netrc", "_netrc", ".pypirc", ".pgpass", ".git-credentials")
        ),
        *(
            (name, "")
            for name in (".dockercfg", ".htpasswd", ".Renviron", ".s3cfg", ".boto", ".vault-token", ".my.cnf")
        ),
        *((name, "") for name in ("id_rsa", "id_ed25519", "id_ecdsa_sk", "a.kdbx", "a.jks", "a.p12", "a.pfx", "a.ppk")),
        *((name, "") for name in ("kubeconfig", "credentials.json", "client_secret_1-a.apps.json", "token.pickle")),
        *((name, "") for name in (".streamlit/secrets.toml", "secrets.yaml", "application_default_credentials.json")),
        *((name, "") for name in (".aws/credentials", ".ssh/config", ".kube/config", ".gnupg/x", ".azure/x")),
        *((name, PRIVATE_KEY) for name in ("server.pem", "tls.key")),
        *((name, '{"private_key": "x"}') for name in ("my-service-account.json", "mine-0123456789ab.json")),
        *(
            (".docker/config.json", DOCKER),
            ("token.json", '{"refresh_token": "x"}'),
            (".cargo/credentials", "token = 1"),
        ),
    ],
)
def test_a_file_that_holds_secrets_stays_out(root, name, content):
    fill(root, name, "kept")
    (root / name).write_text(content)
    assert ["kept"] == files(root)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(
            (name, "")
            for name in (".env.example", ".env.template", "tokens.json", "tokenizer.json", "token.txt", "a.key")
        ),
        *(
            (name, "")
            for name in ("secrets.csv", "secrets/data.csv", "id_rsa.pub", "credentials", "keys.py", "config.json")
        ),
        *((name, "[]") for name in ("token.json", "service_accounts.json", "run-0123456789ab.json", "client.json")),
        *(
            ("cacert.pem", "-----BEGIN CERTIFICATE-----"),
            ("talk.key", "PK"),
            ("data/aws/x", ""),
            (".docker/Dockerfile", ""),
        ),
        *((name, "") for name in ("password.csv", "netrc.md", "env.local", "a.env", "kubeconfig.py", "credentials.py")),
    ],
)
def test_a_file_that_only_looks_like_one_is_bundled_without_a_word(root, capfd, name, content):
    fill(root, name)
    (root / name).write_text(content)
    assert ([name], "") == (files(root), capfd.readouterr().err)


def test_a_directory_of_secrets_can_be_included(root, capfd):
    fill(root, "inner/.aws/x", "inner/a")
    assert ["inner/a"] == files(root)
    assert "write !/inner/.aws/ into .foundationsignore" in capfd.readouterr().err
    (root / ".foundationsignore").write_text("!/inner/.aws/\n")
    assert [".foundationsignore", "inner/.aws/x", "inner/a"] == files(root)


def test_what_cannot_be_read_is_no_secret(root):
    fill(root, "a.pem/inner", "b")
    os.mkfifo(root / "c.pem")
    (root / "d.pem").symlink_to("b")
    assert ["a.pem/inner", "b", "d.pem"] == files(root)


@pytest.mark.parametrize("name", [".env.local", ".npmrc", "kubeconfig", "inner/.env.production"])
@pytest.mark.parametrize("ignored", [None, "*.log", "/{}", "!/{}"])
def test_a_file_of_secrets_stays_out_with_a_warning_that_names_the_line_which_includes_it(
    root, monkeypatch, name, ignored
):
    logged = []
    monkeypatch.setattr(
        events, "_emit", lambda level, event, keys: level != "debug" and logged.append((level, event, keys))
    )
    fill(root, name)
    if ignored is not None:
        (root / ".foundationsignore").write_text(ignored.format(name) + "\n")
    is_bundled = name in files(root)
    is_reported = [(level, event) for level, event, _ in logged] == [("warning", "secret_left_out")]
    assert (ignored == "!/{}", ignored in (None, "*.log")) == (is_bundled, is_reported)
    assert not is_reported or f"write !/{name} into .foundationsignore" in logged[0][2]["remedy"]
