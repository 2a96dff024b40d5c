"""Dialogues as activities know them; their shapes are in `approvals.dialogue`, where a verifier reads them too."""

from approvals.dialogue import Dialogue as Dialogue
from approvals.dialogue import Message as Message
from approvals.dialogue import Speaker as Speaker
from approvals.dialogue import ToolCall as ToolCall
from approvals.dialogue import TranscriptRef as TranscriptRef
from approvals.dialogue import chained as chained
