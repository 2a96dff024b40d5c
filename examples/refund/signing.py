"""The issuer's signing key and the tokens it signs: Ed25519, and never anything else."""

import json
import os
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OKPKey

ALGORITHM = "Ed25519"
"""The fully specified name of RFC 9864; the older `EdDSA` names a family and is deprecated by it."""

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068), no secret

Claims = dict[str, object]


def signing_key(directory: Path) -> OKPKey:
    """The key in `issuer.jwk` of *directory*, made on first use; readable by its owner only."""
    path = directory / "issuer.jwk"
    if not path.exists():
        made = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        write_private(path, json.dumps(made.as_dict(private=True)))
    return OKPKey.import_key(json.loads(path.read_text()))


def write_private(path: Path, text: str) -> None:
    """Puts *text* at *path* in one step, with mode 0600 from the beginning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def sign(key: OKPKey, claims: Claims) -> str:
    """The compact access token (RFC 9068) over exactly *claims*."""
    header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])
