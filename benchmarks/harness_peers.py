"""The harnesses that `harness.py` compares: how each is installed and started. Ours is `pullwright run`.

Peers are what package registries give to an ordinary client: mini-swe-agent by pip into a virtual environment of its
own, Codex CLI and opencode by npm. None sees the user's home or environment: both are made for the run.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TASK = "Run the commands that you think of."
_LEFT_TO_ALL = ("PATH", "LANG", "TMPDIR")


@dataclass(frozen=True)
class Start:
    """Of one run."""

    argv: list[str]
    env: dict[str, str]
    folder: Path


@dataclass(frozen=True)
class Harness:
    """`start` gives a run against the model at this address, on this clone."""

    name: str
    start: Callable[[str, Path], Start]


@dataclass(frozen=True)
class Ran:
    """A whole run. `code` None: it was killed at the limit."""

    began: float  # monotonic clock
    seconds: float
    cpu_s: float  # of the process and all that it waited for
    code: int | None


def run(start: Start, limit_s: float) -> Ran:
    """To its end, or to the limit. What it says goes to `last-run.txt` beside its folder."""
    env = {name: os.environ[name] for name in _LEFT_TO_ALL if name in os.environ} | start.env
    with (start.folder.parent / "last-run.txt").open("wb") as said:
        began = time.monotonic()
        process = subprocess.Popen(
            start.argv,
            cwd=start.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        killed = False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if not killed and time.monotonic() - began > limit_s:
                os.killpg(process.pid, signal.SIGKILL)
                killed = True
            time.sleep(0.02)
    code = None if killed else os.waitstatus_to_exitcode(status)
    process.returncode = status  # it has been waited for
    return Ran(began, time.monotonic() - began, usage.ru_utime + usage.ru_stime, code)


def ours(home: Path, *, long: bool = False) -> Harness:
    """`long`: without the bound of turns that a model's family has."""
    env = {
        "HOME": str(home),
        "OPENAI_API_KEY": "none",
        "PULLWRIGHT_MODEL": "gpt-5",
        "PULLWRIGHT_TURNS": "1000",
        "PULLWRIGHT_TOKENS": "1000000000",
        "PULLWRIGHT_MONEY_USD": "100000",
        "PULLWRIGHT_MINUTES": "100",
    }

    def start(url: str, repo: Path) -> Start:
        argv = [sys.executable, "-m", "bot", "run", TASK, "--json", "--repo", str(repo)]
        if long:
            argv = [sys.executable, "-m", "benchmarks.harness_attempt", str(repo)]
        return Start(
            argv, {**env, "XDG_CACHE_HOME": str(repo.parent / "cache"), "OPENAI_BASE_URL": url}, ROOT
        )

    return Harness("pullwright", start)


def floor(home: Path) -> Harness:
    """Thirty lines, without a sandbox."""

    def start(url: str, repo: Path) -> Start:
        address = url.removeprefix("http://").removesuffix("/v1")
        argv = [sys.executable, "-I", str(ROOT / "benchmarks" / "floor.py"), address, TASK]
        return Start(argv, {"HOME": str(home)}, repo)

    return Harness("floor", start)


def mini(home: Path, installed: Path) -> Harness | None:
    """mini-swe-agent, without a sandbox. None when it can't be installed."""
    place = installed / "mini"
    command = place / "bin" / "mini"
    if not command.exists():
        made = subprocess.run([sys.executable, "-m", "venv", place], check=False)
        pip = [place / "bin" / "pip", "install", "--quiet", "mini-swe-agent"]
        if made.returncode or subprocess.run(pip, check=False).returncode:
            return None
    env = {
        "HOME": str(home),
        "OPENAI_API_KEY": "none",
        "MSWEA_CONFIGURED": "true",
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_COST_TRACKING": "ignore_errors",
        "MSWEA_GLOBAL_CONFIG_DIR": str(home / "mini"),
    }

    def start(url: str, repo: Path) -> Start:
        options = ["--yolo", "--exit-immediately", "--cost-limit", "0", "-m", "openai/gpt-5", "-t", TASK]
        argv = [str(command), *options, "-o", str(home / "mini.json")]
        return Start(argv, {**env, "OPENAI_API_BASE": url, "OPENAI_BASE_URL": url}, repo)

    return Harness("mini-swe-agent", start)


def codex(home: Path, installed: Path) -> Harness | None:
    """Codex CLI with its own sandbox. None where there is no npm, or it can't be installed."""
    command = _npm(installed / "codex", "@openai/codex", "codex")
    if command is None:
        return None
    (home / "codex").mkdir(parents=True, exist_ok=True)

    def start(url: str, repo: Path) -> Start:
        server = f'{{name="bench",base_url="{url}",env_key="KEY",wire_api="responses"}}'
        set_ = (f"model_providers.bench={server}", 'model_provider="bench"', "model_context_window=128000")
        options = [part for one in set_ for part in ("-c", one)]
        argv = [str(command), "exec", "--sandbox", "workspace-write", "--skip-git-repo-check", *options]
        env = {"HOME": str(home), "CODEX_HOME": str(home / "codex"), "KEY": "none"}
        return Start([*argv, "-m", "gpt-5", TASK], env, repo)

    return Harness("codex", start)


def opencode(home: Path, installed: Path) -> Harness | None:
    """opencode, without a sandbox. None where there is no npm, or it can't be installed."""
    command = _npm(installed / "opencode", "opencode-ai", "opencode")
    if command is None:
        return None

    def start(url: str, repo: Path) -> Start:
        limits = {"context": 128_000, "output": 16_000}
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": url, "apiKey": "none"},
            "models": {"gpt-5": {"name": "gpt-5", "tool_call": True, "limit": limits}},
        }
        told = {
            "provider": {"bench": provider},
            "permission": "allow",
            "autoupdate": False,
            "share": "disabled",
        }
        env = {
            "HOME": str(home),
            "OPENCODE_CONFIG_CONTENT": json.dumps(told),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
        }
        return Start([str(command), "run", "--title", "bench", "-m", "bench/gpt-5", TASK], env, repo)

    return Harness("opencode", start)


def _npm(place: Path, package: str, name: str) -> Path | None:
    """The command of an npm package, installed there if it is not yet."""
    command = place / "node_modules" / ".bin" / name
    if not command.exists():
        if shutil.which("npm") is None:
            return None
        place.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", package]
        if subprocess.run(npm, cwd=place, check=False).returncode:
            return None
    return command
