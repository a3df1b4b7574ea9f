"""The repository's own file, `.github/pullwright.yml`: read strictly, refused with line and remedy. Pure.

A key that is not honoured is refused and not left out: a `protected:` that does nothing would be worse than
none. The file is untrusted text: only YAML nodes are made of it, never objects, and aliases are not followed.
"""

import re
from enum import StrEnum
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.config_nodes import (
    REPO_CONFIG_PATH,
    ConfigFault,
    compose,
    is_unusable,
    line_of,
    read_section,
    unknown_key,
)
from bot.domain.findings import Priority
from bot.domain.limits import FINDINGS, NETWORK_HOSTS, REPO_CONFIG_BYTES, VARIABLES
from bot.domain.repo_sections import (
    BaseConfig,
    BudgetConfig,
    SchedulesConfig,
    TriggersConfig,
    TrustLevel,
    refuse_variable,
)
from bot.domain.schedule_nodes import read_schedules

__all__ = [
    "PRESETS",
    "REPO_CONFIG_PATH",
    "ConfigFault",
    "GateRule",
    "Moment",
    "RepoConfig",
    "ReviewConfig",
    "find_lines",
    "parse_repo_config",
    "repo_config_schema",
]

_OPERATORS: Final = frozenset(("egress_pins", "egress_ca", "egress_hosts", "toolchains"))
_REPORT: Final = re.compile(r"[\w./*?-]+")
_LISTS: Final = frozenset(("protected", "allow"))
PRESETS: Final = ("python", "javascript", "rust", "go", "java", "ruby", "php")
"""Ecosystems whose registries `network` can name; which hosts these are, the worker's package managers say."""
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class GateRule(StrEnum):
    """The rules of the gate (`bot/verify/gate`), by the names that the file may use."""

    SCRATCH = "scratch"
    CI = "ci"
    INSTRUCTIONS = "instructions"
    LOCK_FILES = "lock_files"
    LINKS = "links"
    MODES = "modes"
    LARGE_FILES = "large_files"
    BINARIES = "binaries"
    CONFLICTS = "conflicts"
    WHITE_SPACE = "white_space"
    SECRETS = "secrets"
    LICENCES = "licences"
    SUPPRESSIONS = "suppressions"
    DEBRIS = "debris"
    SKIPPED_TESTS = "skipped_tests"
    WEAKENED_TESTS = "weakened_tests"
    LOOSENED_TESTS = "loosened_tests"
    LOST_TESTS = "lost_tests"


MODEL_NAME: Final = r"^[\w./:@+-]{1,100}$"
_ALWAYS: Final = ("links", "secrets", "conflicts")


class Moment(StrEnum):
    """When a pull request may be reviewed without being asked for."""

    OPENED = "opened"
    READY = "ready"  # it was a draft before
    PUSHED = "pushed"


class ReviewConfig(BaseModel):
    """When pull requests are reviewed by themselves, and how much is said."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    when: tuple[Moment, ...] = Field(
        default=(), description="Review without being asked: `opened`, `ready` (no draft any more), `pushed`."
    )
    drafts: bool = Field(default=False, description="Review drafts as well.")
    branches: tuple[str, ...] = Field(
        default=(), description="Only pull requests to these branches; `*` stands for anything."
    )
    labels: tuple[str, ...] = Field(default=(), description="Only pull requests with one of these labels.")
    skip_authors: tuple[str, ...] = Field(default=(), description="Never those of these people.")
    paths: tuple[str, ...] = Field(
        default=(),
        description="Only pull requests that change a file of these (`src/`, `*.sql`); a slash at the end means "
        "everything below.",
    )
    least: Priority = Field(default=Priority.P3, description="Say nothing that is less urgent than this.")
    most: int = Field(
        default=FINDINGS, ge=1, le=FINDINGS, description="Findings of one review; the most urgent come first."
    )


class RepoConfig(BaseModel):
    """What a repository can say about itself; the published schema is made from these descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, title=REPO_CONFIG_PATH)

    setup: str | None = Field(
        default=None,
        description="Commands for bash that install what the tests need, run once with the package "
        "registries reachable. Left out: detected. Empty: nothing is to be installed.",
    )
    test: str | None = Field(
        default=None,
        min_length=1,
        description="The command for bash that runs the tests. Left out: detected.",
    )
    network: tuple[str, ...] = Field(
        default=(),
        max_length=NETWORK_HOSTS,
        description="Hosts that the work, the tests and the set-up may reach by https: exact names, `*.example.org` "
        "for one label, or an ecosystem's registries by its name (python, javascript, rust, go, java, ruby, php). "
        "Left out: the work and the tests have no network.",
    )
    maintenance: str = Field(
        default="",
        description="Commands for bash that bring an older environment up to date when the lock files have changed, "
        "with the registries reachable. Left out, or when they fail: the set-up runs from nothing.",
    )
    report: str | None = Field(
        default=None,
        min_length=1,
        description="Where `test` leaves its machine report: the JUnit XML files, as a pattern below the root "
        "(`target/surefire-reports/*.xml`), or `tap` when it prints TAP. Left out: known for the common runners.",
    )
    protected: tuple[str, ...] = Field(
        default=(),
        description="Patterns of paths that the agent must not change (`src/vendored/`, `*.sql`); a slash at the end "
        "means everything below.",
    )
    allow: tuple[GateRule, ...] = Field(
        default=(),
        description="Rules of the gate that do not hold in this repository. Those about links, secrets and conflict "
        "markers always hold.",
    )
    review: ReviewConfig = Field(
        default_factory=ReviewConfig,
        description="When pull requests are reviewed by themselves, and how much is said.",
    )
    lint: str | None = Field(
        default=None,
        min_length=1,
        description="The command for bash that checks the style. It is run on the base and on the change; where only "
        "the change fails, the agent has to mend it, and what it says at the end stands in the evidence.",
    )
    environment: dict[str, str] = Field(
        default_factory=dict,
        max_length=VARIABLES,
        description="Variables for the set-up, the tests and the work (`DJANGO_SETTINGS_MODULE: shop.test_settings`). "
        "Everybody who can read the repository reads them: no place for secrets.",
    )
    triggers: TriggersConfig = Field(
        default_factory=TriggersConfig, description="Which ways of asking are open here."
    )
    base: BaseConfig = Field(
        default_factory=BaseConfig,
        description="The branch that changes start from and go to, or `branch` and `milestone`. `--base` and a line "
        "`Base: name` in the issue's text go before it.",
    )
    budget: BudgetConfig = Field(
        default_factory=BudgetConfig,
        description="Bounds for one task here, or a number of US dollars; they only lower the operator's.",
    )
    model: str | None = Field(
        default=None,
        pattern=MODEL_NAME,
        description="The model that works here, one of those that the operator allows. `--model` goes before it.",
    )
    min_trust: TrustLevel = Field(
        default=TrustLevel.EVERYONE,
        description="Whose comments the agent is shown as material: `writers`, `members`, `contributors` or "
        "`everyone`.",
    )
    schedules: SchedulesConfig = Field(
        default_factory=SchedulesConfig,
        description="Maintenance that is done without being asked for, at set times.",
    )


def parse_repo_config(text: str) -> RepoConfig:
    """The settings in `text`; an empty file sets nothing. Raises ConfigFault."""
    if len(text.encode("utf-8", "replace")) > REPO_CONFIG_BYTES:
        raise ConfigFault(
            f"is larger than {REPO_CONFIG_BYTES} bytes.", "Move long scripts to files of their own."
        )
    root = compose(text)
    if root is None:
        return _nothing_set()
    if not isinstance(root, yaml.MappingNode):
        raise ConfigFault(
            "holds no keys.", "Write `key: value` lines, for example `test: pytest`.", line_of(root)
        )
    values: dict[str, Any] = {}
    for key_node, value_node in root.value:
        key = _read_key(key_node)
        if key in values:
            raise ConfigFault(
                f"`{key}` stands here for the second time.", "Keep one of them.", line_of(key_node)
            )
        values[key] = _read_value(key, value_node)
    _check_report(values, root)
    return RepoConfig.model_validate(values)


def _nothing_set() -> RepoConfig:
    """`RepoConfig()`, without building what validates: most repositories have no file, and a start waits for it."""
    sections = {key: model.model_construct() for key, (model, _) in _SECTIONS.items()}
    return RepoConfig.model_construct(_fields_set=set(), **sections)


def find_lines(text: str) -> dict[str, int]:
    """The line of each key of a file that can be used: `test`, `review.when`. Raises ConfigFault."""
    root = compose(text)
    if not isinstance(root, yaml.MappingNode):
        return {}
    lines = {}
    for key, value in root.value:
        lines[str(key.value)] = line_of(key)
        if str(key.value) in _SECTIONS and isinstance(value, yaml.MappingNode):
            lines |= {f"{key.value}.{inner.value}": line_of(inner) for inner, _ in value.value}
    return lines


def _check_report(values: dict[str, Any], root: yaml.MappingNode) -> None:
    """The pattern is put into a script: nothing in it may mean anything else to the shell."""
    report = values.get("report")
    if report is None:
        return
    line = next(line_of(key) for key, _ in root.value if key.value == "report")
    if "test" not in values:
        raise ConfigFault("`report` stands without `test`.", "Name the command that leaves it.", line)
    outside = report.startswith("/") or ".." in report.split("/")
    if outside or not _REPORT.fullmatch(report):
        raise ConfigFault(
            "`report` is no pattern of files below the root.",
            "Use letters, digits, `/ . _ -`, `*` and `**`.",
            line,
        )


def repo_config_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors and the documentation."""
    schema = RepoConfig.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _read_key(node: yaml.Node) -> str:
    key = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
    if key in RepoConfig.model_fields:
        return key
    line = line_of(node)
    if key in _OPERATORS:
        raise ConfigFault(
            f"`{key}` can be set by the operator of the agent only.", "Take it out of this file.", line
        )
    raise unknown_key("the file", key, RepoConfig.model_fields, line)


_SECTIONS: Final[dict[str, tuple[type[BaseModel], str]]] = {
    "review": (ReviewConfig, "{when: [opened]}"),
    "triggers": (TriggersConfig, "{label: false}"),
    "base": (BaseConfig, "{branch: develop, milestone: release/*}"),
    "budget": (BudgetConfig, "{usd: 2, minutes: 20}"),
    "schedules": (SchedulesConfig, "{zone: Europe/Berlin}"),
}
"""Keys with keys of their own, each with an example."""


def _read_budget(node: yaml.Node) -> BaseModel:
    """A number alone is money."""
    if not isinstance(node, yaml.ScalarNode):
        return read_section("budget", _SECTIONS["budget"], node)
    try:
        return BudgetConfig(usd=float(str(node.value).lstrip("$")))
    except ValueError as error:  # pydantic's own is one
        raise ConfigFault(
            "`budget` is no amount of US dollars.", "Write `budget: 2.50`, or keys below it.", line_of(node)
        ) from error


def _read_base(node: yaml.Node) -> BaseModel:
    """A name alone is the branch."""
    if not isinstance(node, yaml.ScalarNode):
        return read_section("base", _SECTIONS["base"], node)
    try:
        return BaseConfig(branch=str(node.value))
    except ValueError as error:  # pydantic's own is one
        raise ConfigFault(
            f"`{str(node.value)[:60]}` is no name of a branch.", "Write `base: develop`.", line_of(node)
        ) from error


def _read_variables(node: yaml.Node) -> dict[str, str]:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigFault(
            "`environment` holds no variables.", "Write `NAME: value` lines below it.", line_of(node)
        )
    if len(node.value) > VARIABLES:
        raise ConfigFault(f"`environment` has more than {VARIABLES} variables.", "Set fewer.", line_of(node))
    values: dict[str, str] = {}
    for key_node, value_node in node.value:
        line = line_of(key_node)
        if not isinstance(key_node, yaml.ScalarNode) or not isinstance(value_node, yaml.ScalarNode):
            raise ConfigFault("A variable is one name and one value.", "Write `NAME: value`.", line)
        name, value = str(key_node.value), str(value_node.value)
        if is_unusable(value):
            raise ConfigFault(
                f"`{name[:60]}` holds a character that no variable can.", "Take out the escape.", line
            )
        if (why := refuse_variable(name, value)) is not None:
            raise ConfigFault(why, "Take it out or name it otherwise.", line)
        if name in values:
            raise ConfigFault(f"`{name}` stands here for the second time.", "Keep one of them.", line)
        values[name] = value
    return values


def _read_word(key: str, node: yaml.Node) -> str:
    """One of a few words, or a name."""
    text = _read_command(key, node)
    try:
        RepoConfig.model_validate({key: text})
    except ValidationError as error:
        what = str(RepoConfig.model_fields[key].description)
        raise ConfigFault(f"`{key}` can't be `{text[:60]}`.", what, line_of(node)) from error
    return text


def _read_value(key: str, node: yaml.Node) -> Any:
    if key == "network":
        return _read_hosts(node)
    if key == "environment":
        return _read_variables(node)
    if key == "budget":
        return _read_budget(node)
    if key == "base":
        return _read_base(node)
    if key == "schedules":
        return read_schedules(node)
    if key in _SECTIONS:
        return read_section(key, _SECTIONS[key], node)
    if key in ("model", "min_trust"):
        return _read_word(key, node)
    return _read_list(key, node) if key in _LISTS else _read_command(key, node)


def _read_command(key: str, node: yaml.Node) -> str:
    line = line_of(node)
    if not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT_TAG:
        raise ConfigFault(
            f"`{key}` is not a text.",
            f'Write one command, `{key}: "..."`, or several lines after `{key}: |`.',
            line,
        )
    command = str(node.value).strip()
    if is_unusable(command):
        raise ConfigFault(
            f"`{key}` holds a character that no command can hold.", "Take out the escape.", line
        )
    if not command and key not in ("setup", "maintenance"):
        raise ConfigFault(
            f"`{key}` is empty.", "Name the command, or leave the key out to have it detected.", line
        )
    return command


def _read_hosts(node: yaml.Node) -> tuple[str, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigFault(
            "`network` is not a list.",
            "Write one host a line: `network:` and then `  - example.org`.",
            line_of(node),
        )
    if len(node.value) > NETWORK_HOSTS:
        raise ConfigFault(
            f"`network` has more than {NETWORK_HOSTS} entries.", "Name fewer hosts.", line_of(node)
        )
    return tuple(_read_host(one) for one in node.value)


def _read_host(node: yaml.Node) -> str:
    text = str(node.value).strip().lower().rstrip(".") if isinstance(node, yaml.ScalarNode) else ""
    if text in PRESETS:
        return text
    labels = text.removeprefix("*.").split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ConfigFault(
            f"`{text[:60]}` is no host that can be allowed.",
            "Write a name with a dot, without scheme, port and path; `*.` in front stands for one label. Or one of: "
            + ", ".join(PRESETS)
            + ".",
            line_of(node),
        )
    return text


def _read_list(key: str, node: yaml.Node) -> tuple[str, ...]:
    """A list of short texts, for `allow` of known rules."""
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigFault(
            f"`{key}` is not a list.", f"Write `{key}: [a, b]`, or one `- a` a line.", line_of(node)
        )
    found = tuple(_read_command(key, one) for one in node.value)
    if key != "allow":
        return found
    for text, one in zip(found, node.value, strict=True):
        if text in _ALWAYS:
            raise ConfigFault(f"`{text}` always holds.", "Take it out.", line_of(one))
        if text not in tuple(GateRule):
            known = ", ".join(rule.value for rule in GateRule if rule.value not in _ALWAYS)
            raise ConfigFault(f"there is no rule `{text[:60]}`.", f"There are {known}.", line_of(one))
    return found
