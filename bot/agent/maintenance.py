"""The instructions of built-in maintenance; they stand in `prompts/`, one file for each."""

from importlib.resources import files

from bot.domain.repo_sections import BuiltIn


def render_instruction(uses: BuiltIn | None, prompt: str) -> str:
    """What a schedule asks for: the built-in text, the repository's own words, or the one with the other below it."""
    own = prompt.strip()
    if uses is None:
        return own
    text = files("bot.agent").joinpath(f"prompts/{uses.value}.txt").read_text(encoding="utf-8").strip()
    return f"{text}\n\nIn this repository, moreover:\n\n{own}" if own else text
