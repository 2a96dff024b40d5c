"""
What a provider's error means: whether asking again can mend it. Its message is never passed on: it may quote what was asked.

The library raises an exception of one class for each status, and its own for what never was sent. A table says of each class
what it means; what is not in the table may pass.

Source: litellm/exceptions.py, measured in tests/unit/test_providers.py
"""

from __future__ import annotations

from activities.errors import ActivityError, ProviderRefused, Unreachable

FINAL = {
    "AuthenticationError": "the key is missing or wrong",
    "PermissionDeniedError": "the key may not do this",
    "PaymentRequiredError": "it is not paid for",
    "NotFoundError": "there is no such model or place",
    "ContextWindowExceededError": "the question is too long for it",
    "ContentPolicyViolationError": "it refuses the contents",
    "RejectedRequestError": "it refuses the contents",
    "ImageFetchError": "it cannot read the question",
    "UnsupportedParamsError": "it cannot do what is asked of it",
    "LiteLLMUnknownProvider": "litellm knows no such provider",
    "UnprocessableEntityError": "it cannot read the question",
    "BadRequestError": "it cannot read the question",
    "InvalidRequestError": "it cannot read the question",
}
"""By class: what asking again does not mend."""
PASSING = {
    "RateLimitError": "it counts too many questions",
    "Timeout": "no answer in time",
    "APITimeoutError": "no answer in time",
    "APIConnectionError": "no connection",
    "ServiceUnavailableError": "it is not available",
    "BadGatewayError": "it is not available",
    "InternalServerError": "it failed",
    "APIResponseValidationError": "its answer cannot be read",
}
"""By class: what may pass."""
_PASSING_STATUS = (408, 409, 425, 429)
"""Among the statuses that blame the question, those that say: later."""


def told(error: Exception, model: str) -> ActivityError:
    """*error* of the library as ours: by its class and status alone."""
    kind, status = _known(type(error)), _status(error)
    shown = ", ".join([kind or type(error).__name__, *([str(status)] if status else [])])
    if status is not None and 300 <= status < 400:
        return ProviderRefused(model, f"it sends whoever asks to another place, and none but its `endpoint` is asked ({shown})")
    blamed = status is not None and 400 <= status < 500
    if status not in _PASSING_STATUS and (kind in FINAL or (blamed and kind not in PASSING)):
        return ProviderRefused(model, f"{FINAL.get(kind, 'it does not take the question')} ({shown})")
    words = PASSING.get(kind, "something that this version does not know")
    return Unreachable("the model", f"`{model}`", f"{words}: {shown}")


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and 100 <= status <= 599 else None


def _known(kind: type[BaseException]) -> str:
    """The nearest class of *kind* that the tables know; empty where none is."""
    names = (each.__name__ for each in kind.__mro__)
    return next((name for name in names if name in FINAL or name in PASSING), "")
