"""A litellm provider that is no model: it reads the amount from the ticket and applies the shop's plain rules."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from litellm import ModelResponse
from litellm.llms.custom_llm import CustomLLM

_AMOUNT = re.compile(r"(\d{1,9})[.,](\d{2})\s*([A-Z]{3})")
_WINDOW = re.compile(r"refund window is (\d{1,4}) days")


class RuleModel(CustomLLM):
    """Answers purpose `refund/assess` from ticket and order."""

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """litellm's hook; only `messages` matters."""
        inputs = json.loads(kwargs["messages"][-1]["content"])
        return ModelResponse(choices=[{"message": {"role": "assistant", "content": json.dumps(assess(inputs))}}])


def assess(inputs: dict[str, Any]) -> dict[str, Any]:
    """`RefundFinding` as data, from `ticket`, `order` and `terms`."""
    order, text = inputs["order"], inputs["ticket"]["text"]
    days, paid = order["days_since_delivery"], order["paid_minor"] - order.get("refunded_minor", 0)
    asked = _asked(text, order["currency"]) or paid
    found = _window(inputs.get("terms", {}).get("passages", []))
    if found is None:
        return _finding(False, 0, "The terms that were found name no refund window.")
    window, cites = found
    if days > window:
        return _finding(False, 0, f"Delivered {days} days ago; the terms allow {window} days.", cites)
    amount = min(asked, paid)
    if amount <= 0:
        return _finding(False, 0, "Everything that was paid has been refunded already.")
    capped = " The customer asked for more than was paid." if asked > paid else ""
    return _finding(True, amount, f"Delivered {days} days ago, within the {window} days of the terms.{capped}", cites)


def _finding(refundable: bool, amount: int, reason: str, cites: Sequence[str] = ()) -> dict[str, Any]:
    return {"refundable": refundable, "amount_minor": amount, "reason": reason, "cites": [cite for cite in cites if cite]}


def _window(passages: list[dict[str, Any]]) -> tuple[int, tuple[str, ...]] | None:
    """Days, as the first passage that names them says, and its id where it has one."""
    for passage in passages:
        match = _WINDOW.search(passage["text"])
        if match:
            return int(match[1]), (passage.get("id", ""),)
    return None


def _asked(text: str, currency: str) -> int | None:
    """The first amount in the order's currency that the ticket names, in minor units."""
    for whole, cents, found in _AMOUNT.findall(text):
        if found == currency:
            return int(whole) * 100 + int(cents)
    return None
