"""The `pullwright` command: one module for each subcommand, imported only when it is called.

Exit codes: 0 done · 1 the thing asked for did not succeed · 2 the settings or arguments are wrong · 3 no
sandbox works on this host · 4 the repository can't be used · 130 interrupted. A fault that a person can mend is
printed as its message and remedy, without a traceback; a bug keeps its traceback.
"""

import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.run_codes import REFUSED
from bot.domain.limits import ATTEMPTS_MAX
from bot.errors import ForPerson, RepositoryFault, SandboxUnavailable, SettingsFault


class Part(StrEnum):
    """Of what runs: each may be on a host of its own."""

    BOTH = "both"
    RECEIVER = "receiver"
    WORKER = "worker"


app = typer.Typer(
    name="pullwright",
    help="A self-hosted GitHub App: comment `@agent fix this` on an issue, get a pull request whose every "
    "claim was measured.\n\nTry it without an account or a key: `pullwright demo`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.command()
def demo(  # noqa: PLR0913 - one parameter for each option of the command line
    repo: Annotated[
        Path | None, typer.Option(help="Run on this git repository instead of the small built-in one.")
    ] = None,
    base: Annotated[
        str, typer.Option(help="The commit of --repo to start from; later history stays hidden.")
    ] = "HEAD",
    issue: Annotated[
        Path | None, typer.Option(help="A Markdown file: its first heading is the issue's title.")
    ] = None,
    exit_at_end: Annotated[
        bool, typer.Option("--exit", help="End at once; exit code 0 only for a proven pull request.")
    ] = False,
    record: Annotated[
        Path | None, typer.Option(help="Write the model's replies to this file, to be played again.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="A new folder for everything, which stays: evidence, repository, logs, database."),
    ] = None,
) -> None:
    """The whole way from a comment to a proven pull request, on this machine, with a GitHub on localhost.

    With OPENAI_API_KEY set (and optionally OPENAI_BASE_URL and PULLWRIGHT_MODEL) that model does the work.
    Without it, the model's replies come from a recording; everything else really happens.
    """
    from bot.cli.demo import DemoOptions, run_demo

    raise typer.Exit(run_demo(DemoOptions(repo, base, issue, exit_at_end, record, keep)))


@app.command()
def run(  # noqa: PLR0913 - one parameter for each option of the command line
    instruction: Annotated[str, typer.Argument(help="What to do, for example: fix the failing test")],
    repo: Annotated[Path, typer.Option(help="A directory of the clone to work on.")] = Path(),
    model: Annotated[str, typer.Option(help="The model's name; else PULLWRIGHT_MODEL.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output: events, times, cost.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write a proven or checked change into your files without asking.")
    ] = False,
    patch: Annotated[Path | None, typer.Option(help="Write the change to this file as a diff.")] = None,
    attempts: Annotated[
        int,
        typer.Option(help="So many attempts at once, the best by evidence is kept.", min=1, max=ATTEMPTS_MAX),
    ] = 1,
) -> None:
    """The same loop, sandbox and verification on a clone of your own, without GitHub.

    Works on a copy of your files as they are now (committed or not, without what .gitignore names); your files are
    touched at the end, if you say so. Needs OPENAI_API_KEY, and OPENAI_BASE_URL for a server other than OpenAI's.

    Exit codes: 0 proven or checked (tiers A, B) · 1 not fixed · 2 settings · 3 no sandbox · 4 refused ·
    5 stuck · 6 out of turns, tokens, money or time · 7 the model's server failed · 8 the model asks you
    something · 130 interrupted.
    """
    gc.disable()  # a tenth of the start; on again when all is loaded
    from bot.repos.forks import shared_forks

    shared_forks().begin()  # it loads its library while we load ours
    from bot.cli.run import RunOptions, run_run

    raise typer.Exit(run_run(RunOptions(instruction, repo, model, as_json, apply, patch, attempts)))


@app.command()
def serve(
    worker: Annotated[
        bool, typer.Option(help="Run a worker beside the receiver, as a second process.")
    ] = False,
) -> None:
    """Receive webhooks: check the signature, store, answer. Settings come from the environment."""
    from bot.cli.serve import run_serve

    raise typer.Exit(run_serve(with_worker=worker))


@app.command()
def worker() -> None:
    """Work off what the receiver stored: intake, admission, and the tasks themselves."""
    from bot.cli.worker import run_worker

    raise typer.Exit(run_worker())


@app.command()
def setup(
    github: Annotated[
        str, typer.Option(help="GitHub's pages; for Enterprise Server `https://HOST`.")
    ] = "https://github.com",
    webhook_url: Annotated[
        str,
        typer.Option(help="Where GitHub shall send webhooks: `https://HOST/webhook`. Can be typed in later."),
    ] = "",
    listen: Annotated[
        str, typer.Option(help="Address and port to serve the pages on; port 0: any.")
    ] = "127.0.0.1:8000",
    url: Annotated[
        str, typer.Option(help="Where your browser reaches this machine, if not at that address.")
    ] = "",
    replace: Annotated[bool, typer.Option(help="Create another App though one is stored.")] = False,
) -> None:
    """Create the GitHub App by one click: prints an address for your browser, stores the App's secrets encrypted."""
    from bot.cli.setup import SetupOptions, run_setup

    raise typer.Exit(run_setup(SetupOptions(github, listen, url, webhook_url, replace)))


@app.command()
def doctor(
    model: Annotated[
        bool, typer.Option(help="Find out what the model's server can do (about 12,000 tokens).")
    ] = True,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="End what the dead left: workspaces, rows, locks, half-sent effects."),
    ] = False,
) -> None:
    """Check everything that a running Pullwright needs, and say how to mend what is amiss."""
    from bot.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(ask_model=model, fix=fix))


@app.command()
def health(
    part: Annotated[
        Part, typer.Argument(help="What to ask: the receiver, this host's worker, or both.")
    ] = Part.BOTH,
) -> None:
    """Whether what runs on this host does its work: exit code 0 or 1, and one line that says why."""
    from bot.cli.health import run_health

    raise typer.Exit(run_health(part))


tasks = typer.Typer(help="Look at tasks.", no_args_is_help=True)
app.add_typer(tasks, name="tasks")


@tasks.command()
def export(task: Annotated[str, typer.Argument(help="The task's id, for example `t-123`.")]) -> None:
    """Write a task's event log to standard output as JSON Lines: times, replies, tool outputs, tokens, cost.

    It holds text of the issue and of the repository; known secrets are taken out.
    """
    from bot.cli.tasks import run_export

    raise typer.Exit(run_export(task))


@tasks.command()
def evidence(
    task: Annotated[str, typer.Argument(help="The task's id, for example `t-123`.")],
    folder: Annotated[Path, typer.Argument(help="Where the files go; made where it is missing.")],
) -> None:
    """Write a task's evidence, its signature and the public keys, on any machine; prints how they are checked."""
    from bot.cli.tasks import run_evidence

    raise typer.Exit(run_evidence(task, folder))


@app.command()
def replay(
    log: Annotated[
        Path,
        typer.Argument(help="What `pullwright tasks export` wrote, or `events.jsonl` of a `pullwright run`."),
    ],
) -> None:
    """Play a task's log again, offline, and say at which row this version would have decided otherwise."""
    from bot.cli.replay import run_replay

    raise typer.Exit(run_replay(log))


@app.command()
def secrets(
    repository: Annotated[str, typer.Argument(help="owner/name")],
    name: Annotated[str, typer.Argument(help="The variable that the set-up sees; left out: list them.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Remove it.")] = False,
) -> None:
    """Secrets for a repository's set-up: the value is read from the terminal or from standard input."""
    from bot.cli.secrets import run_secrets

    raise typer.Exit(run_secrets(repository, name, remove=remove))


@app.command()
def verify(
    evidence: Annotated[Path, typer.Argument(help="The file `evidence.json` of a pull request.")],
    repo: Annotated[
        Path | None, typer.Option(help="A clone that has the base and the change: their trees are compared.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="Its signature; else the file beside it with `.sig` at its end.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The public key of the installation that wrote it (PEM).")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Run the whole proof again, in the sandbox.")
    ] = False,
) -> None:
    """Check the evidence of a pull request: form, signature, trees; with --again every run of it once more.

    Needs no network, but for the set-up of --again. Exit code 0 only when everything that was checked holds.
    """
    from bot.cli.verify import VerifyOptions, run_verify

    raise typer.Exit(run_verify(VerifyOptions(evidence, repo, signature, key, again)))


@app.command(hidden=True)
def hub(
    data_dir: Annotated[Path, typer.Option(help="Where the bare repositories are kept.")],
    port_file: Annotated[Path, typer.Option(help="The address is written here when it listens.")],
    control_token: Annotated[
        str, typer.Option(envvar="PULLWRIGHT_HUB_TOKEN", help="Guards the control API.")
    ],
) -> None:
    """The GitHub on localhost that the demo starts."""
    from bot.cli.hub import run_hub

    raise typer.Exit(run_hub(data_dir, port_file, control_token))


@app.command()
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the generated files are up to date.")
    ] = False,
) -> None:
    """Write the generated documentation and schemas (for developers)."""
    from bot.cli.docs import run_docs

    raise typer.Exit(run_docs(check=check))


def main() -> None:
    """Entry point: runs the command and turns faults into messages and exit codes."""
    try:
        app()
    except ForPerson as fault:
        print(f"pullwright: {fault.message}", file=sys.stderr)
        if fault.remedy:
            print(fault.remedy, file=sys.stderr)
        sys.exit(_exit_code(fault))
    except KeyboardInterrupt:
        sys.exit(130)


def _exit_code(fault: ForPerson) -> int:
    if isinstance(fault, SettingsFault):
        return 2
    if isinstance(fault, RepositoryFault):
        return REFUSED
    return 3 if isinstance(fault, SandboxUnavailable) else 1
