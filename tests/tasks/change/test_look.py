"""What a second look does to a task: back once, or on with a word for the reviewer."""

from bot.agent.second_look import Advice, Verdict
from bot.domain.budget import Spent
from bot.llm.contract import AssistantMessage, FinishReason, ModelReply, Usage
from bot.tasks.change.facts import ChangeFacts, parse_facts, render_facts, total_spent
from bot.tasks.change.look import decide_advice

REPLY = ModelReply(AssistantMessage("", ()), FinishReason.CALLS, Usage(100, 0, 10, 0.02), "m")
FACTS = ChangeFacts(round=1, spent=Spent(turns=3, requests=3, input_tokens=1_000, cost_usd=0.5))


def test_back_with_the_points() -> None:
    facts = decide_advice(FACTS, Advice(Verdict.SEND_BACK, ("app.py: x",), REPLY))
    assert facts.looked_twice
    assert "- app.py: x" in facts.feedback
    assert facts.advice == ()


def test_on_with_the_points() -> None:
    facts = decide_advice(FACTS, Advice(Verdict.OK, ("look at app.py",), REPLY))
    assert (facts.feedback, facts.advice) == ("", ("look at app.py",))
    assert parse_facts(render_facts(facts)) == facts


def test_it_is_paid_for_openly() -> None:
    told = total_spent(decide_advice(FACTS, Advice(reply=REPLY)))
    assert (told.requests, told.input_tokens, told.cost_usd) == (4, 1_100, 0.52)
    assert total_spent(decide_advice(FACTS, Advice())) == FACTS.spent
