import pytest

from foundations.domain.text.source_redaction import redact_source

KEY = "-----BEGIN RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+API_KEY = "hunter2"', "+API_KEY = ..."),
        ("-password: hunter2 # old", "-password: ..."),
        ('+config["token"] = "hunter2"', '+config["token"] = ...'),
        ('+    "db_password": "hunter2", "user": "ann"', '+    "db_password": ...'),
        ('+connect(user="ann", password="hunter2")', '+connect(user="ann", password=...'),
        ('+password: str = "hunter2"', "+password: ..."),
        ('+if (token := "hunter2"):', "+if (token := ..."),
        ("+export AWS_SECRET_ACCESS_KEY=hunter2", "+export AWS_SECRET_ACCESS_KEY=..."),
        ('+engine = connect("postgres://ann:hunter2@host/db")', '+engine = connect("postgres://ann:...@host/db")'),
        ('+headers = {"Authorization": "Bearer hunter2hunter2"}', '+headers = {"Authorization": ...'),
        ("+push('ghp_" + "a" * 36 + "')", "+push('ghp_...')"),
        ("+push('AKIA" + "A" * 16 + "')", "+push('AKIA...')"),
        (f"+KEY = '''{KEY}", "+KEY = '''..."),
        ("+" + "x" * 20_000, "+" + "x" * 9_999 + "..."),
    ],
)
def test_a_secret_goes_with_the_rest_of_its_line(line, expected):
    assert f"{expected}\n" == redact_source(f"{line}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+max_tokens = 512\n-rate: 0.5\n",
        "@@ -1,2 +1,2 @@ def train(rate):\n",
        "+if password == other:\n",
        "+the token is sent\r\n",
        "+no newline",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert text == redact_source(text)


@pytest.mark.parametrize(
    "value",
    [
        "\n+    hunter2",
        "(\n+    'hunt'\n+    'er2'\n+)",
        "[\n+    'hunter2',\n+]",
        "{\n+    'a': 'hunter2',\n+}",
        '"""hunter\n+hunter2\n+"""',
        "'''\n+hunter2'''",
        "\\\n+    'hunter2'",
    ],
)
def test_a_value_of_several_lines_goes_as_a_whole_and_what_follows_stays(value):
    redacted = redact_source(f"+password = {value}\n+rate = 0.5\n")
    assert (False, True) == ("hunt" in redacted, redacted.endswith("\n+rate = 0.5\n"))


def test_a_private_key_goes_as_a_whole():
    text = f"+{KEY}\n+hunter2\n+hunter2\n+-----END RSA PRIVATE KEY-----\n+rate = 0.5\n"
    assert "+...\n+...\n+...\n+...\n+rate = 0.5\n" == redact_source(text)


def test_a_value_that_a_difference_shows_in_part_ends_with_its_hunk():
    assert "+password = ...\n@@ -9 +9 @@\n+rate\n" == redact_source("+password = (\n@@ -9 +9 @@\n+rate\n")
