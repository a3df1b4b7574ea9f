"""What a failed model request means, decided from plain data: status, error code, message. Pure.

The set is an allow-list: only what is known to pass is repeated. A quota that is used up answers 429 like a
rate limit does, and is final; an overlong prompt answers 400, 413, 429 or 500 by the maker's taste.
"""

import re
from dataclasses import dataclass
from typing import Final

from bot.domain import limits, throttling
from bot.errors import ModelFault, RetryLater
from bot.llm.contract import ContextOverflow, Trouble

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
_FILTER_CODES: Final = frozenset({"content_filter", "content_policy_violation", "cyber_policy", "bio_policy"})
_NO_TOOLS_TEXT: Final = re.compile(
    r"does not support (?:tools|function|tool)|tools? (?:calls? )?(?:is|are) not supported|enable-auto-tool-choice"
    r"|no endpoints found that support tool use",
    re.IGNORECASE,
)
_PASSING_STATUS: Final = frozenset({408, 409, 425, 429})
# Inside a stream there is no status, only a code. What stands here, a number from 500 on, or no code at all passes.
_PASSING_CODES: Final = frozenset(
    {
        "",
        "rate_limit_exceeded",
        "rate_limit_error",
        "server_error",
        "internal_error",
        "internal_server_error",
        "api_error",
        "overloaded",
        "overloaded_error",
        "server_overloaded",
        "service_unavailable",
        "slow_down",
        "timeout",
        "timeout_error",
        "upstream_error",
    }
)

_REMEDIES: Final = {
    400: "Look at it with `pullwright doctor --model`: it says what this server can do.",
    401: "Check OPENAI_API_KEY.",
    402: "Add credit at the model's provider.",
    403: "The key may not use this model: check its project and region.",
    404: "Check PULLWRIGHT_MODEL and OPENAI_BASE_URL.",
}
_NO_TOOLS_REMEDY: Final = (
    "Take a model that calls tools (vLLM: --enable-auto-tool-choice; llama.cpp: --jinja)."
)


@dataclass(frozen=True)
class Failure:
    """`status` None: the error came inside a stream that had begun with 200, or there was no answer; then
    `trouble` says how it ended. `param` is the field that the server complains of, if it says."""

    status: int | None
    code: str
    message: str
    retry_after_s: float = 0.0
    param: str = ""
    trouble: Trouble | None = None
    cause: Exception | None = None


def decide_fault(failure: Failure) -> ModelFault | RetryLater | ContextOverflow:
    """The exception that the failure means. Overlong and out of quota are looked for before 'passing'."""
    said = _shorten(failure.message)
    where = "in the stream" if failure.status is None else f"with status {failure.status}"
    if failure.trouble is not None:
        return RetryLater(said, failure.retry_after_s)
    if failure.code in _OVERFLOW_CODES or _OVERFLOW_TEXT.search(failure.message):
        return ContextOverflow(f"the model's server refused the prompt as too long: {said}")
    if failure.code in _QUOTA_CODES:
        return ModelFault(
            f"The model's quota is used up: {said}", "Add credit or raise the limit at the provider."
        )
    if _NO_TOOLS_TEXT.search(failure.message):
        return ModelFault(f"The model's server takes no tools: {said}", _NO_TOOLS_REMEDY)
    if _passes(failure):
        return RetryLater(f"the model's server failed {where}: {said}", failure.retry_after_s)
    remedy = _REMEDIES.get(_status(failure) or 400, _REMEDIES[400])
    return ModelFault(f"The model's server refused the request {where}: {said}", remedy)


def is_filtered(failure: Failure) -> bool:
    """Refused for its content: an answer of a kind, not a fault of the server."""
    return failure.code in _FILTER_CODES


def trouble_of(failure: Failure) -> Trouble:
    """The word under which the failure is counted."""
    if failure.trouble is not None:
        return failure.trouble
    match decide_fault(failure):
        case ContextOverflow():
            return Trouble.OVERFLOW
        case ModelFault():
            return Trouble.REFUSED_REQUEST
        case RetryLater():
            limited = _status(failure) == 429 or failure.code in ("rate_limit_exceeded", "rate_limit_error")
            return Trouble.RATE_LIMIT if limited else Trouble.SERVER


def _passes(failure: Failure) -> bool:
    status = _status(failure)
    if status is None:
        return failure.code in _PASSING_CODES
    return status in _PASSING_STATUS or status >= 500


def _status(failure: Failure) -> int | None:
    """Some gateways put the status of the server behind them into the code of an event."""
    if failure.status is None and re.fullmatch(r"[45]\d\d", failure.code):
        return int(failure.code)
    return failure.status


def parse_retry_after(headers: dict[str, str], now: float) -> float:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or a date); 0.0 without them."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except ValueError:
        return limits.MODEL_RETRY_WAIT_MAX_S
    if not headers.get("retry-after"):
        return 0.0
    after = throttling.parse_retry_after(headers, now)
    return limits.MODEL_RETRY_WAIT_MAX_S if after is None else after


def _shorten(message: str) -> str:
    """One line, at most 300 characters: error pages of proxies are long."""
    flat = " ".join(message.split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"
