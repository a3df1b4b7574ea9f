"""What a reviewer has to know about where a change goes, beside what was measured. Pure."""

from dataclasses import dataclass

from bot.texts.sanitise import code, sanitise_line


@dataclass(frozen=True)
class Surroundings:
    """`base_from`: who chose the base branch, empty if nobody had to. `tip`: where that branch stands now. `others`:
    open pull requests that say they close the same issue, as (number, author)."""

    base_branch: str
    base_from: str
    base_commit: str
    tip: str
    others: tuple[tuple[int, str], ...] = ()


def render_surroundings(around: Surroundings) -> tuple[str, ...]:
    """Sentences; none when everything is as usual."""
    branch = code(around.base_branch, 100)
    said = []
    if around.base_from:
        said.append(f"It goes to {branch}: {sanitise_line(around.base_from, 200)} says so.")
    if around.tip != around.base_commit:
        said.append(
            f"{branch} has moved on to `{around.tip[:10]}` meanwhile. What was measured is this change on "
            f"`{around.base_commit[:10]}`."
        )
    said += [
        f"#{number} by {sanitise_line(author, 60)} is open for the same issue."
        for number, author in around.others[:5]
    ]
    return tuple(said)
