"""YAML nodes of the repository's own file, read strictly: every fault has its line and a remedy. Pure.

The file is untrusted text: only nodes are made of it, never objects, and aliases are not followed.
"""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

REPO_CONFIG_PATH: Final = ".github/pullwright.yml"
"""Read from the default branch only (law 6)."""


class ConfigFault(ValueError):
    """The file can't be used. `line` counts from 1 and is 0 where no line is to blame."""

    def __init__(self, message: str, remedy: str, line: int = 0) -> None:
        place = f"{REPO_CONFIG_PATH}, line {line}" if line else REPO_CONFIG_PATH
        super().__init__(f"{place}: {message} {remedy}")
        self.message, self.remedy, self.line = message, remedy, line


def compose(text: str) -> yaml.Node | None:
    """The root of the document; None: there is nothing in it. Raises ConfigFault."""
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


def known_keys(known: Iterable[str]) -> str:
    names = [f"`{name}`" for name in known]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def unknown_key(where: str, key: str, known: Collection[str], line: int) -> ConfigFault:
    """Names the nearest of the keys that there are."""
    near = get_close_matches(key, known, 1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return ConfigFault(f"{where} has no key `{key[:60]}`.", f"{meant}{known_keys(known)} can be set.", line)


def read_section(name: str, section: tuple[type[BaseModel], str], node: yaml.Node) -> BaseModel:
    """The keys below `name`, scalars and lists of scalars; what they have to be is the model's to say, line by line.
    `section`: the model, and an example. Raises ConfigFault."""
    model, example = section
    if not isinstance(node, yaml.MappingNode):
        raise ConfigFault(
            f"`{name}` holds no keys.", f"Write for example `{name}: {example}`.", line_of(node)
        )
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
        line = line_of(key_node)
        if key not in model.model_fields:
            raise unknown_key(f"`{name}`", key, model.model_fields, line)
        if key in values:
            raise ConfigFault(f"`{key}` stands here for the second time.", "Keep one of them.", line)
        value = plain_value(value_node)
        several = isinstance(model.model_fields[key].default, tuple)
        values[key] = (value,) if several and isinstance(value, str) else value
        try:
            model.model_validate({key: values[key]})
        except ValidationError as error:
            what = str(model.model_fields[key].description)
            why = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ConfigFault(f"`{key}` can't be that: {why}.", f"{_meant(error)}{what}", line) from error
    return model.model_validate(values)


def _meant(error: ValidationError) -> str:
    """The nearest of the words that can stand there, where there is one."""
    first = error.errors()[0]
    words = re.findall(r"'([^']*)'", str((first.get("ctx") or {}).get("expected") or ""))
    near = get_close_matches(str(first["input"]), words, 1) if first["type"] == "enum" else []
    return f"Did you mean `{near[0]}`? " if near else ""


def plain_value(node: yaml.Node) -> Any:
    """A scalar's text, or a list of them. Raises ConfigFault for anything deeper."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    if isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        return tuple(str(item.value) for item in node.value)
    raise ConfigFault("is nested too deeply here.", "Write one value or a list of values.", line_of(node))


def is_unusable(text: str) -> bool:
    """Whether no command and no variable can hold it."""
    return "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)


def line_of(node: yaml.Node) -> int:
    """Counts from 1."""
    return int(node.start_mark.line) + 1
