"""How often a model is asked before the next one is. Source: activities/patience.py."""

from __future__ import annotations

import dataclasses

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.errors import ActivityError, Misshapen, ProviderRefused, Unreachable
from activities.patience import MISSHAPEN, WITH_FALLBACK, patient, setback
from activities.question import Setback


async def _final(error: ActivityError, attempt: int, fallbacks: int) -> bool:
    error.with_details(Setback(fallbacks=fallbacks).model_dump(mode="json"))

    async def work() -> None:
        with patient():
            raise error

    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, attempt=attempt)
    with pytest.raises(ApplicationError) as failed:
        await environment.run(work)
    assert (failed.value.type, setback(failed.value).fallbacks) == (type(error).__name__, fallbacks)
    return failed.value.non_retryable


UNREACHABLE, REFUSED, SHAPE = Unreachable("the model", "`m`", "503"), ProviderRefused("m", "401"), Misshapen("m", "said so")


@pytest.mark.parametrize(
    ("error", "fallbacks", "final_from"),
    [
        (UNREACHABLE, 1, WITH_FALLBACK),
        (UNREACHABLE, 0, None),
        (SHAPE, 1, WITH_FALLBACK),
        (SHAPE, 0, MISSHAPEN),
        (REFUSED, 0, 1),
    ],
)
async def test_error_is_final_once_the_next_model_is_due(error: ActivityError, fallbacks: int, final_from: int | None) -> None:
    """What may pass is waited out only where nobody else can be asked; a shape is not learned by asking."""
    found = [await _final(error, attempt, fallbacks) for attempt in range(1, 8)]
    assert found == [final_from is not None and attempt >= final_from for attempt in range(1, 8)]


@pytest.mark.parametrize("details", [(), ("words",), ({"fallbacks": "many"},), (None,)])
def test_details_of_a_stranger_say_nothing(details: tuple[object, ...]) -> None:
    """Anybody may fail an activity with anything."""
    assert setback(ApplicationError("no", *details)) == Setback()
