"""The repository's own file, `.github/pullwright.yml`: read strictly, refused with line and remedy. Pure.

A key that is not honoured is refused and not left out: a `protected:` that does nothing would be worse than
none. The file is untrusted text: only YAML nodes are made of it, never objects, and aliases are not followed.
"""

from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.findings import Priority
from bot.domain.limits import FINDINGS, REPO_CONFIG_BYTES

REPO_CONFIG_PATH: Final = ".github/pullwright.yml"
"""Read from the default branch only (law 6)."""

_PLANNED: Final = frozenset(
    ("lint", "environment", "network", "triggers", "protected", "budget", "model", "schedules")
)
_OPERATORS: Final = frozenset(("egress_pins", "egress_ca", "egress_hosts", "toolchains"))
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class ConfigFault(ValueError):
    """The file can't be used. `line` counts from 1 and is 0 where no line is to blame."""

    def __init__(self, message: str, remedy: str, line: int = 0) -> None:
        place = f"{REPO_CONFIG_PATH}, line {line}" if line else REPO_CONFIG_PATH
        super().__init__(f"{place}: {message} {remedy}")
        self.message, self.remedy, self.line = message, remedy, line


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
        description="The command for bash that runs the tests, without network. Left out: detected.",
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
        values[key] = _read_review(value_node) if key == "review" else _read_command(key, value_node)
    return RepoConfig.model_validate(values)


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
    if not command and key != "setup":
        raise ConfigFault(
            f"`{key}` is empty.", "Name the command, or leave the key out to have it detected.", line
        )
    return command


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
