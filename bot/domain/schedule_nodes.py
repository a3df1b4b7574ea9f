"""The `schedules` of the repository's own file, read line by line. Pure."""

from typing import Final

import yaml
from pydantic import BaseModel

from bot.domain.config_nodes import ConfigFault, is_unusable, line_of, read_section
from bot.domain.limits import SCHEDULES
from bot.domain.repo_sections import SCHEDULE_NAME, ScheduleConfig, SchedulesConfig

_EXAMPLE: Final = "{when: weekly mon, uses: dependencies}"
_TASKS: Final = "tasks"


def read_schedules(node: yaml.Node) -> SchedulesConfig:
    """Raises ConfigFault, with the line of what is wrong."""
    plain, named = node, None
    if isinstance(node, yaml.MappingNode):
        several = [value for key, value in node.value if key.value == _TASKS]
        if len(several) > 1:
            raise ConfigFault(
                "`tasks` stands here for the second time.", "Keep one of them.", line_of(several[1])
            )
        named = several[0] if several else None
        others = [pair for pair in node.value if pair[0].value != _TASKS]
        plain = yaml.MappingNode(node.tag, others, node.start_mark, node.end_mark)
    section = read_section("schedules", (SchedulesConfig, "{zone: Europe/Berlin}"), plain)
    tasks = _read_tasks(named) if named is not None else {}
    values = {name: getattr(section, name) for name in SchedulesConfig.model_fields}
    return SchedulesConfig.model_validate({**values, _TASKS: tasks})


def _read_tasks(node: yaml.Node) -> dict[str, BaseModel]:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigFault(
            "`schedules.tasks` holds no schedules.", f"Write `name: {_EXAMPLE}` below it.", line_of(node)
        )
    if len(node.value) > SCHEDULES:
        raise ConfigFault(f"There are more than {SCHEDULES} schedules.", "Keep fewer.", line_of(node))
    found: dict[str, BaseModel] = {}
    for key_node, value_node in node.value:
        name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
        line = line_of(key_node)
        if not SCHEDULE_NAME.fullmatch(name):
            raise ConfigFault(
                f"`{name[:60]}` is no name of a schedule.",
                "Use lower-case letters, digits and `-`, at most 40: it names a branch.",
                line,
            )
        if name in found:
            raise ConfigFault(f"`{name}` stands here for the second time.", "Keep one of them.", line)
        found[name] = _read_one(name, value_node, line)
    return found


def _read_one(name: str, node: yaml.Node, line: int) -> BaseModel:
    section = read_section(f"schedules.tasks.{name}", (ScheduleConfig, _EXAMPLE), node)
    one = ScheduleConfig.model_validate(section.model_dump())
    if not one.when:
        raise ConfigFault(f"`{name}` does not say when.", "Add `when: daily` or `when: weekly mon`.", line)
    if one.uses is None and not one.prompt.strip():
        raise ConfigFault(
            f"`{name}` does not say what is to be done.",
            "Add `uses: dependencies` (or failing_tests, security, debt), or a `prompt`.",
            line,
        )
    if one.reads and one.uses is not None:
        raise ConfigFault(
            f"`{name}` has `reads` beside `uses`, which is about the files alone.",
            "Say what is to be done in a `prompt`, without `uses`.",
            line,
        )
    if is_unusable(one.prompt):
        raise ConfigFault(
            f"The prompt of `{name}` holds a character that no text can.", "Take out the escape.", line
        )
    return one
