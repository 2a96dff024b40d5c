"""
Models through litellm. Temporal owns retries: `num_retries=0` here.

With no model configured, `sayso-rules/refund` answers: a rule-based litellm provider of ours, named so on the rail.
litellm takes seconds to import and would fetch a price map from the network, so it is imported on the first use and told
not to.
"""

from __future__ import annotations

import json
import os
from typing import Any

from activities.errors import Unreachable
from activities.reason import ModelAnswer, ReasonRequest

RULES = "sayso-rules/refund"
CALL_SECONDS = 120.0


class LiteLLMModels:
    """One litellm model for every purpose."""

    def __init__(self, model: str | None) -> None:
        """
        Args:
            model: Any litellm model name; None or empty for the rules.
        """
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm

        from activities.rule_model import RuleModel

        self._litellm: Any = litellm
        self._model = model or RULES
        litellm.suppress_debug_info = True
        litellm.telemetry = False
        provider: Any = {"provider": RULES.partition("/")[0], "custom_handler": RuleModel()}
        litellm.custom_provider_map = [provider]

    async def complete(self, prompt: str, request: ReasonRequest) -> ModelAnswer:
        """One completion. Raises Unreachable."""
        schema = {"name": request.purpose.replace("/", "_"), "schema": request.result_schema}
        try:
            answer = await self._litellm.acompletion(
                model=self._model,
                messages=[
                    {"role": "system", "content": prompt},
                    {"role": "user", "content": json.dumps(request.inputs, ensure_ascii=False)},
                ],
                response_format={"type": "json_schema", "json_schema": schema},
                num_retries=0,
                timeout=CALL_SECONDS,
                drop_params=True,
            )
        except self._litellm.exceptions.OpenAIError as error:
            raise Unreachable("the model", f"`{self._model}`", type(error).__name__) from error
        text = answer.choices[0].message.content or ""
        return ModelAnswer(text=text, model=self._model, rule_based=self._model.startswith(RULES.partition("/")[0]))
