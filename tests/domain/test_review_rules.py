"""Rules for reviews: the right sections, of the root and of the nearest file."""

from bot.domain.review_rules import choose_rules, find_review_rules

TEXT = """# Agents

Run the tests.

## Code Review Rules

Division by zero is P1.

### Names

```
# no heading
## Style
```

## Style

Tabs.

# REVIEW GUIDELINES #
No remarks on names.
# Other
x
"""


def test_both_headings_count_in_any_case_and_end_at_the_next_of_their_level() -> None:
    assert find_review_rules(TEXT) == (
        "Division by zero is P1.\n\n### Names\n\n```\n# no heading\n## Style\n```\n\nNo remarks on names."
    )


def test_without_such_a_section_there_are_none() -> None:
    assert find_review_rules("# Rules\n\nReview guidelines are elsewhere.\n") == ""


def rules(text: str) -> str:
    return f"## Review guidelines\n{text}\n"


def test_root_and_nearest_hold_and_others_do_not() -> None:
    agents = {
        "AGENTS.md": rules("root"),
        "src/AGENTS.md": rules("src"),
        "src/db/AGENTS.md": rules("db"),
        "src/web/AGENTS.md": "# Nothing about reviews\n",
        "docs/AGENTS.md": rules("docs"),
    }
    assert choose_rules(agents, ["src/db/models/user.py"]) == (
        ("AGENTS.md", "root"),
        ("src/db/AGENTS.md", "db"),
    )
    assert choose_rules(agents, ["src/web/app.py", "README.md"]) == (
        ("AGENTS.md", "root"),
        ("src/AGENTS.md", "src"),
    )
    assert choose_rules({}, ["a.py"]) == ()
