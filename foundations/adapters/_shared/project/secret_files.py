"""Files that hold secrets: by their name, and by their content where the name alone could be another file's."""

from __future__ import annotations

import os
import re

SECRET_DIRECTORIES = frozenset({".aws", ".azure", ".gnupg", ".kube", ".ssh"})
_NAMES = re.compile(
    r"\.env\.(?!(?:example|sample|template|dist)\Z).*"
    r"|\.(?:npmrc|netrc|pypirc|pgpass|my\.cnf|git-credentials|dockercfg|htpasswd|Renviron|s3cfg|boto|vault-token)|_netrc"
    r"|(?:credentials|application_default_credentials)\.json|client_secret.*\.json|kubeconfig|token\.pickle"
    r"|secrets\.(?:toml|ya?ml|json)|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.*\.(?:kdbx|jks|keystore|p12|pfx|ppk)"
)
_CONTENTS = (
    (re.compile(r".*\.(?:pem|key)"), re.compile(rb"PRIVATE KEY-----")),
    (re.compile(r"(?i:.*service[-_]?account.*)\.json|.+-[0-9a-f]{12}\.json"), re.compile(rb'"private_key"')),
    (re.compile(r"token\.json"), re.compile(rb'"(?:access_token|refresh_token|client_secret)"')),
    (re.compile(r"config\.json|\.dockerconfigjson"), re.compile(rb'"auths"')),  # of docker
    (re.compile(r"credentials(?:\.toml)?"), re.compile(rb"(?i)(?:token|secret_access_key|password)\s*=")),
)
"""What the name may be, and what the content of such a file has where it is a secret."""
_BEGINNINGS = (".", "_netrc", "id_", "kubeconfig", "credentials")
_ENDINGS = frozenset(
    ("pem", "key", "json", "toml", "yaml", "yml", "pickle", "kdbx", "jks", "keystore", "p12", "pfx", "ppk")
)
"""What all of these names begin with, or end in: few other files have such a name, so that most are told quickly."""
_READ = 1 << 16


def is_secret(root: str, path: str, name: str, *, is_directory: bool) -> bool:
    """Return whether an entry of a project holds secrets.

    Args:
        root: The project.
        path: The entry's path relative to it.
        name: The last part of the path.
        is_directory: Whether it is a directory.
    """
    if is_directory:
        return name in SECRET_DIRECTORIES
    if name.rpartition(".")[2] not in _ENDINGS and not name.startswith(_BEGINNINGS):
        return False
    if _NAMES.fullmatch(name):
        return True
    return any(
        suspect.fullmatch(name) and content.search(_read(os.path.join(root, path))) for suspect, content in _CONTENTS
    )


def _read(path: str) -> bytes:
    """Return the beginning of a file; nothing where it cannot be read, or is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # whoever packs it reports that
        return b""
    try:
        return os.read(descriptor, _READ)
    except OSError:  # likewise
        return b""
    finally:
        os.close(descriptor)
