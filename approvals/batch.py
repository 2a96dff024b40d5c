"""Batches: several exact actions under one say-so, within what policy lets one card hold."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.amendment import at
from policies.action import Action
from policies.requirement import BatchLimit


def trouble(actions: Sequence[Action], limit: BatchLimit | None) -> str | None:
    """Why *actions* may not stand before an approver as one, or None. One action alone always may."""
    if len(actions) == 1:
        return None
    if limit is None:
        return f"policy puts `{actions[0].operation}` before an approver alone, not with {len(actions) - 1} others"
    if len(actions) > limit.items:
        return f"policy puts at most {limit.items} actions before an approver at once, not {len(actions)}"
    for total in limit.totals:
        amounts = [at(action.arguments, total.path) for action in actions]
        numbers = [amount for amount in amounts if isinstance(amount, int | float) and not isinstance(amount, bool)]
        if len(numbers) < len(amounts):
            return f"policy bounds the total of `{total.path}`, which is no number in one of the actions"
        if any(number < 0 for number in numbers) or sum(numbers) > total.most:
            return f"policy bounds the total of `{total.path}` at {total.most}; these add up to {sum(numbers)}"
    return None
