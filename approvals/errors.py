"""
ApprovalError               could not tell what people decided: the answer is no
 ├── SignatureError         a signature that proves nothing; says why
 └── UnreadableError        a decision, proposal or settlement that is not in a form Sayso knows
"""

from __future__ import annotations


class ApprovalError(Exception):
    """What people decided could not be told; callers answer no."""


class SignatureError(ApprovalError):
    """A signature that proves nothing."""


class UnreadableError(ApprovalError):
    """Bytes that are not what they should be."""
