"""`pullwright demo`: the whole way from a comment to a proven pull request, on this machine.

Starts a GitHub on localhost, the receiver and the worker as processes of their own, exactly as an operator
would run them, then plays the two people: one opens an issue, one comments. Everything lies in one folder that
is removed at the end, unless a person names one to be kept. Must never reach for the operator's own database, key
or settings: only the model's settings and those of the host (egress, toolchains, budgets) are handed on.
"""

import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from bot.cli.demo_seed import MAINTAINER, Project, Seeded, builtin_project, load_project, seed
from bot.cli.demo_view import DemoResult, print_check, print_result, render_progress
from bot.cli.demo_watch import Watcher, open_watcher
from bot.cli.evidence_files import RECORD_NAME, write_evidence
from bot.cli.supervise import Supervisor
from bot.compose_host import check_host
from bot.domain.outcomes import Outcome
from bot.errors import ForPerson
from bot.localhub.client import HubControl
from bot.settings import Settings, host_environment
from bot.verify.signature import PUBLIC_NAME

_START_WITHIN_S = 60.0  # cold imports on a slow disk
_HANDED_ON = frozenset(
    f"PULLWRIGHT_{name}"
    for name in (
        "MODEL", "SECOND_MODEL", "FRESH_ATTEMPT", "WIRE", "EFFORT", "PRICES", "MODEL_IDLE_S", "SANDBOX_UID", "BWRAP",
        "TOOLCHAINS", "EGRESS_HOSTS", "EGRESS_PINS", "EGRESS_CA",
        "SETUP_COMMAND", "TEST_COMMAND", "TURNS", "TOKENS", "MONEY_USD", "MINUTES",
    )
)  # fmt: skip


@dataclass(frozen=True)
class DemoOptions:
    """As on the command line. `repo` None: the built-in project. `keep` None: nothing is left behind."""

    repo: Path | None
    base: str
    issue: Path | None
    exit_at_end: bool
    record: Path | None
    keep: Path | None = None


def _check_sandbox(data_dir: Path) -> None:
    """Before anything is started: a host that refuses namespaces is told what to change. Raises
    SandboxUnavailable."""
    given = host_environment(_HANDED_ON)
    bwrap = given.get("PULLWRIGHT_BWRAP")
    uid = int(given.get("PULLWRIGHT_SANDBOX_UID") or Settings.model_fields["sandbox_uid"].default)
    check_host(data_dir / "preflight", uid, Path(bwrap) if bwrap else None)


@dataclass(frozen=True)
class _Hub:
    url: str
    api_url: str
    control: HubControl


def run_demo(options: DemoOptions) -> int:
    """Exit code 0 only if the pull request is open and proven (tier A). Raises ForPerson."""
    console = Console()
    project = load_project(options.repo, options.base, options.issue) if options.repo else builtin_project()
    recording = _choose_model(console, project)
    with _data_dir(options.keep) as data_dir, Supervisor(cwd=data_dir) as supervisor:
        _check_sandbox(data_dir)
        hub = _start_hub(supervisor, data_dir)
        with hub.control:
            seeded = seed(hub.control, project, data_dir)
            console.print(f"GitHub on localhost: {hub.url}/{seeded.full_name}/issues/{seeded.issue}")
            environment = _settings(hub, seeded, data_dir, recording, options.record)
            _start_bot(supervisor, hub, seeded, data_dir, environment)
            begun = time.time()
            hub.control.comment(seeded.full_name, seeded.issue, MAINTAINER, "@agent fix this")
            console.print(f"{MAINTAINER} comments: [bold]@agent fix this[/]\n")
            with open_watcher(data_dir) as watcher:
                _watch(console, supervisor, watcher)
                result = _result(hub, seeded, watcher, time.time() - begun)
                _keep_evidence(watcher, data_dir)
            print_result(console, result)
            if not options.exit_at_end or options.keep:
                print_check(console, _check_command(data_dir, seeded))
            return _end(console, supervisor, result, options.exit_at_end)


def _choose_model(console: Console, project: Project) -> Path | None:
    """The first line that a person sees: which model works. Returns the recording; None: a real model."""
    environment = host_environment(_HANDED_ON)
    if environment.get("OPENAI_API_KEY"):
        server = environment.get("OPENAI_BASE_URL") or "OpenAI"
        model = environment.get("PULLWRIGHT_MODEL", "gpt-5")
        console.print(f"[bold green]Real model[/]: {model} at {server}.")
        return None
    if project.source is not None:
        raise ForPerson(
            "A repository of your own needs a model: the recording fits the built-in project only.",
            "Set OPENAI_API_KEY (and OPENAI_BASE_URL, PULLWRIGHT_MODEL) and run it again.",
        )
    console.print(
        "[bold yellow]Recorded model session[/]: no OPENAI_API_KEY is set, so the model's replies are played "
        "from a recording. Every command, edit, test and push really happens."
    )
    return Path(__file__).parent / "demo_assets" / "recording.json"


@contextmanager
def _data_dir(keep: Path | None) -> Iterator[Path]:
    """Below /var/tmp: on disk (a workspace's layers would fill a /tmp in memory), passable for the sandbox's
    user and readable by nobody else. `keep`: a new folder that stays. Raises ForPerson where it is none."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="pullwright-demo-", dir="/var/tmp"))
    else:
        folder = keep.resolve()
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise ForPerson(
                f"{keep} can't be made: {error.strerror}.", "Name a folder that is new."
            ) from error
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _keep_evidence(watcher: Watcher, data_dir: Path) -> None:
    """As files in the demo's folder, to be looked at."""
    if watcher.task is not None:
        task = watcher.task.id
        write_evidence(watcher.database, task, data_dir / "evidence" / task, data_dir)


def _check_command(data_dir: Path, seeded: Seeded) -> tuple[str, ...]:
    """The words that check the evidence of the pull request; empty where there is none."""
    evidence = next(data_dir.glob(f"evidence/*/{RECORD_NAME}"), None)
    if evidence is None:
        return ()
    program = Path(sys.executable).with_name("pullwright")
    return (
        str(program),
        *("verify", str(evidence), "--key", str(evidence.with_name(PUBLIC_NAME))),
        *("--repo", str(data_dir / "hub" / f"{seeded.full_name}.git"), "--again"),
    )


def _start_hub(supervisor: Supervisor, data_dir: Path) -> _Hub:
    token, ready = secrets.token_hex(16), data_dir / "hub.json"
    arguments = ["hub", "--data-dir", str(data_dir / "hub"), "--port-file", str(ready)]
    supervisor.start(
        "hub",
        arguments,
        {**host_environment(frozenset()), "PULLWRIGHT_HUB_TOKEN": token},
        data_dir / "hub.log",
    )
    supervisor.wait_until(ready.exists, "The GitHub on localhost", _START_WITHIN_S)
    address = json.loads(ready.read_text())
    return _Hub(address["url"], address["api_url"], HubControl(address["url"], token))


def _settings(
    hub: _Hub, seeded: Seeded, data_dir: Path, recording: Path | None, record: Path | None
) -> dict[str, str]:
    """The bot's environment: nothing of the operator's PULLWRIGHT_* but what `_HANDED_ON` names."""
    environment = host_environment(_HANDED_ON)
    environment |= {
        "PULLWRIGHT_APP_ID": str(seeded.app_id),
        "PULLWRIGHT_PRIVATE_KEY_PATH": str(seeded.private_key),
        "PULLWRIGHT_WEBHOOK_SECRETS": seeded.webhook_secret,
        "PULLWRIGHT_API_URL": hub.api_url,
        "PULLWRIGHT_WEB_URL": hub.url,
        "PULLWRIGHT_DATA_DIR": str(data_dir),
        "PULLWRIGHT_PORT": "0",
        "PULLWRIGHT_WRITE_SPACING_S": "0",  # the hub on localhost has no limits to respect
    }
    if recording is not None:
        environment["PULLWRIGHT_RECORDING"] = str(recording)
    if record is not None:
        environment["PULLWRIGHT_RECORD_TO"] = str(record.resolve())
    return environment


def _start_bot(
    supervisor: Supervisor, hub: _Hub, seeded: Seeded, data_dir: Path, environment: dict[str, str]
) -> None:
    """The receiver and the worker; then GitHub is told where to send its events."""
    supervisor.start("worker", ["worker"], environment, data_dir / "worker.log")
    supervisor.start("receiver", ["serve"], environment, data_dir / "receiver.log")
    receiver, worker = data_dir / "receiver.json", data_dir / "worker.json"
    supervisor.wait_until(
        lambda: receiver.exists() and worker.exists(), "The bot and its worker", _START_WITHIN_S
    )
    address = json.loads(receiver.read_text())["url"]
    hub.control.set_webhook(seeded.app_id, f"{address}/webhook", seeded.webhook_secret)


def _watch(console: Console, supervisor: Supervisor, watcher: Watcher) -> None:
    """Live progress until the task is over; a process of the bot that dies ends it with its log."""
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while not watcher.finished:
            supervisor.check()
            watcher.refresh(time.time())
            live.update(render_progress(watcher.progress))
            time.sleep(0.1)


def _result(hub: _Hub, seeded: Seeded, watcher: Watcher, seconds: float) -> DemoResult:
    """Read from the hub, as a person would see it."""
    issue_url = f"{hub.url}/{seeded.full_name}/issues/{seeded.issue}"
    pulls = [thread for thread in hub.control.threads(seeded.full_name) if thread["is_pull"]]
    shown = hub.control.thread(seeded.full_name, pulls[0]["number"]) if pulls else None
    return DemoResult(
        outcome=watcher.outcome,
        tier=watcher.tier,
        pull_title=shown["issue"]["title"] if shown else "",
        pull_body=shown["issue"]["body"] if shown else "",
        pull_url=f"{hub.url}/{seeded.full_name}/pull/{pulls[0]['number']}" if shown else "",
        issue_url=issue_url,
        diff=shown["diff"] if shown else "",
        phases=watcher.progress.phases,
        total_seconds=seconds,
        ending="" if shown else _last_comment(hub, seeded),
    )


def _last_comment(hub: _Hub, seeded: Seeded) -> str:
    comments = hub.control.thread(seeded.full_name, seeded.issue)["comments"]
    return str(comments[-1]["body"]) if comments else ""


def _end(console: Console, supervisor: Supervisor, result: DemoResult, exit_at_end: bool) -> int:
    proven = bool(result.pull_url) and result.outcome == Outcome.PROVEN and result.tier == "A"
    if not exit_at_end:
        console.print("\nThe pages stay up until you press Ctrl-C.")
        supervisor.run_until_signal()
    return 0 if proven else 1
