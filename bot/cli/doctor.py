"""`pullwright doctor`: looks at everything that a running Pullwright needs and says how to mend what is amiss.

Looks only, unless it is told to fix what the dead left behind (`doctor_orphans.py`): nothing is changed, started or
sent but requests that read, and two questions to the model. What the findings mean is decided in
`doctor_findings.py` and `doctor_model.py`.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.cli import doctor_findings as judge
from bot.cli.doctor_findings import Finding, Health
from bot.cli.doctor_model import judge_model, judge_silence
from bot.cli.doctor_orphans import examine_orphans
from bot.compose import open_app_client, open_database
from bot.compose_host import build_sandbox, open_model_client
from bot.errors import Bug, ForPerson, RetryLater
from bot.forge.app import AppClient
from bot.llm.contract import ContextOverflow
from bot.llm.probe import probe_model
from bot.sandbox.registries import effective_presets
from bot.sandbox.toolchains import find_toolchains
from bot.settings import Settings, load_settings

_MARKS = {Health.GOOD: ("✓", "green"), Health.WARNING: ("!", "yellow"), Health.BAD: ("✗", "red")}
_MODEL_TRIES = 2  # a person waits; what fails twice in a row is worth telling
_PATIENCE_S = 10.0  # for the health page: GitHub itself waits ten seconds for an answer


def run_doctor(ask_model: bool, fix: bool = False, console: Console | None = None) -> int:
    """Exit code 0 when nothing is bad, 1 otherwise. Raises SettingsFault before anything else is looked at."""
    settings = load_settings()
    screen = console or Console()
    found: list[Finding] = []
    with screen.status("Looking ... (a slow model takes minutes)" if ask_model else "Looking ..."):
        for finding in examine(settings, ask_model, fix):
            found.append(finding)
    screen.print(render(found))
    return 1 if any(one.health is Health.BAD for one in found) else 0


def examine(settings: Settings, ask_model: bool, fix: bool = False) -> Iterator[Finding]:
    """Everything, in the order in which it has to work."""
    sandbox = build_sandbox(settings, sweeps=False)
    yield _database(settings)
    usage = shutil.disk_usage(settings.data_dir if settings.data_dir.exists() else "/")
    yield judge.judge_disk(str(settings.data_dir), usage.free)
    yield from examine_orphans(settings, sandbox, fix)
    try:
        yield from judge.judge_sandbox(asyncio.run(sandbox.preflight()))
    finally:
        sandbox.close()
    yield judge.judge_toolchains(find_toolchains(settings.toolchain_paths, Path.home()))
    presets = asyncio.run(effective_presets(linked=False))
    yield judge.judge_registries({name: preset.hosts for name, preset in presets.items()})
    try:
        client = open_app_client(settings)
    except ForPerson as fault:
        yield _bad("private key", fault)
    else:
        try:
            yield from _github(client)
        finally:
            client.close()
    if ask_model:
        yield from _model(settings)


def _database(settings: Settings) -> Finding:
    try:
        open_database(settings).close()
    except (ForPerson, RetryLater, Bug, OSError) as fault:
        return Finding(
            "database", Health.BAD, str(fault), "Check PULLWRIGHT_DATA_DIR or PULLWRIGHT_DATABASE_URL."
        )
    kind = "PostgreSQL" if settings.database_url.startswith("postgres") else "SQLite"
    return Finding("database", Health.GOOD, f"{kind}, at this version's schema")


def _github(client: AppClient) -> Iterator[Finding]:
    try:
        app = client.fetch_app()
    except (ForPerson, RetryLater) as fault:
        yield _bad("GitHub", fault)
        return
    yield Finding("GitHub", Health.GOOD, f"the App {app.slug}, {app.html_url}")
    yield judge.judge_clock(app.clock_ahead_s)
    yield judge.judge_permissions(app)
    yield judge.judge_events(app)
    yield judge.judge_installations(app)
    try:
        hook = client.fetch_hook()
    except (ForPerson, RetryLater) as fault:
        yield _bad("webhook", fault)
        return
    yield judge.judge_hook(hook)
    if hook.url:
        url = health_url(hook.url)
        yield judge.judge_reachable(url, _status_of(url))


def health_url(webhook_url: str) -> str:
    """The health page beside the webhook."""
    parts = urlsplit(webhook_url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix("/webhook") + "/healthz", "", ""))


def _status_of(url: str, get: Callable[[str], int] | None = None) -> int | None:
    import httpx2

    def ask(address: str) -> int:
        return httpx2.get(address, timeout=_PATIENCE_S, follow_redirects=False).status_code

    try:
        return (get or ask)(url)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError):
        return None


def _model(settings: Settings) -> Iterator[Finding]:
    async def ask() -> tuple[Finding, ...]:
        async with open_model_client(settings, _MODEL_TRIES) as client:
            return judge_model(await probe_model(client), client.features)

    if settings.recording is not None:
        yield Finding("model", Health.WARNING, f"a recording: {settings.recording}", "For the demo only.")
        return
    try:
        yield from asyncio.run(ask())
    except ForPerson as fault:
        yield _bad("model", fault)
    except RetryLater as fault:
        yield judge_silence(str(fault), settings.openai_base_url)
    except ContextOverflow as overflow:
        yield Finding("model", Health.BAD, str(overflow), "Raise the context window at the server.")


def _bad(subject: str, fault: ForPerson | RetryLater) -> Finding:
    if isinstance(fault, ForPerson):
        return Finding(subject, Health.BAD, fault.message, fault.remedy)
    return Finding(
        subject, Health.BAD, str(fault), "Try again; if it stays, check the address and the network."
    )


def render(found: list[Finding]) -> Table:
    """A row for each finding; the remedy stands below what it mends."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for one in found:
        mark, colour = _MARKS[one.health]
        said = Text(one.said)
        if one.remedy:
            said.append(f"\n→ {one.remedy}", style="bold" if one.health is Health.BAD else "")
        table.add_row(Text(mark, style=colour), Text(one.subject, style="bold"), said)
    return table
