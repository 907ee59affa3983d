import pytest

from foundations import concealment
from foundations.adapters.local_shell import requirements as module
from foundations.adapters.local_shell.requirements import check_requirements
from foundations.adapters.local_shell.requirements_file import RequirementLine, UnreadableLine, read_requirements
from foundations.errors import MissingRequirementsError


@pytest.fixture
def write(tmp_path):
    def write(content, name="requirements.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def logged(monkeypatch):
    logged = []
    monkeypatch.setattr(module.events, "warning", lambda event, **keys: logged.append((event, keys)))
    return logged


def texts(path):
    return [line.text for line in read_requirements(path) if isinstance(line, RequirementLine)]


def unreadable(path):
    return [line for line in read_requirements(path) if isinstance(line, UnreadableLine)]


@pytest.mark.parametrize(
    "content",
    [
        "attrs>=1\nnumpy\n".encode("utf-16"),
        b"\xfe\xff" + "attrs>=1\nnumpy\n".encode("utf-16-be"),
        "attrs>=1\nnumpy\n".encode("utf-32"),
        b"\xef\xbb\xbfattrs>=1\r\nnumpy\r\n",
        "# -*- coding: latin-1 -*-\nattrs>=1  # Übung\nnumpy\n".encode("latin-1"),
        "attrs>=1 # ok\n\n#numpy==3\nnumpy --hash=sha256:abc --hash=sha256:def\n",
        "attrs\\\n>=1\nnumpy \\\n  --hash=sha256:abc\n",
        "--index-url https://example.org\n-i x\n--pre\nattrs>=1\nnumpy\n",
        "attrs>=1 \\\n# a comment\nnumpy --config-settings='a=b'\n",
    ],
)
def test_a_file_is_read_as_pip_reads_it(write, content):
    assert ["attrs>=1", "numpy"] == texts(write(content))


def test_variables_that_are_set_are_replaced(write, monkeypatch):
    monkeypatch.setenv("VERSION", "2.0")
    monkeypatch.delenv("ABSENT", raising=False)
    assert ["numpy==2.0", "x==${ABSENT}", "y==$VERSION"] == texts(write("numpy==${VERSION}\nx==${ABSENT}\ny==$VERSION"))


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index-url https://bot:${MY_TOKEN}@host/simple",
        "--find-links https://host/wheels?sig=${MY_TOKEN}",
        "git+https://${MY_TOKEN}@host/a.git",
        "-e git+https://bot:${MY_TOKEN}@host/a.git#egg=a",
        "-r https://bot:${MY_TOKEN}@host/more.txt",
        "absent-package @ https://bot:${MY_TOKEN}@host/a.whl",
        "not a requirement https://bot:${MY_TOKEN}@host/" + "x" * 100,
        "not a requirement " + "x" * 60 + " https://bot:${MY_TOKEN}@host/",
        "absent-package @ https://bot:hunter2-literal@host/a.whl",
        "git+https://bot:hunter2-literal@host/a.git",
    ],
)
@pytest.mark.parametrize("imported", [[], ["absent_package"]])
def test_no_credential_of_a_url_is_in_any_message(write, monkeypatch, capfd, line, imported):
    monkeypatch.setattr(concealment, "_names", {})
    monkeypatch.setenv("MY_TOKEN", "hunter2-of-the-environment")
    shown = []
    try:
        check_requirements(write(line).parent, lambda: imported)
    except MissingRequirementsError as error:
        shown += [str(error), repr(error), *error.missing]
    shown.append(capfd.readouterr().err)
    assert [] == [text for text in shown if "hunter2" in text]
    assert bool(imported) == (len(shown) > 1) or "absent-package" not in line


def test_a_variable_that_is_no_credential_is_shown(write, monkeypatch, capfd):
    monkeypatch.setattr(concealment, "_names", {})
    for name, value in {"HOST": "host.example", "BRANCH": "main", "VERSION": "1.26.4"}.items():
        monkeypatch.setenv(name, value)
    check_requirements(write("git+https://${HOST}/a.git@${BRANCH}\nabsent-package==${VERSION}").parent, list)
    shown = capfd.readouterr().err
    assert "git+https://host.example/a.git@main" in shown
    assert "absent-package==1.26.4" in shown


@pytest.mark.parametrize(
    "content",
    [".", "./", ".[dev]", "-e .", "-e .[dev,docs]", "--index-url https://host/simple", "-i https://host/simple"],
)
def test_the_project_itself_and_options_about_indexes_are_no_requirements(write, content):
    assert [] == list(read_requirements(write(content)))


def test_files_that_are_included_are_read_relative_to_the_one_that_includes_them(write):
    write("-r more.txt\nb\n", "inner/base.txt")
    write("c\n--requirement=../requirements.txt\n", "inner/more.txt")
    write("d<2\n", "limits.txt")
    path = write("-r inner/base.txt\na\n-c limits.txt\n--constraint=https://example.org/c.txt\n-rabsent.txt\n")
    assert ["c", "b", "a", "d<2"] == texts(path)
    assert [False, False, False, True] == [
        line.is_constraint for line in read_requirements(path) if "text" in dir(line)
    ]
    reasons = [line.reason for line in unreadable(path)]
    assert "https://example.org/c.txt is not looked at" == reasons[0]
    assert "it cannot be read" in reasons[1]
    assert 2 == len(reasons)


def test_what_names_no_package_is_not_judged_but_for_the_project_itself(write, tmp_path):
    (tmp_path / "local").mkdir()
    path = write(
        "-e .\n.\n./local\n-e git+https://x/y\nlocal/\nhttps://x/y.whl\nz-1.0-py3-none-any.whl\nn @ file:///x\n"
    )
    assert ["n @ file:///x"] == texts(path)
    assert [f"{path}:{number}" for number in range(3, 8)] == [line.place for line in unreadable(path)]


def test_a_requirement_that_a_stage_imports_must_be_there(write, logged):
    path = write("no-such-distribution>=2\nPyYAML<1\nscikit-learn==99\nattrs\n")
    with pytest.raises(MissingRequirementsError) as raised:
        check_requirements(path.parent, lambda: {"yaml", "no_such_distribution"})
    assert "no-such-distribution>=2 (not installed)" == raised.value.missing[0]
    assert raised.value.missing[1].startswith("PyYAML<1 (installed: ")
    assert 2 == len(raised.value.missing)
    assert [] == logged


def test_a_requirement_that_no_stage_imports_is_a_warning(write, logged):
    path = write("no-such-distribution\nattrs\n")
    check_requirements(path.parent, set)
    assert [("requirements_missing", "no-such-distribution (not installed)")] == [
        (event, keys["missing"]) for event, keys in logged
    ]


@pytest.mark.parametrize(
    ("line", "module", "is_needed"),
    [
        ("protobuf==0.0", "google.cloud.storage", False),
        ("google-cloud-storage==0.0", "google.cloud.storage", True),
        ("google-cloud-storage==0.0", "google.protobuf", False),
        ("google-cloud-secret-manager==0.0", "google.cloud.secretmanager", True),
        ("ruamel.yaml==0.0", "ruamel.yaml", True),
        ("azure-storage-blob==0.0", "azure.storage.blob", True),
        ("python-dotenv==0.0", "dotenv", True),
        ("Flask-SQLAlchemy==0.0", "flask_sqlalchemy", True),
        ("opencv-python-headless==0.0", "cv2", True),
        ("absent; extra == 'dev'", "absent", False),
        ("git+https://host/absent.git#egg=absent", "absent", True),
        ("-e git+https://host/absent.git@main#subdirectory=a&egg=absent[dev]", "absent", True),
    ],
)
def test_a_requirement_is_needed_where_its_own_modules_are_imported(write, logged, line, module, is_needed):
    parts = module.split(".")
    imported = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    refused = False
    try:
        check_requirements(write(line).parent, lambda: imported)
    except MissingRequirementsError:
        refused = True
    assert is_needed == refused


@pytest.mark.parametrize(
    ("files", "top_level", "expected"),
    [
        (["yaml/__init__.py", "yaml/nodes.py", "_yaml/__init__.py"], "x", {"yaml", "_yaml"}),
        (["google/cloud/storage/__init__.py", "google/cloud/storage/blob.py"], "google", {"google.cloud.storage"}),
        (["six.py", "six-1.0.dist-info/METADATA", "../../bin/tool.py"], "", {"six"}),
        (["fast.cpython-311-x86_64-linux-gnu.so"], "", {"fast"}),
        (["__editable___mine_1_0_finder.py", "mine.pth"], "mine", {"mine"}),
        ([], "", {"attr", "attrs"}),
    ],
)
def test_the_modules_of_an_installed_distribution_are_those_of_its_files(mocker, files, top_level, expected):
    from importlib import metadata

    installed = mocker.create_autospec(metadata.Distribution, instance=True)
    installed.files = [metadata.PackagePath(file) for file in files]
    installed.read_text.return_value = top_level
    mocker.patch.object(metadata, "distribution", return_value=installed)
    assert expected == module._modules("attrs")


def test_a_file_that_limits_and_is_required_counts_as_both(write):
    write("a<2\n", "both.txt")
    path = write("-c both.txt\n-r both.txt\n")
    assert [("a<2", True), ("a<2", False)] == [(line.text, line.is_constraint) for line in read_requirements(path)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("-r 'more.txt\n", "its options cannot be read"), ("#" * (2**22 + 1), "it has more than 4,194,304 bytes")],
)
def test_what_cannot_be_read_is_told(write, content, reason):
    assert [True] == [reason in line.reason for line in unreadable(write(content))]


def test_constraints_and_markers_count(write, logged):
    write("attrs<1\nabsent<1\n", "limits.txt")
    path = write("attrs\n-c limits.txt\nabsent; python_version < '3'\n")
    with pytest.raises(MissingRequirementsError, match=r"attrs<1 \(installed: "):
        check_requirements(path.parent, lambda: {"attr"})


@pytest.mark.parametrize("content", ["attrs ===== 1", "a b", "x; no_such_marker == '1'", b"\xff\xfe\n"])
def test_a_line_that_is_no_requirement_is_a_warning(write, logged, content):
    check_requirements(write(content).parent, set)
    assert ["requirement_not_checked"] == [event for event, _ in logged]


def test_a_directory_of_that_name_or_no_file_is_no_requirement(tmp_path, logged):
    check_requirements(tmp_path, set)
    (tmp_path / "requirements.txt").mkdir()
    check_requirements(tmp_path, set)
    assert [] == logged


def test_nothing_is_asked_of_the_stages_where_nothing_is_missing(write):
    check_requirements(write("attrs\n").parent, lambda: 1 / 0)
