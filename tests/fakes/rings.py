"""A key ring for tests, the same in every process; and another that opens nothing of it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from workers.encryption import RingCodec
from workers.keyring import KEY_BYTES, KeyRing

_KEYS = {"test-1": bytes(range(KEY_BYTES)), "test-2": bytes(range(1, KEY_BYTES + 1))}
RING = KeyRing("test-1", _KEYS)
OTHER = KeyRing("other-1", {"other-1": bytes(range(100, 100 + KEY_BYTES))})
CODEC = RingCodec(RING)


def ring_text(active: str = "test-1") -> str:
    """RING as it is written down."""
    keys = {key_id: base64.urlsafe_b64encode(key).decode().rstrip("=") for key_id, key in _KEYS.items()}
    return json.dumps({"active": active, "keys": keys})


def ring_file(directory: Path) -> Path:
    """RING in a private file below *directory*."""
    path = directory / "key-ring.json"
    path.write_text(ring_text())
    path.chmod(0o600)
    return path
