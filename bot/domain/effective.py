"""What holds in a repository, setting by setting, and who said so: nobody, the operator, a line of the file. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from bot.domain.budget import Budget, lower_budget
from bot.domain.repo_config import ConfigFault, RepoConfig
from bot.domain.repo_sections import ScheduleConfig

DEFAULT: Final = "default"
OPERATOR: Final = "the operator"
_BOUNDS: Final = {"usd": "money_usd", "minutes": "minutes", "turns": "turns", "tokens": "tokens"}


@dataclass(frozen=True)
class OperatorSays:
    """What the operator has set and the file may change or narrow. `models`: allowed ones, the default first.
    `web_url`: GitHub's pages, without a slash at the end."""

    setup: str = ""
    test: str = ""
    budget: Budget = field(default_factory=Budget)
    models: tuple[str, ...] = ()
    web_url: str = ""


@dataclass(frozen=True)
class Effective:
    """One row. `value` empty: nothing is set, `otherwise` says what happens then."""

    key: str
    value: str
    origin: str
    otherwise: str = "none"


def list_effective(
    config: RepoConfig, lines: Mapping[str, int], operator: OperatorSays
) -> tuple[Effective, ...]:
    """Every key of the file. Raises ConfigFault for a model that the operator does not allow."""
    rows = [
        _command("setup", config.setup, operator.setup, lines),
        _command("test", config.test, operator.test, lines),
    ]
    for key in RepoConfig.model_fields:
        value = getattr(config, key)
        if key in ("setup", "test", "budget", "model"):
            continue
        if isinstance(value, BaseModel):
            rows += [_inner(key, name, value, lines) for name in type(value).model_fields]
        else:
            rows.append(_plain(key, value, lines))
    return (*rows, _model(config, operator, lines), *_budget(config, operator, lines))


def _command(key: str, said: str | None, operators: str, lines: Mapping[str, int]) -> Effective:
    if said is not None:
        return Effective(key, said, _line(lines, key), "nothing is to be installed")
    return Effective(key, operators, OPERATOR if operators else DEFAULT, "found in the repository")


def _plain(key: str, value: Any, lines: Mapping[str, int]) -> Effective:
    return Effective(key, _shown(value), _line(lines, key) if key in lines else DEFAULT)


def _inner(key: str, name: str, section: BaseModel, lines: Mapping[str, int]) -> Effective:
    """A key of a section, which may stand in its short form: `base: develop`."""
    value = getattr(section, name)
    changed = value != type(section).model_fields[name].get_default(call_default_factory=True)
    short = changed and f"{key}.{name}" not in lines
    origin = (
        _line(lines, key if short else f"{key}.{name}") if changed or f"{key}.{name}" in lines else DEFAULT
    )
    return Effective(f"{key}.{name}", _shown(value), origin)


def _model(config: RepoConfig, operator: OperatorSays, lines: Mapping[str, int]) -> Effective:
    if config.model is None:
        return Effective("model", next(iter(operator.models), ""), OPERATOR)
    if config.model not in operator.models:
        allowed = ", ".join(f"`{name}`" for name in operator.models)
        raise ConfigFault(
            f"`model` names `{config.model}`, which the operator does not allow here.",
            f"It allows {allowed}.",
            lines.get("model", 0),
        )
    return Effective("model", config.model, _line(lines, "model"))


def _budget(config: RepoConfig, operator: OperatorSays, lines: Mapping[str, int]) -> list[Effective]:
    said = config.budget
    holds = lower_budget(
        operator.budget, said.usd or 0.0, said.minutes or 0.0, said.turns or 0, said.tokens or 0
    )
    rows = []
    for key, name in _BOUNDS.items():
        lowered = getattr(holds, name) < getattr(operator.budget, name)
        place = next((one for one in (f"budget.{key}", "budget") if one in lines), "")
        origin = _line(lines, place) if lowered and place else OPERATOR
        amount = getattr(holds, name)
        shown = f"{amount:,}" if isinstance(amount, int) else f"{amount:g}"
        rows.append(Effective(f"budget.{key}", shown, origin))
    return rows


def _line(lines: Mapping[str, int], key: str) -> str:
    return f"line {lines[key]} of the file" if key in lines else "the file"


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(
                _schedule(name, one) if isinstance(one, ScheduleConfig) else f"{name}={one}"
                for name, one in value.items()
            )
        case tuple():
            return ", ".join(str(one) for one in value)
        case _:
            return str(value)


def _schedule(name: str, one: ScheduleConfig) -> str:
    reads = f" (reads {', '.join(one.reads)})" if one.reads else ""
    return f"{name}: {one.when}{reads}"
