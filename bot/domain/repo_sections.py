"""The sections of the repository's own file that have keys of their own: what they may hold, and what it means. Pure.

`repo_config` reads them, line by line; the published schema and docs/configuration.md are made from the descriptions.
"""

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from bot.domain.due import parse_when, parse_zone
from bot.domain.limits import (
    AGENT_MINUTES,
    SCHEDULE_PROMPT_BYTES,
    SCHEDULE_PULLS_A_DAY,
    SCHEDULE_PULLS_OPEN,
    SCHEDULES,
    VARIABLE_BYTES,
)

LOGIN: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$"
TEAM: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9_.-]{1,100}$"


BRANCH: Final = r"^[^\s~^:?*\[\\-][^\s~^:?*\[\\]{0,199}$"
BRANCH_PATTERN: Final = r"^[^\s~^:?\[\\-][^\s~^:?\[\\]{0,199}$"


def _without_at(value: object) -> object:
    """People write `@bob`, as they would mention him."""
    return tuple(str(one).removeprefix("@") for one in value) if isinstance(value, tuple | list) else value


_Login = Annotated[str, Field(pattern=LOGIN)]
_LoginOrTeam = Annotated[str, Field(pattern=f"{LOGIN}|{TEAM}")]
Logins = Annotated[tuple[_Login, ...], BeforeValidator(_without_at)]
LoginsOrTeams = Annotated[tuple[_LoginOrTeam, ...], BeforeValidator(_without_at)]


class TriggersConfig(BaseModel):
    """Which ways in are open here. `stop`, `status`, `config` and `help` are heard in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    mention: bool = Field(default=True, description="A comment that mentions the agent.")
    opened: bool = Field(
        default=True, description="A new issue or pull request that mentions it in its title or text."
    )
    label: bool = Field(default=True, description="The labels `agent:fix` and `agent:review`.")
    assign: Logins = Field(
        default=(), description="Machine users: whoever assigns one of them to an issue asks for a change."
    )
    review_request: LoginsOrTeams = Field(
        default=(),
        description="Machine users, or teams as `organisation/team`: whoever requests a review of one of them gets "
        "the agent's.",
    )
    reviews: bool = Field(
        default=True,
        description="A review of a pull request of the agent's own by somebody with write access, mention or not.",
    )
    checks: bool = Field(
        default=True, description="A check that fails on a commit of the agent's: it repairs what it broke."
    )


class BudgetConfig(BaseModel):
    """Bounds for one task here. They lower the operator's and never raise them; `budget: 2` means `usd`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    usd: float | None = Field(default=None, gt=0, le=10_000, description="US dollars at most.")
    minutes: float | None = Field(
        default=None, gt=0, le=24 * AGENT_MINUTES, description="Minutes of the agent's work at most."
    )
    turns: int | None = Field(default=None, ge=1, le=10_000, description="Replies of the model at most.")
    tokens: int | None = Field(
        default=None, ge=1_000, le=10**12, description="Tokens at most, input and output together."
    )


class BaseConfig(BaseModel):
    """Where a change starts and goes when the request names no branch; `base: develop` means `branch`."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    branch: str | None = Field(
        default=None, pattern=BRANCH, description="This branch instead of the default branch."
    )
    milestone: str = Field(
        default="*",
        pattern=BRANCH_PATTERN,
        description="The branch of an issue with a milestone, where there is one; `*` stands for the milestone's "
        "title (`release/*`).",
    )


class TrustLevel(StrEnum):
    """Whose comments the model is shown, from most to least. What asks is shown in any case."""

    WRITERS = "writers"
    MEMBERS = "members"
    CONTRIBUTORS = "contributors"
    EVERYONE = "everyone"


class BuiltIn(StrEnum):
    """Maintenance whose instruction comes with Pullwright."""

    DEPENDENCIES = "dependencies"  # updates, with the code changes that they need
    FAILING_TESTS = "failing_tests"  # of the default branch
    SECURITY = "security"  # known vulnerabilities of dependencies and of the code
    DEBT = "debt"  # lint and types


class Reading(StrEnum):
    """What a schedule's turn is shown of the repository's pages on GitHub: as data, never as a way to act there."""

    PULL_REQUESTS = "pull_requests"  # open ones, those first that nobody touched for longest
    ISSUES = "issues"  # open ones, the newest first


class ScheduleConfig(BaseModel):
    """One schedule."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    when: str = Field(
        default="",
        description="`daily`, `weekly mon`, or five cron fields. Where no minute is named, one is chosen by a hash.",
    )
    uses: BuiltIn | None = Field(
        default=None,
        description="What is done: `dependencies`, `failing_tests`, `security` or `debt`. `prompt` adds to it.",
    )
    prompt: str = Field(
        default="",
        max_length=SCHEDULE_PROMPT_BYTES,
        description="What is done, in your own words; docs/maintenance.md has recipes.",
    )
    reads: tuple[Reading, ...] = Field(
        default=(),
        description="Open `pull_requests`, `issues` or both that the turn is shown as data, for a `prompt` about them. "
        "What it has to say becomes a comment on the dashboard; nothing is done on GitHub.",
    )
    zone: str = Field(default="", description="An IANA zone for this one alone.")
    usd: float | None = Field(
        default=None, gt=0, le=10_000, description="US dollars at most for one run; lowers `budget` only."
    )
    draft: bool = Field(default=False, description="Open its pull request as a draft.")

    @field_validator("when")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        if text:
            parse_when(text)
        return text

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, text: str) -> str:
        if text:
            parse_zone(text)
        return text


class SchedulesConfig(BaseModel):
    """What is done without being asked for, and how much of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    zone: str = Field(default="UTC", description="The IANA zone of the times below, `Europe/Berlin`.")
    open_pulls: int = Field(
        default=SCHEDULE_PULLS_OPEN, ge=1, le=50, description="Pull requests of schedules open at once."
    )
    pulls_per_day: int = Field(
        default=SCHEDULE_PULLS_A_DAY, ge=1, le=50, description="Pull requests that they open within 24 hours."
    )
    usd_per_week: float | None = Field(
        default=None, gt=0, le=100_000, description="US dollars that all of them may cost within seven days."
    )
    tasks: dict[str, ScheduleConfig] = Field(
        default_factory=dict,
        max_length=SCHEDULES,
        description="A schedule for each name: `when`, with `uses` or `prompt` or both; `reads`, `zone`, `usd`, "
        "`draft`.",
    )

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, text: str) -> str:
        parse_zone(text)
        return text


SCHEDULE_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
"""Names a branch and stands in the pull request."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_TAKEN: Final = frozenset((
    "path", "home", "user", "logname", "shell", "tmpdir", "virtual_env", "ssl_cert_file", "requests_ca_bundle",
    "pip_cert", "curl_ca_bundle", "node_extra_ca_certs", "git_ssl_cainfo", "cargo_http_cainfo", "bash_env", "env",
    "ld_preload", "ld_library_path", "ld_audit",
))  # fmt: skip


def refuse_variable(name: str, value: str) -> str | None:
    """Why no such variable can be set for the sandbox, as a sentence; None: it can."""
    if not _VARIABLE.fullmatch(name):
        return f"`{name[:60]}` is no name of a variable."
    lower = name.lower()
    if lower in _TAKEN or lower.endswith("_proxy") or lower.startswith("pullwright_"):
        return f"`{name}` is set by the sandbox itself."
    if len(value.encode("utf-8", "replace")) > VARIABLE_BYTES:
        return f"`{name}` is longer than {VARIABLE_BYTES} bytes."
    return None
