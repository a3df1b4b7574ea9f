"""What a repository needs before the work: its own file, its set-up, its test command. Pure decisions.

The order is the same for both: the repository's file on the default branch, the operator's setting, what is
detected. What was named and fails is an end with a reason; what was only detected and fails is left out, and
said so.
"""

from bot.agent.contract import DetectedCommand
from bot.domain.repo_config import RepoConfig
from bot.tasks.change.facts import CommandFacts, SetupFacts

AGENTS_FILE = "AGENTS.md"


def decide_setup(config: RepoConfig, operator: str, detected: SetupFacts) -> SetupFacts:
    """Which set-up runs. An empty `setup:` in the repository's file says that there is nothing to install."""
    if config.setup is not None:
        return SetupFacts(config.setup, ".github/pullwright.yml", detected=False)
    if operator:
        return SetupFacts(operator, "the operator's setting", detected=False)
    return detected


def named_test_command(config: RepoConfig, operator: str) -> CommandFacts | None:
    """The test command that somebody named; None: look for it."""
    if config.test is not None:
        return CommandFacts("", config.test, ".github/pullwright.yml", config.report or "")
    return CommandFacts("", operator, "the operator's setting") if operator else None


def render_commands(setup: SetupFacts, test: CommandFacts) -> tuple[DetectedCommand, ...]:
    """What the model is told; the set-up has run already."""
    found = []
    if setup.script:
        found.append(DetectedCommand("setup (has been run)", setup.script, setup.source))
    if test.command:
        found.append(DetectedCommand("test", test.command, test.source))
    return tuple(found)


def agents_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Instruction files for agents, root to leaf."""
    found = [path for path in paths if path.rsplit("/", 1)[-1] == AGENTS_FILE]
    return tuple(sorted(found, key=lambda path: (path.count("/"), path)))
