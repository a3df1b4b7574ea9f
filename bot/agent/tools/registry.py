"""The tools of a run, as plain tuples: the same bytes in the same order in every request."""

from typing import assert_never

from bot.agent.contract import Mode
from bot.agent.tools.apply_patch import APPLY_PATCH
from bot.agent.tools.ask_person import ASK_PERSON
from bot.agent.tools.contract import Tool
from bot.agent.tools.edit import EDIT, WRITE_FILE
from bot.agent.tools.read_file import READ_FILE
from bot.agent.tools.report_finding import REPORT_FINDING
from bot.agent.tools.run_tests import RUN_TESTS
from bot.agent.tools.settle_finding import SETTLE_FINDING
from bot.agent.tools.shell import SHELL
from bot.agent.tools.submit import SUBMIT, SUBMIT_FOLLOW_UP
from bot.agent.tools.update_plan import UPDATE_PLAN
from bot.llm.features import EditStyle

PATCH_TOOLS: tuple[Tool, ...] = (SHELL, READ_FILE, APPLY_PATCH, RUN_TESTS, UPDATE_PLAN, ASK_PERSON, SUBMIT)
EDIT_TOOLS: tuple[Tool, ...] = (
    SHELL,
    READ_FILE,
    EDIT,
    WRITE_FILE,
    RUN_TESTS,
    UPDATE_PLAN,
    ASK_PERSON,
    SUBMIT,
)
REVIEW_TOOLS: tuple[Tool, ...] = (SHELL, READ_FILE, RUN_TESTS, REPORT_FINDING, SETTLE_FINDING, SUBMIT)
ANSWER_TOOLS: tuple[Tool, ...] = (SHELL, READ_FILE, RUN_TESTS, UPDATE_PLAN, ASK_PERSON, SUBMIT)
ALL_TOOLS: tuple[Tool, ...] = (*EDIT_TOOLS, APPLY_PATCH, REPORT_FINDING, SETTLE_FINDING)


def tools_for(style: EditStyle, mode: Mode = Mode.CHANGE) -> tuple[Tool, ...]:
    """One editing style, never both; reviews and answers have none."""
    match mode:
        case Mode.CHANGE | Mode.MERGE:
            return PATCH_TOOLS if style is EditStyle.PATCH else EDIT_TOOLS
        case Mode.FOLLOW_UP:
            return _answering_points(PATCH_TOOLS if style is EditStyle.PATCH else EDIT_TOOLS)
        case Mode.MAINTENANCE:
            tools = PATCH_TOOLS if style is EditStyle.PATCH else EDIT_TOOLS
            return tuple(tool for tool in tools if tool is not ASK_PERSON)
        case Mode.REVIEW:
            return REVIEW_TOOLS
        case Mode.ANSWER:
            return ANSWER_TOOLS
        case _:
            assert_never(mode)


def known_tools(mode: Mode) -> tuple[Tool, ...]:
    """Whatever a run of this mode may have been given, by any version of ours."""
    return _answering_points(ALL_TOOLS) if mode is Mode.FOLLOW_UP else ALL_TOOLS


def _answering_points(tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    return tuple(SUBMIT_FOLLOW_UP if tool is SUBMIT else tool for tool in tools)
