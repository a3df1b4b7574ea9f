"""What people said to a task and it could not go on with, in its last comment. Pure."""

from typing import Final

from bot.texts.sanitise import sanitise_line

_SHOWN: Final = 5  # of the words, the oldest; who wrote more has them in the thread
_CHARACTERS: Final = 300  # of each: enough to know which comment it was


def render_unheard(said: tuple[tuple[str, str], ...], handle: str) -> str:
    """`said`: (login, text) of each, oldest first; empty: nothing."""
    if not said:
        return ""
    lines = [
        f"> {sanitise_line(login, 60)}: {sanitise_line(text, _CHARACTERS)}" for login, text in said[:_SHOWN]
    ]
    if len(said) > _SHOWN:
        lines.append(f"> and {len(said) - _SHOWN} more")
    shown = "\n>\n".join(lines)
    return (
        "**Not considered**, because it came when I could not go on with it:\n\n"
        f"{shown}\n\nTo have it done, mention `@\u200b{handle}` with it once more."
    )
