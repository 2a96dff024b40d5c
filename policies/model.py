"""Base classes of the data Sayso keeps: frozen, and strict where a person wrote it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Recorded(BaseModel):
    """Crosses Temporal. Unknown fields are ignored: an older worker must still read what a newer one wrote."""

    # What does not fit is not quoted in the error: errors go where payloads do not.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Written(BaseModel):
    """Comes from a file a person edits. An unknown key is a mistake and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
