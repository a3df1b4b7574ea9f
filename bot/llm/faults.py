"""What a failed model request means, decided from plain data: status, error code, message. Pure.

The set is an allow-list: only what is known to pass is repeated. A quota that is used up answers 429 like a
rate limit does, and is final; an overlong prompt answers 400, 413, 429 or 500 by the maker's taste.
"""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from bot.domain import limits
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import ContextOverflow

_QUOTA_CODES: Final = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "access_terminated",
        "quota_exceeded",
    }
)
_OVERFLOW_CODES: Final = frozenset(
    {"context_length_exceeded", "string_above_max_length", "request_too_large"}
)
# As OpenAI, Anthropic, Google, Mistral, Groq, xAI, llama.cpp, vLLM, Ollama, LM Studio and OpenRouter say it.
_OVERFLOW_TEXT: Final = re.compile(
    r"maximum (?:context|prompt) length|context[ _]length|context window|context limit|available context size"
    r"|prompt is too long|prompt too long|input is too long|input length and `?max_tokens`? exceed"
    r"|input token count.*exceeds|exceeds the limit of \d+|reduce the length of the (?:messages|prompt|input)"
    r"|request too large|too many tokens|greater than the context",
    re.IGNORECASE,
)
_PASSING_STATUS: Final = frozenset({408, 409, 425, 429})

_REMEDIES: Final = {
    400: "Check the model's name and that the server speaks Chat Completions with tools.",
    401: "Check OPENAI_API_KEY.",
    402: "Add credit at the model's provider.",
    403: "The key may not use this model: check its project and region.",
    404: "Check PULLWRIGHT_MODEL and OPENAI_BASE_URL.",
}


@dataclass(frozen=True)
class Failure:
    """`status` None: the error came inside a stream that had begun with 200."""

    status: int | None
    code: str
    message: str
    retry_after_s: float = 0.0


def decide_fault(failure: Failure) -> ModelFault | RetryLater | ContextOverflow:
    """The exception that the failure means. Overlong and out of quota are looked for before 'passing'."""
    said = _shorten(failure.message)
    where = "in the stream" if failure.status is None else f"with status {failure.status}"
    if failure.code in _OVERFLOW_CODES or _OVERFLOW_TEXT.search(failure.message):
        return ContextOverflow(f"the model's server refused the prompt as too long: {said}")
    if failure.code in _QUOTA_CODES:
        return ModelFault(
            f"The model's quota is used up: {said}", "Add credit or raise the limit at the provider."
        )
    if failure.status is None or failure.status in _PASSING_STATUS or failure.status >= 500:
        return RetryLater(f"the model's server failed {where}: {said}", failure.retry_after_s)
    remedy = _REMEDIES.get(failure.status, _REMEDIES[400])
    return ModelFault(f"The model's server refused the request {where}: {said}", remedy)


def parse_retry_after(headers: dict[str, str], now: float) -> float:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date); 0.0 without them."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after", "")
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - now) if value else 0.0
    except (ValueError, OverflowError):
        return limits.MODEL_RETRY_WAIT_MAX_S


def _shorten(message: str) -> str:
    """One line, at most 300 characters: error pages of proxies are long."""
    flat = " ".join(message.split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"
