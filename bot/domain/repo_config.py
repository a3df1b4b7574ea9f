"""The repository's own file, `.github/pullwright.yml`: read strictly, refused with line and remedy. Pure.

A key that is not honoured is refused and not left out: a `protected:` that does nothing would be worse than
none. The file is untrusted text: only YAML nodes are made of it, never objects, and aliases are not followed.
"""

import re
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.findings import Priority
from bot.domain.limits import FINDINGS, NETWORK_HOSTS, REPO_CONFIG_BYTES

REPO_CONFIG_PATH: Final = ".github/pullwright.yml"
"""Read from the default branch only (law 6)."""

_PLANNED: Final = frozenset(("lint", "environment", "triggers", "budget", "model", "schedules"))
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


class ConfigFault(ValueError):
    """The file can't be used. `line` counts from 1 and is 0 where no line is to blame."""

    def __init__(self, message: str, remedy: str, line: int = 0) -> None:
        place = f"{REPO_CONFIG_PATH}, line {line}" if line else REPO_CONFIG_PATH
        super().__init__(f"{place}: {message} {remedy}")
        self.message, self.remedy, self.line = message, remedy, line


_ALWAYS: Final = ("links", "secrets", "conflicts")


class Moment(StrEnum):
    """When a pull request may be reviewed without being asked for."""

    OPENED = "opened"
    READY = "ready"  # it was a draft before
    PUSHED = "pushed"


class ReviewConfig(BaseModel):
    """When pull requests are reviewed by themselves, and how much is said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: tuple[Moment, ...] = Field(
        default=(), description="Review without being asked: `opened`, `ready` (no draft any more), `pushed`."
    )
    drafts: bool = Field(default=False, description="Review drafts as well.")
    branches: tuple[str, ...] = Field(
        default=(), description="Only pull requests to these branches; `*` stands for anything."
    )
    labels: tuple[str, ...] = Field(default=(), description="Only pull requests with one of these labels.")
    skip_authors: tuple[str, ...] = Field(default=(), description="Never those of these people.")
    least: Priority = Field(default=Priority.P3, description="Say nothing that is less urgent than this.")
    most: int = Field(
        default=FINDINGS, ge=1, le=FINDINGS, description="Findings of one review; the most urgent come first."
    )


class RepoConfig(BaseModel):
    """What a repository can say about itself; the published schema is made from these descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, title=REPO_CONFIG_PATH)

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


def parse_repo_config(text: str) -> RepoConfig:
    """The settings in `text`; an empty file sets nothing. Raises ConfigFault."""
    if len(text.encode("utf-8", "replace")) > REPO_CONFIG_BYTES:
        raise ConfigFault(
            f"is larger than {REPO_CONFIG_BYTES} bytes.", "Move long scripts to files of their own."
        )
    root = _compose(text)
    if root is None:
        return RepoConfig()
    if not isinstance(root, yaml.MappingNode):
        raise ConfigFault(
            "holds no keys.", "Write `key: value` lines, for example `test: pytest`.", _line(root)
        )
    values: dict[str, Any] = {}
    for key_node, value_node in root.value:
        key = _read_key(key_node)
        if key in values:
            raise ConfigFault(
                f"`{key}` stands here for the second time.", "Keep one of them.", _line(key_node)
            )
        values[key] = _read_value(key, value_node)
    _check_report(values, root)
    return RepoConfig.model_validate(values)


def _check_report(values: dict[str, Any], root: yaml.MappingNode) -> None:
    """The pattern is put into a script: nothing in it may mean anything else to the shell."""
    report = values.get("report")
    if report is None:
        return
    line = next(_line(key) for key, _ in root.value if key.value == "report")
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


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "it can't be parsed"
        raise ConfigFault(
            f"is not YAML: {problem}.", "Mend it there or in the line before.", mark.line + 1 if mark else 0
        ) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise ConfigFault(
            "holds a character that YAML does not allow.", "Save it as plain UTF-8 text."
        ) from error
    except RecursionError as error:
        raise ConfigFault("is nested too deeply.", "Write `key: value` lines.") from error


def _read_key(node: yaml.Node) -> str:
    key = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
    if key in RepoConfig.model_fields:
        return key
    line = _line(node)
    known = _known(RepoConfig)
    if key in _OPERATORS:
        raise ConfigFault(
            f"`{key}` can be set by the operator of the agent only.", "Take it out of this file.", line
        )
    if key in _PLANNED:
        raise ConfigFault(f"`{key}` is not available yet.", f"Take it out; {known} can be set.", line)
    raise ConfigFault(f"there is no key `{key[:60]}`.", f"{_meant(key, RepoConfig)}{known} can be set.", line)


def _known(model: type[BaseModel]) -> str:
    names = [f"`{name}`" for name in model.model_fields]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _meant(key: str, model: type[BaseModel]) -> str:
    near = get_close_matches(key, model.model_fields, 1)
    return f"Did you mean `{near[0]}`? " if near else ""


def _read_review(node: yaml.Node) -> ReviewConfig:
    """Scalars and lists of scalars; what they have to be is the model's to say, line by line."""
    if not isinstance(node, yaml.MappingNode):
        raise ConfigFault(
            "`review` holds no keys.", "Write for example `review: {when: [opened]}`.", _line(node)
        )
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
        line = _line(key_node)
        if key not in ReviewConfig.model_fields:
            remedy = f"{_meant(key, ReviewConfig)}{_known(ReviewConfig)} can be set."
            raise ConfigFault(f"`review` has no key `{key[:60]}`.", remedy, line)
        if key in values:
            raise ConfigFault(f"`{key}` stands here for the second time.", "Keep one of them.", line)
        value = _read_plain(value_node)
        several = isinstance(ReviewConfig.model_fields[key].default, tuple)
        values[key] = (value,) if several and isinstance(value, str) else value
        try:
            ReviewConfig.model_validate({key: values[key]})
        except ValidationError as error:
            what = str(ReviewConfig.model_fields[key].description)
            raise ConfigFault(f"`{key}` can't be that: {error.errors()[0]['msg']}.", what, line) from error
    return ReviewConfig.model_validate(values)


def _read_plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        return tuple(str(item.value) for item in node.value)
    raise ConfigFault("is nested too deeply here.", "Write one value or a list of values.", _line(node))


def _read_value(key: str, node: yaml.Node) -> Any:
    if key == "network":
        return _read_hosts(node)
    if key == "review":
        return _read_review(node)
    return _read_list(key, node) if key in _LISTS else _read_command(key, node)


def _read_command(key: str, node: yaml.Node) -> str:
    line = _line(node)
    if not isinstance(node, yaml.ScalarNode) or node.tag != _TEXT_TAG:
        raise ConfigFault(
            f"`{key}` is not a text.",
            f'Write one command, `{key}: "..."`, or several lines after `{key}: |`.',
            line,
        )
    command = str(node.value).strip()
    if "\x00" in command or any("\ud800" <= char <= "\udfff" for char in command):
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
            _line(node),
        )
    if len(node.value) > NETWORK_HOSTS:
        raise ConfigFault(
            f"`network` has more than {NETWORK_HOSTS} entries.", "Name fewer hosts.", _line(node)
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
            _line(node),
        )
    return text


def _read_list(key: str, node: yaml.Node) -> tuple[str, ...]:
    """A list of short texts, for `allow` of known rules."""
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigFault(
            f"`{key}` is not a list.", f"Write `{key}: [a, b]`, or one `- a` a line.", _line(node)
        )
    found = tuple(_read_command(key, one) for one in node.value)
    if key != "allow":
        return found
    for text, one in zip(found, node.value, strict=True):
        if text in _ALWAYS:
            raise ConfigFault(f"`{text}` always holds.", "Take it out.", _line(one))
        if text not in tuple(GateRule):
            known = ", ".join(rule.value for rule in GateRule if rule.value not in _ALWAYS)
            raise ConfigFault(f"there is no rule `{text[:60]}`.", f"There are {known}.", _line(one))
    return found


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
