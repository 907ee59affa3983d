import pytest

from foundations.app.job.error_report import describe_failure, summarise


def raised(error, cause=None):
    try:
        if cause is not None:
            raise error from cause
        raise error
    except BaseException as caught:
        return caught


def described(error, roots=()):
    return describe_failure(error, list(roots), "train", "uuid", "train(1)")


class Mute(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("no")


def test_the_document_tells_what_where_and_which_stage():
    document = described(raised(ValueError("bad")))
    assert ("ValueError", "bad", "train", "uuid", "train(1)") == tuple(
        document[key] for key in ("type", "message", "stage", "stage_uuid", "call")
    )
    (frame,) = document["frames"]
    assert (__file__, "raised", "raise error") == (frame["file"], frame["function"], frame["text"])
    line = frame["line"]
    assert f'File "{__file__}", line {line}, in raised\n    raise error\nValueError: bad' in document["traceback"]


def test_files_are_shown_relative_to_the_project(tmp_path):
    code = compile("def f():\n    raise ValueError('x')\nf()", str(tmp_path / "gone" / "train.py"), "exec")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "train.py").write_text("def f():\n    raise ValueError('x')\nf()")
    with pytest.raises(ValueError, match="x") as caught:
        exec(code, {})
    frames = described(caught.value, [str(tmp_path / "bundle"), str(tmp_path / "gone")])["frames"]
    assert ("train.py", 2, "f", "raise ValueError('x')") == tuple(frames[-1].values())


def test_secrets_are_in_no_message_note_or_line_of_source(tmp_path):
    token = "ghp_" + "aB3" * 12
    error = ValueError(f"refused {token} for /v1/data?api_key=hunter2&page=3 with postgres://bob:hunter2@host")
    error.add_note(f"sent {token} to https://host?token=hunter2")
    path = tmp_path / "client.py"
    path.write_text(f"def send(error, token='{token}'):\n    raise error or '{token}'")
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    with pytest.raises(ValueError, match="refused") as caught:
        namespace["send"](error)
    document = described(caught.value)
    assert "refused ghp_... for /v1/data?api_key=...&page=3 with postgres://bob:...@host" == document["message"]
    assert "raise error or 'ghp_...'" == document["frames"][-1]["text"]
    assert [] == [secret for secret in (token, "hunter2") if secret in str(document) + summarise(caught.value)]


def test_frames_of_the_sdk_are_left_out():
    from foundations.domain.pipeline.stage import exactly

    with pytest.raises(ValueError, match="split") as caught:
        exactly([], 1)
    assert [__file__] == [frame["file"] for frame in described(caught.value)["frames"]]


def test_frames_of_libraries_are_folded_but_for_the_last():
    import json

    def load(text):
        return json.loads(text, object_hook=lambda found: 1 / 0)

    with pytest.raises(ZeroDivisionError) as caught:
        load("{}")
    lines = [line for line in described(caught.value)["traceback"].splitlines() if not line.startswith("    ")]
    functions = [line.rpartition(".")[2] if " in " in line else line for line in lines]
    assert ["load", "  [3 frames of Python's library]", "<lambda>"] == functions[1:4]
    with pytest.raises(json.JSONDecodeError) as failed:
        json.loads("{")
    lines = [line for line in described(failed.value)["traceback"].splitlines() if not line.startswith("    ")]
    assert ("  [2 frames of Python's library]", True) == (lines[1], lines[2].endswith("in JSONDecoder.raw_decode"))


def test_frames_of_installed_packages_are_named(tmp_path):
    place = tmp_path / "project" / ".venv" / "site-packages"
    source = "def a(f):\n    b(f)\ndef b(f):\n    f()\n"
    names: dict = {}
    exec(compile(source, str(place / "pandas" / "io.py"), "exec"), names)

    def fail():
        raise ValueError("x")

    with pytest.raises(ValueError, match="x") as caught:
        names["a"](fail)
    assert "\n  [2 frames of pandas]\n" in described(caught.value, [str(tmp_path / "project")])["traceback"]


def test_causes_and_contexts_are_shown_in_the_order_they_happened():
    text = described(raised(ValueError("second"), cause=raised(KeyError("first"))))["traceback"]
    assert text.index("KeyError: 'first'") < text.index("direct cause") < text.index("ValueError: second")
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904
    except ValueError as error:
        text = described(error)["traceback"]
    assert text.index("KeyError: 'first'") < text.index("During handling") < text.index("ValueError: second")


def test_endless_chains_end():
    error = previous = ValueError("0")
    for number in range(1, 50):
        previous.__cause__ = ValueError(str(number))
        previous = previous.__cause__
    assert 7 == described(error)["traceback"].count("direct cause")


def test_groups_show_their_parts():
    text = described(raised(ExceptionGroup("several", [raised(ValueError("one")), KeyError("two")])))["traceback"]
    assert "ExceptionGroup: several (2 sub-exceptions)" in text
    assert "  | ValueError: one" in text
    assert "  | KeyError: 'two'" in text


def test_syntax_errors_show_the_place():
    with pytest.raises(SyntaxError) as caught:
        compile("a = = 1", "their.py", "exec")
    assert "a = = 1\n        ^" in described(caught.value)["traceback"]


def test_notes_are_shown():
    error = raised(ValueError("bad"))
    error.add_note("a hint")
    error.__notes__.append(3)
    assert described(error)["traceback"].endswith("ValueError: bad\na hint")


def test_long_messages_are_cut_and_missing_ones_told():
    document = described(raised(ValueError("x" * 50_000)))
    assert document["message"].endswith("[40000 characters left out]")
    assert "<its str() raises RuntimeError>" == described(raised(Mute()))["message"]


def test_deep_recursion_shows_the_innermost_frames():
    def deeper(number):
        if number == 0:
            raise ValueError("deep")
        deeper(number - 1)

    with pytest.raises(ValueError, match="deep") as caught:
        deeper(200)
    frames = described(caught.value)["frames"]
    assert (50, 'raise ValueError("deep")') == (len(frames), frames[-1]["text"])


def test_a_summary_is_one_line():
    assert "ValueError: one" == summarise(ValueError("one\ntwo"))
    assert summarise(Mute()) == f"{__name__}.Mute: <its str() raises RuntimeError>"
    assert 500 == len(summarise(ValueError("x" * 5000)))
