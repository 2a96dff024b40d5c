"""Models, watched: one span a call under OpenTelemetry's GenAI conventions, with no prompt and no answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

from activities.prompted import ModelAnswer, Prompted
from workers.telemetry.instruments import OURS, Instruments
from workers.telemetry.stopwatch import aside, error_type

_tracer = trace.get_tracer(OURS)


class RoutedModels(Protocol):
    """Models that say beforehand which of them answers a purpose."""

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """One completion, without retries. Raises Unreachable."""

    def route(self, purpose: str, fallback: int = 0) -> tuple[str, str | None]:
        """The model for *purpose*, and where its API answers if that is not its provider's own place."""


@dataclass(frozen=True)
class MeasuredModels:
    """Completions that are watched."""

    inner: RoutedModels
    instruments: Instruments

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """As the inner one."""
        labels = named(self.inner.route(prompted.purpose, prompted.fallback)[0])
        output = "json" if prompted.schema is not None else "text"
        told = labels | {"gen_ai.output.type": output, "gen_ai.prompt.name": prompted.purpose}
        name, began = f"chat {labels['gen_ai.request.model']}", time.perf_counter()
        with _tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=told, record_exception=False) as span:
            try:
                answer = await self.inner.complete(prompted)
            except BaseException as error:
                span.set_attribute("error.type", error_type(error))
                self.instruments.model_calls.record(time.perf_counter() - began, labels | {"error.type": error_type(error)})
                raise
            with aside():
                self.instruments.model_calls.record(time.perf_counter() - began, labels)
                self._told(span, answer, labels)
            return answer

    def _told(self, span: Span, answer: ModelAnswer, labels: dict[str, str]) -> None:
        if answer.response_model is not None:
            span.set_attribute("gen_ai.response.model", answer.response_model)
        for kind, count in (("input", answer.input_tokens), ("output", answer.output_tokens)):
            if count is not None:
                span.set_attribute(f"gen_ai.usage.{kind}_tokens", count)
                self.instruments.tokens.record(count, labels | {"gen_ai.token.type": kind})


def named(model: str) -> dict[str, str]:
    """The conventions' names for a model as litellm names it: `openai/gpt-5` is `gpt-5` of `openai`."""
    provider, _, name = model.rpartition("/") if model.count("/") < 2 else model.partition("/")
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider or "litellm",
        "gen_ai.request.model": name,
    }
