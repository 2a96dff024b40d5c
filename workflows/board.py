"""The board: which proposals of a mission wait, in the Decision Queue and on its page. A courtesy; nobody trusts it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from approvals import attributes
    from approvals.card import as_markdown, render
    from approvals.proposal import Proposal, proposal_id
    from policies.canonical import Digest

LONGEST = timedelta(days=30)
"""Of a wait, whatever a proposal that may be forged says."""
PAGES = 3
"""So many cards stand on a mission's page."""

_STATE = SearchAttributeKey.for_keyword(attributes.STATE)
_PROPOSAL = SearchAttributeKey.for_keyword(attributes.PROPOSAL)
_GROUPS = SearchAttributeKey.for_keyword_list(attributes.GROUPS)
_EXPIRES_AT = SearchAttributeKey.for_datetime(attributes.EXPIRES_AT)
_OWNER = SearchAttributeKey.for_keyword(attributes.OWNER)


class Board:
    """What is shown is the proposal that has waited longest; the others are named below it."""

    def __init__(self) -> None:
        self._waiting: dict[Digest, tuple[Proposal, tuple[str, ...]]] = {}

    def show(self, proposal: Proposal, digest: Digest, asked: Sequence[str] = ()) -> None:
        """
        Puts *proposal* up.

        Args:
            asked: The groups whose say-so the gate last said that it needs; else those of the requirement.
        """
        groups = tuple(asked) or tuple(sorted(proposal.requirement.groups()))
        if self._waiting.get(digest) != (proposal, groups):
            self._waiting[digest] = (proposal, groups)
            self._hang()

    def take_down(self, digest: Digest) -> None:
        """Takes the proposal down. Its digest stays in the attributes: `sayso review` finds a settled proposal by it."""
        if self._waiting.pop(digest, None) is None:
            # Two commits were given one proposal, which no gate does; the other took it down.
            return
        if self._waiting:
            self._hang()
            return
        workflow.upsert_search_attributes(
            [_STATE.value_set(attributes.WORKING), _GROUPS.value_unset(), _EXPIRES_AT.value_unset()]
        )
        workflow.set_current_details("")

    def _hang(self) -> None:
        digest, (proposal, groups) = next(iter(self._waiting.items()))
        updates: list[SearchAttributeUpdate[Any]] = [
            _STATE.value_set(attributes.AWAITING),
            _PROPOSAL.value_set(digest),
            _GROUPS.value_set(attributes.fitting(groups)),
            _EXPIRES_AT.value_set(min(max(proposal.expires_at, workflow.now()), workflow.now() + LONGEST)),
        ]
        if proposal.principals.owner:
            updates.append(_OWNER.value_set(attributes.spelled(proposal.principals.owner)))
        workflow.upsert_search_attributes(updates)
        pages = [_page(*entry) for entry in list(self._waiting.items())[:PAGES]]
        rest = len(self._waiting) - len(pages)
        workflow.set_current_details("\n\n".join([*pages, f"{rest} more wait."] if rest else pages))


def _page(digest: Digest, entry: tuple[Proposal, tuple[str, ...]]) -> str:
    how = f"Decide with `sayso review {proposal_id(digest)}`. This page shows what the mission worker says."
    try:
        return f"{as_markdown(render(entry[0]))}\n\n{how}"
    except Exception:
        # Only a courtesy: whatever a forged proposal does to it, the mission goes on and asks the gate.
        return f"This proposal cannot be shown.\n\n{how}"
