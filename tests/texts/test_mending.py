from bot.domain.findings import Finding, Priority
from bot.texts.mending import render_mending


def test_every_finding_is_named_with_its_place_and_cut_to_a_paragraph() -> None:
    found = Finding("app.py", 6, 7, Priority.P1, "Divides by zero", "x" * 5_000)
    text = render_mending((found, Finding("b.py", 1, 1, Priority.P3, "Odd", "Why.")))
    assert "- `app.py`, lines 6-7 (P1): Divides by zero. xxx" in text
    assert text.endswith("- `b.py`, lines 1-1 (P3): Odd. Why.")
    assert len(text) < 1_400
