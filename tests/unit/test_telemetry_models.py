"""Which model a measured call is counted for. Source: workers/telemetry/measured_model.py."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from activities.errors import ProviderRefused
from activities.models import LiteLLMModels
from activities.prompted import ModelAnswer, Prompted
from policies.routes import ModelChoice, Route, Routes
from workers.telemetry.instruments import Instruments
from workers.telemetry.measured_model import MeasuredModels

FALLBACK = ModelChoice(model="ollama/second", perimeter="inside")
ROUTES = Routes(routes={"*": Route(model="openai/first", perimeter="outside", fallbacks=(FALLBACK,))})


class Answering:
    """Models that answer without asking anybody; the first one refuses."""

    def __init__(self) -> None:
        self._models = LiteLLMModels(None, ROUTES)

    def route(self, purpose: str, fallback: int = 0) -> tuple[str, str | None]:
        """As the real ones say."""
        return self._models.route(purpose, fallback)

    async def complete(self, prompted: Prompted) -> ModelAnswer:
        """With tokens."""
        if prompted.fallback == 0:
            raise ProviderRefused("openai/first", "401")
        return ModelAnswer(text="{}", model="ollama/second", rule_based=False, input_tokens=3, output_tokens=4)


def _points(reader: InMemoryMetricReader, name: str) -> list[tuple[dict[str, Any], float]]:
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
    points: list[Any] = [point for metric in metrics if metric.name == name for point in metric.data.data_points]
    return [(dict(point.attributes), point.sum) for point in points]


async def test_fallback_is_counted_as_the_model_that_it_is() -> None:
    """A refusal stands beside the first one's name; tokens beside that of whoever answered."""
    reader = InMemoryMetricReader()
    measured = MeasuredModels(Answering(), Instruments([reader], Resource.create({})))
    with pytest.raises(ProviderRefused):
        await measured.complete(Prompted("a/b", ()))
    await measured.complete(Prompted("a/b", (), fallback=1))
    calls = {
        labels["gen_ai.request.model"]: labels.get("error.type")
        for labels, _ in _points(reader, "gen_ai.client.operation.duration")
    }
    tokens = [(labels["gen_ai.request.model"], total) for labels, total in _points(reader, "gen_ai.client.token.usage")]
    assert calls == {"first": "ProviderRefused", "second": None}
    assert sorted(tokens) == [("second", 3), ("second", 4)]
