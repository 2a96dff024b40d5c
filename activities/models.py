"""
Models through litellm. Temporal owns retries: none here.

`SAYSO_MODEL` wins over the bundle's routes. It has no place to say where a model is or what it may be told, so it counts as
outside the perimeter with no data class allowed, and a closed perimeter refuses it. With neither, `sayso-rules/refund`
answers: a rule-based litellm provider of ours, named so on the rail.

What a model may not be told is masked just before it leaves, and unmasked in what comes back; see `policies.masking`.
litellm takes seconds to import and would fetch a price map from the network, so it is imported on the first use and told
not to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from activities.departing import Departing, depart
from activities.errors import ActivityError, Misshapen, NotPermitted, ProviderRefused
from activities.prompted import ModelAnswer, Prompted, RawCall
from activities.providers import told
from activities.question import Departure, Setback
from activities.straight import straight
from policies.routes import NO_ROUTES, ModelChoice, Routes

RULES = "sayso-rules/refund"
_RULES = ModelChoice(model=RULES, perimeter="inside")
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
MAX_TOKENS = 1_000_000_000


class LiteLLMModels:
    """One litellm model for every purpose, or the bundle's routes for each, or the rules."""

    def __init__(self, model: str | None, routes: Routes = NO_ROUTES) -> None:
        """
        Args:
            model: Any litellm model name; it wins over *routes*. None or empty for the routes.
            routes: Where none is for a purpose, the rules answer.

        Raises:
            NotPermitted: A model outside a closed perimeter.
        """
        trouble = routes.refuses(model) if model else None
        if trouble is not None:
            raise NotPermitted(trouble)
        self._only = ModelChoice(model=model, perimeter="outside") if model else None
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        # It would have everything asked of a proxy, our own rules' questions too: where a question goes, routes alone say.
        os.environ.pop("USE_LITELLM_PROXY", None)
        import litellm

        from activities.rule_model import RuleModel

        self._litellm: Any = litellm
        self._routes = routes
        # An answer of another shape would be quoted on the process's standard error.
        warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)
        litellm.suppress_debug_info = True
        litellm.telemetry, litellm.use_litellm_proxy = False, False
        for name in _LOGGERS:
            # Its own handler would print past the process's log whatever it is told, prompts included.
            logging.getLogger(name).handlers.clear()
        # Neither the environment nor anybody's default lets litellm tell others what is asked and answered.
        litellm.callbacks, litellm.success_callback, litellm.failure_callback = [], [], []
        litellm.input_callback, litellm._async_success_callback, litellm._async_failure_callback = [], [], []
        provider: Any = {"provider": RULES.partition("/")[0], "custom_handler": RuleModel()}
        litellm.custom_provider_map = [provider]

    def choices(self, purpose: str) -> tuple[ModelChoice, ...]:
        """The models for *purpose*, in the order in which they are asked; at least one."""
        if self._only is not None:
            return (self._only,)
        route = self._routes.route(purpose)
        return route.choices if route else (_RULES,)

    def route(self, purpose: str, fallback: int = 0) -> tuple[str, str | None]:
        """The model for *purpose* and where its API answers; None is the provider's own place. Beyond the last, the last."""
        choices = self.choices(purpose)
        choice = choices[min(fallback, len(choices) - 1)]
        return choice.model, choice.endpoint

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """One completion. Raises Unreachable, ProviderRefused, Misshapen, each with a `Setback` in its details."""
        choices = self.choices(prompted.purpose)
        left = max(len(choices) - prompted.fallback - 1, 0)
        departure: Departure | None = None
        try:
            if prompted.fallback >= len(choices):
                raise ProviderRefused(prompted.purpose, f"its route has no fallback {prompted.fallback}")
            choice = choices[prompted.fallback]
            if choice.ours and prompted.schema is None:
                words = "it only assesses refunds; set SAYSO_MODEL, or a route in the bundle's models.yaml"
                raise ProviderRefused(choice.model, words)
            # In a thread: heartbeats go on, whatever there is to mask.
            departing = await asyncio.to_thread(depart, prompted, choice)
            departure = None if choice.ours else departing.departure
            answer = await self._asked(prompted, choice, departing)
            return replace(answer, fallbacks=left)
        except ActivityError as error:
            setback = Setback(fallbacks=left, departure=departure)
            raise error.with_details(setback.model_dump(mode="json")) from None

    async def _asked(self, prompted: Prompted, choice: ModelChoice, departing: Departing) -> ModelAnswer:
        trouble: ActivityError
        try:
            with straight():
                raw = await self._litellm.acompletion(**_call(prompted, choice, departing))
        except Exception as error:  # the library raises what providers and their libraries raise, and says what was asked
            trouble = told(error, choice.model)
        else:
            try:
                return await asyncio.to_thread(_read, raw, prompted, choice, departing)
            except (AttributeError, IndexError, TypeError, ValueError):
                trouble = Misshapen(choice.model, "answered with something that is no answer")
        # Outside of the handlers: nothing of the library's error goes along.
        raise trouble


def _call(prompted: Prompted, choice: ModelChoice, departing: Departing) -> dict[str, Any]:
    call: dict[str, Any] = {
        "model": choice.model,
        "api_base": choice.endpoint,
        "messages": list(departing.messages),
        # The second is for the provider's own library, which asks again by itself.
        "num_retries": 0,
        "max_retries": 0,
        "timeout": choice.limits.timeout_seconds,
        "drop_params": True,
    }
    if choice.limits.max_output_tokens is not None:
        call["max_tokens"] = choice.limits.max_output_tokens
    if prompted.schema is not None:
        schema = {"name": prompted.purpose.replace("/", "_"), "schema": departing.schema}
        call["response_format"] = {"type": "json_schema", "json_schema": schema}
    if prompted.tools:
        call["tools"] = [dict(tool) for tool in prompted.tools]
    return call


def _read(raw: Any, prompted: Prompted, choice: ModelChoice, departing: Departing) -> ModelAnswer:
    """The answer in *raw*, unmasked. Raises what comes of an answer that is none."""
    message = raw.choices[0].message
    text = _text(getattr(message, "content", None))
    said, usage = getattr(raw, "model", None), getattr(raw, "usage", None)
    sent, came = (None, None) if choice.ours else (_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    masks = departing.masks
    return ModelAnswer(
        text=masks.unmasked(text) if prompted.schema is None else masks.unmasked_json(text),
        model=choice.model,
        rule_based=choice.ours,
        calls=tuple(_called(call, departing) for call in getattr(message, "tool_calls", None) or ()),
        response_model=said if isinstance(said, str) and not choice.ours else None,
        input_tokens=sent,
        output_tokens=came,
        cost_micros=choice.prices.cost(sent or 0, came or 0) if choice.prices else 0,
        departure=None if choice.ours else departing.departure,
    )


def _called(call: Any, departing: Departing) -> RawCall:
    function = call.function
    arguments = departing.masks.unmasked_json(_text(function.arguments))
    return RawCall(id=_text(call.id), name=_text(function.name), arguments=arguments)


def _text(value: object) -> str:
    """Text of a provider; half a character, which no JSON of ours can hold, as `?`."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(usage: object, name: str) -> int | None:
    """As the provider counted; what is no plausible number is none."""
    found = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= MAX_TOKENS else None
