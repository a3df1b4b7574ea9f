"""What a repository needs before the work: its own file, its set-up, its test command. Pure decisions.

The order is the same for both: the repository's file on the default branch, the operator's setting, what is
detected. What was named and fails is an end with a reason; what was only detected and fails is left out, and
said so.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.agent.contract import DetectedCommand
from bot.domain.repo_config import PRESETS, RepoConfig
from bot.sandbox.contract import EgressPolicy
from bot.sandbox.registries import Preset
from bot.tasks.change.facts import Chosen, CommandFacts, HouseRules, SetupFacts

AGENTS_FILES = ("AGENTS.override.md", "AGENTS.md")


def decide_setup(config: RepoConfig, operator: str, detected: SetupFacts) -> SetupFacts:
    """Which set-up runs. An empty `setup:` in the repository's file says that there is nothing to install."""
    if config.setup is not None:
        return SetupFacts(config.setup, ".github/pullwright.yml", detected=False)
    if operator:
        return SetupFacts(operator, "the operator's setting", detected=False)
    return detected


def decide_egress(
    operator: EgressPolicy, presets: Mapping[str, Preset], network: tuple[str, ...]
) -> EgressPolicy:
    """What the work may reach: what the repository's file names, and nothing else. Its pins are the operator's."""
    hosts = [host for name in network for host in _hosts(name, presets)]
    where = "`network` in .github/pullwright.yml"
    return replace(operator, hosts=tuple(dict.fromkeys(hosts)), where=where)


def decide_setup_egress(
    operator: EgressPolicy, presets: Mapping[str, Preset], work: EgressPolicy
) -> EgressPolicy:
    """A set-up reaches the registries, the operator's hosts, and what the work may reach."""
    where = f"`network` in .github/pullwright.yml, or {operator.where}"
    registries = [host for preset in presets.values() for host in preset.hosts]
    return replace(
        operator, hosts=tuple(dict.fromkeys((*registries, *operator.hosts, *work.hosts))), where=where
    )


def _hosts(name: str, presets: Mapping[str, Preset]) -> tuple[str, ...]:
    """Of a preset those that this host's managers say, which may be none; a host is itself."""
    if name in PRESETS:
        return presets[name].hosts if name in presets else ()
    return (name,)


def named_test_command(config: RepoConfig, operator: str) -> CommandFacts | None:
    """The test command that somebody named; None: look for it."""
    if config.test is not None:
        return CommandFacts("", config.test, ".github/pullwright.yml", config.report or "")
    return CommandFacts("", operator, "the operator's setting") if operator else None


def house_rules(config: RepoConfig) -> HouseRules:
    """The rest of what the repository's file says about work here, as facts."""
    budget = config.budget
    return HouseRules(
        lint=config.lint or "",
        variables=tuple(sorted(config.environment.items())),
        model=config.model or "",
        usd=budget.usd or 0.0,
        minutes=budget.minutes or 0.0,
        turns=budget.turns or 0,
        tokens=budget.tokens or 0,
        min_trust=config.min_trust.value,
    )


def refuse_model(rules: HouseRules, allowed: Collection[str]) -> str | None:
    """Why the model that the repository's file names can't be had; None: it can, or none is named."""
    if not rules.model or rules.model in allowed:
        return None
    return f"`model` names `{rules.model}`, which the operator does not allow here."


def render_commands(chosen: Chosen) -> tuple[DetectedCommand, ...]:
    """What the model is told; the set-up has run already."""
    setup, test, network, rules = chosen.setup, chosen.test, chosen.network, chosen.rules
    found = []
    if setup.script:
        found.append(DetectedCommand("setup (has been run)", setup.script, setup.source))
    if test.command:
        found.append(DetectedCommand("test", test.command, test.source))
    if network:
        hosts = "https only, through the proxy in $HTTPS_PROXY: " + ", ".join(network)
        found.append(DetectedCommand("network", hosts, ".github/pullwright.yml"))
    if rules.lint:
        found.append(DetectedCommand("lint (run on what you submit)", rules.lint, ".github/pullwright.yml"))
    if rules.variables:
        names = ", ".join(name for name, _ in rules.variables)
        found.append(DetectedCommand("variables that are set", names, ".github/pullwright.yml"))
    return tuple(found)


def agents_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Instruction files for agents, root to leaf; of each directory one, its override before its ordinary one."""
    found: dict[str, str] = {}
    for name in AGENTS_FILES:
        for path in paths:
            directory, _, last = path.rpartition("/")
            if last == name:
                found.setdefault(directory, path)
    return tuple(sorted(found.values(), key=lambda path: (path.count("/"), path)))
