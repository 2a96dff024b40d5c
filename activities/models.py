"""
Models through litellm. Temporal owns retries: `num_retries=0` here.

`SAYSO_MODEL` wins over the bundle's routes. With neither, `sayso-rules/refund` answers: a rule-based litellm provider of
ours, named so on the rail.
litellm takes seconds to import and would fetch a price map from the network, so it is imported on the first use and told
not to.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.errors import Unreachable
from activities.prompted import ModelAnswer, Prompted, RawCall
from policies.routes import NO_ROUTES, Routes

RULES = "sayso-rules/refund"
CALL_SECONDS = 120.0
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")
MAX_TOKENS = 1_000_000_000


class LiteLLMModels:
    """One litellm model for every purpose, or the bundle's route for each, or the rules."""

    def __init__(self, model: str | None, routes: Routes = NO_ROUTES) -> None:
        """
        Args:
            model: Any litellm model name; it wins over *routes*. None or empty for the routes.
            routes: Where none is for a purpose, the rules answer.
        """
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm

        from activities.rule_model import RuleModel

        self._litellm: Any = litellm
        self._model = model
        self._routes = routes
        litellm.suppress_debug_info = True
        litellm.telemetry = False
        for name in _LOGGERS:
            # Its own handler would print past the process's log whatever it is told, prompts included.
            logging.getLogger(name).handlers.clear()
        # Neither the environment nor anybody's default lets litellm tell others what is asked and answered.
        litellm.callbacks, litellm.success_callback, litellm.failure_callback = [], [], []
        litellm.input_callback, litellm._async_success_callback, litellm._async_failure_callback = [], [], []
        provider: Any = {"provider": RULES.partition("/")[0], "custom_handler": RuleModel()}
        litellm.custom_provider_map = [provider]

    def route(self, purpose: str) -> tuple[str, str | None]:
        """The model for *purpose* and where its API answers; None is the provider's own place."""
        route = None if self._model else self._routes.route(purpose)
        return (route.model, route.endpoint) if route else (self._model or RULES, None)

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """One completion. Raises Unreachable."""
        model, endpoint = self.route(prompted.purpose)
        rules = model.startswith(RULES.partition("/")[0])
        if rules and prompted.schema is None:
            words = f"no model answers purpose `{prompted.purpose}`: set SAYSO_MODEL, or a route in the bundle's models.yaml"
            raise ApplicationError(words, type="NoModel", non_retryable=True)
        try:
            answer = await self._litellm.acompletion(
                model=model,
                api_base=endpoint,
                messages=[dict(message) for message in prompted.messages],
                **_asked(prompted),
                num_retries=0,
                timeout=CALL_SECONDS,
                drop_params=True,
            )
        except self._litellm.exceptions.OpenAIError as error:
            raise Unreachable("the model", f"`{model}`", type(error).__name__) from error
        message = answer.choices[0].message
        said, usage = getattr(answer, "model", None), getattr(answer, "usage", None)
        return ModelAnswer(
            text=message.content or "",
            model=model,
            rule_based=rules,
            calls=tuple(_call(call) for call in getattr(message, "tool_calls", None) or ()),
            response_model=said if isinstance(said, str) and not rules else None,
            input_tokens=None if rules else _count(usage, "prompt_tokens"),
            output_tokens=None if rules else _count(usage, "completion_tokens"),
        )


def _asked(prompted: Prompted) -> dict[str, Any]:
    """What is asked for: an answer of one shape, or text and calls of tools."""
    if prompted.schema is not None:
        schema = {"name": prompted.purpose.replace("/", "_"), "schema": prompted.schema}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {"tools": [dict(tool) for tool in prompted.tools]} if prompted.tools else {}


def _call(call: Any) -> RawCall:
    return RawCall(str(call.id or ""), str(call.function.name or ""), str(call.function.arguments or ""))


def _count(usage: object, name: str) -> int | None:
    """As the provider counted; what is no plausible number is none."""
    found = getattr(usage, name, None)
    return found if isinstance(found, int) and 0 <= found <= MAX_TOKENS else None
