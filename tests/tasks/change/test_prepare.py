"""What a repository says about itself: which files speak to agents."""

from bot.tasks.change.prepare import agents_paths


def test_instructions_go_from_root_to_leaf_and_an_override_stands_for_its_directory() -> None:
    paths = (
        "pkg/AGENTS.md",
        "pkg/deep/AGENTS.override.md",
        "pkg/AGENTS.override.md",
        "AGENTS.md",
        "docs/agents.md",
    )
    assert agents_paths(paths) == ("AGENTS.md", "pkg/AGENTS.override.md", "pkg/deep/AGENTS.override.md")
