"""
Which variables of the shell the reason worker gets: those by which litellm reaches its providers, by their exact names.

An ending is not enough to go by: `STRIPE_API_KEY` is no model's. What is not listed here, `SAYSO_MODEL_ENV` names.
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.errors import WrongUse

MODEL, MORE = "SAYSO_MODEL", "SAYSO_MODEL_ENV"
_KEY_AND_BASE = (
    "ANTHROPIC",
    "AZURE",
    "AZURE_AI",
    "COHERE",
    "DATABRICKS",
    "DEEPINFRA",
    "DEEPSEEK",
    "FIREWORKS_AI",
    "GEMINI",
    "GROQ",
    "HOSTED_VLLM",
    "HUGGINGFACE",
    "LITELLM_PROXY",
    "LM_STUDIO",
    "MISTRAL",
    "NVIDIA_NIM",
    "OLLAMA",
    "OPENAI",
    "OPENROUTER",
    "XAI",
)
"""Providers with `NAME_API_KEY` and `NAME_API_BASE`."""
_OTHERS = {
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "AI21_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_BEDROCK_RUNTIME_ENDPOINT",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_REGION_NAME",
    "AWS_ROLE_ARN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_AD_TOKEN",
    "AZURE_API_VERSION",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "CEREBRAS_API_KEY",
    "CO_API_KEY",
    "FIREWORKS_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "HF_TOKEN",
    "OPENAI_BASE_URL",
    "OPENAI_ORGANIZATION",
    "PERPLEXITYAI_API_KEY",
    "REPLICATE_API_KEY",
    "SAMBANOVA_API_KEY",
    "TOGETHERAI_API_KEY",
    "VERTEXAI_CREDENTIALS",
    "VERTEXAI_LOCATION",
    "VERTEXAI_PROJECT",
    "WATSONX_APIKEY",
    "WATSONX_PROJECT_ID",
    "WATSONX_URL",
}
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
PROVIDERS = frozenset(f"{name}_API_{what}" for name in _KEY_AND_BASE for what in ("KEY", "BASE")) | _OTHERS | _PROXIES
_OURS = ("TEMPORAL_", "SAYSO_")


def for_models(environment: Mapping[str, str], *, routed: bool = False) -> dict[str, str]:
    """
    Of *environment* what a model needs; nothing where no model is named.

    Args:
        routed: The bundle names a model.

    Raises:
        WrongUse: `SAYSO_MODEL_ENV` names a variable that the stack itself sets.
    """
    if not environment.get(MODEL) and not routed:
        return {}
    more = {name.strip() for name in environment.get(MORE, "").split(",") if name.strip()}
    taken = sorted(name for name in more if name.startswith(_OURS))
    if taken:
        raise WrongUse(f"{MORE} names `{taken[0]}`, which is the stack's own to set: name variables of the model's provider")
    return {name: environment[name] for name in sorted({MODEL, *PROVIDERS, *more}) if name in environment}
