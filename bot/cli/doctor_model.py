"""What `pullwright doctor` makes of a model's server: findings with remedies. Pure."""

from bot.cli.doctor_findings import Finding, Health
from bot.llm.features import Features, Wire
from bot.llm.probe import PROMPT_TOKENS, ProbeFacts

_WIRES = {Wire.RESPONSES: "Responses", Wire.CHAT: "Chat Completions"}
_ASKED_CALLS = 2


def judge_model(facts: ProbeFacts, features: Features) -> tuple[Finding, ...]:
    """Every finding, the gravest subjects first."""
    return (
        _answer(facts),
        _tools(facts),
        _going_on(facts),
        _prompt(facts, features),
        _patches(facts),
        _stream(facts),
        _tokens(facts),
        _cache(facts),
        *_left_out(facts),
    )


def judge_silence(fault: str, base_url: str) -> Finding:
    """The server gave no answer at all, or none that can be used. `base_url` empty: OpenAI's own."""
    where = f"OPENAI_BASE_URL is {base_url}" if base_url else "OPENAI_BASE_URL is not set, so it is OpenAI's"
    return Finding(
        "model",
        Health.BAD,
        fault,
        f"Try again in a minute. If it stays: is this the server ({where}), does it run, can it be reached from here?",
    )


def _answer(facts: ProbeFacts) -> Finding:
    cost = f", ${facts.paid.cost_usd:.4f}" if facts.paid.cost_usd is not None and facts.priced else ""
    used = f"{facts.paid.input_tokens:,} + {facts.paid.output_tokens:,} tokens{cost}"
    return Finding("model", Health.GOOD, f"{facts.model} answers through {_WIRES[facts.wire]} ({used})")


def _tools(facts: ProbeFacts) -> Finding:
    if facts.calls == 0:
        said, remedy = _no_call(facts)
        return Finding("tool calls", Health.BAD, said, remedy)
    if facts.malformed:
        return Finding(
            "tool calls",
            Health.WARNING,
            "some name no tool, or have arguments that are none",
            "Works: the model is told and tries again. Tasks take more turns, and end when it happens too often.",
        )
    if facts.calls < _ASKED_CALLS:
        return Finding(
            "tool calls",
            Health.WARNING,
            "one call at a time",
            "Works. Tasks take more turns than with a model that calls several tools at once.",
        )
    return Finding("tool calls", Health.GOOD, "well formed, several in one reply")


def _no_call(facts: ProbeFacts) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    if facts.refused:
        return (
            "the model, or a filter before it, refused to write down a word",
            "Take another model, or look at what the provider filters.",
        )
    if facts.malformed:
        return (
            "the model's calls name no tool that it was given, or have arguments that are none",
            "Take a model that calls tools. vLLM: the --tool-call-parser of this model; llama.cpp: --jinja, and the "
            "model's own template.",
        )
    return (
        "the model was asked to call a tool and did not",
        "Take a model that calls tools. vLLM: --enable-auto-tool-choice and a --tool-call-parser; llama.cpp: "
        "--jinja; Ollama: a model marked `tools`.",
    )


def _going_on(facts: ProbeFacts) -> Finding:
    if facts.goes_on:
        return Finding(
            "conversation",
            Health.BAD,
            f"the answers to tool calls are not taken: {facts.goes_on}",
            "Try PULLWRIGHT_WIRE=chat, or a newer server.",
        )
    if facts.calls + facts.malformed == 0:
        return Finding("conversation", Health.WARNING, "goes on; after a tool call it could not be tried", "")
    return Finding("conversation", Health.GOOD, "goes on after tool calls")


def _prompt(facts: ProbeFacts, features: Features) -> Finding:
    told = f"the window is {facts.window:,} tokens" if facts.window else "the window is not told"
    if facts.too_long:
        return Finding(
            "long prompts",
            Health.BAD,
            f"one of about {PROMPT_TOKENS:,} tokens is too long: {facts.too_long.rstrip('.')}; {told}",
            "Raise the window at the server. Ollama: OLLAMA_CONTEXT_LENGTH=65536; llama.cpp: --ctx-size 65536.",
        )
    if not facts.knows_first_line:
        return Finding(
            "long prompts",
            Health.WARNING,
            f"the model did not know the first line of a long prompt; {told}",
            "Either the server cuts prompts, or the model is too weak for this work.",
        )
    if facts.window and facts.window < min(features.window, _WINDOW_WANTED):
        return Finding(
            "long prompts",
            Health.WARNING,
            told,
            f"Tasks want {_WINDOW_WANTED:,}: raise it at the server, or expect them to end early.",
        )
    return Finding("long prompts", Health.GOOD, f"arrive whole; {told}")


_WINDOW_WANTED = 64_000  # a run of thirty turns peaks at 54,000 tokens


def _patches(facts: ProbeFacts) -> Finding:
    how = {True: "as plain text", False: "as JSON: the server takes no plain-text tools", None: "as JSON"}
    if facts.patched:
        return Finding("patches", Health.GOOD, how[facts.free_patch])
    return Finding(
        "patches",
        Health.WARNING,
        "the model was asked for a patch and did not write one",
        "A weak model edits badly: expect tasks to end without a change.",
    )


def _stream(facts: ProbeFacts) -> Finding:
    if facts.streamed:
        return Finding("streaming", Health.GOOD, "yes")
    return Finding(
        "streaming",
        Health.WARNING,
        "the server answers in one piece",
        "Works; raise PULLWRIGHT_MODEL_IDLE_S over the longest answer, or let the proxy in between stream.",
    )


def _tokens(facts: ProbeFacts) -> Finding:
    if not facts.usage_reported:
        return Finding(
            "tokens",
            Health.WARNING,
            "are not reported: estimated at four bytes each",
            "Budgets are approximate. vLLM and llama.cpp report them by themselves; look at the proxy in between.",
        )
    if not facts.priced:
        return Finding(
            "tokens",
            Health.WARNING,
            "are reported; what they cost is not known",
            'Set PULLWRIGHT_PRICES, for example {"my-model": {"input": 0.2, "cached": 0.02, "output": 0.8}}; zeros '
            "for a machine of your own. Until then no budget in money holds.",
        )
    return Finding("tokens", Health.GOOD, "are reported and priced")


def _cache(facts: ProbeFacts) -> Finding:
    if facts.cached_tokens:
        return Finding("prompt cache", Health.GOOD, f"{facts.cached_tokens:,} tokens of the second request")
    return Finding(
        "prompt cache",
        Health.WARNING,
        "not seen: every turn is computed (and paid) in full",
        "vLLM: --enable-prefix-caching. Some servers cache and do not report it; some only longer prompts.",
    )


def _left_out(facts: ProbeFacts) -> tuple[Finding, ...]:
    """What the server does not take: nothing to mend, but worth knowing."""
    words = {
        "developer": "the role `developer`",
        "custom": "plain-text tools",
        "carried": "the model's earlier reasoning",
    }
    names = sorted(words.get(name, f"`{name}`") for name in facts.left_out)
    if not names:
        return ()
    said = f"not taken by this server, left out: {', '.join(names)}"
    return (
        Finding("request", Health.WARNING, said, "Nothing to do; each costs one refused request a start."),
    )
