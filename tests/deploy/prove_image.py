"""Not a test of the suite: proves an image with deploy/compose.yml, in Docker or in Podman, without an account.

    docker build --tag pullwright:local .
    python -m tests.deploy.prove_image docker pullwright:local

    podman build --format docker --tag localhost/pullwright .
    python -m tests.deploy.prove_image podman localhost/pullwright

Starts the GitHub on localhost, seals an App as `pullwright setup` does, starts receiver and worker, comments, and
waits. Exit code 0 only if both containers say that they are healthy and the task ends proven, tier A.

`docker`: the compose file itself, with a second one beside it for what differs. `podman`: each option is taken from
the compose file and said in Podman's words (`systempaths=unconfined` is `unmask=ALL`). What differs in both: the
containers share the host's network (the hub is there), the data directory is a folder of the host, and the model is
played from the demo's recording.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

import yaml

from bot.cli import demo_assets
from bot.cli.demo_seed import MAINTAINER, Seeded, builtin_project, seed
from bot.cli.demo_watch import open_watcher
from bot.cli.supervise import Supervisor
from bot.localhub.client import HubControl
from bot.settings import host_environment
from bot.vault import AppSecrets, seal
from tests.deploy.files import DEPLOY, compose

USER = 10001
PORT = "18080"
START_S, WORK_S = 180, 480
TOKEN = "t" * 32
RECORDING = Path(str(demo_assets.__path__[0])) / "recording.json"
EXTRA = {
    "PULLWRIGHT_RECORDING": "/recording.json",
    "PULLWRIGHT_PORT": PORT,
    "PULLWRIGHT_WRITE_SPACING_S": "0",  # the hub has no limits to respect
}


class Engine(Protocol):
    def start(self) -> None:
        """Both containers, in the background."""

    def health(self, part: str) -> str:
        """`healthy`, or what is amiss."""

    def output(self, part: str, *command: str) -> str:
        """Of a command in a running container."""

    def logs(self, part: str) -> str: ...

    def stop(self) -> None:
        """Both are gone, whatever happened before."""


class Docker:
    """`docker compose` with the file as it is."""

    def __init__(self, image: str, folder: Path) -> None:
        self._override = folder / "override.yml"
        service = {
            "image": image,
            "network_mode": "host",
            "environment": EXTRA,
            "volumes": [f"{RECORDING}:/recording.json:ro"],
        }
        bound = {"type": "none", "o": "bind", "device": str(folder / "data")}
        text = yaml.safe_dump(
            {
                "services": dict.fromkeys(compose()["services"], service),
                "volumes": {"data": {"driver_opts": bound}},
                "secrets": {name: {"file": str(folder / "secrets" / name)} for name in compose()["secrets"]},
            }
        )
        self._override.write_text(text)
        self._project = folder.name

    def _compose(self, *arguments: str, check: bool = True) -> str:
        files = ("-f", str(DEPLOY / "compose.yml"), "-f", str(self._override))
        return run("docker", "compose", "-p", self._project, *files, *arguments, check=check)

    def start(self) -> None:
        self._compose("up", "--detach", "--no-build")

    def health(self, part: str) -> str:
        container = self._compose("ps", "--quiet", part).strip()
        return run("docker", "inspect", "--format", "{{.State.Health.Status}}", container).strip()

    def output(self, part: str, *command: str) -> str:
        return self._compose("exec", "-T", part, *command)

    def logs(self, part: str) -> str:
        return self._compose("logs", "--no-log-prefix", part, check=False)

    def stop(self) -> None:
        self._compose("down", "--volumes", check=False)


class Podman:
    """`podman run` with the options of each service."""

    def __init__(self, image: str, folder: Path) -> None:
        self._image, self._folder = image, folder

    def _name(self, part: str) -> str:
        return f"{self._folder.name}-{part}"

    def start(self) -> None:
        for part, service in compose()["services"].items():
            options = [by_default(one) for one in podman_options(service, self._folder)]
            run(
                "podman",
                "run",
                "--detach",
                "--name",
                self._name(part),
                *options,
                self._image,
                *service["command"],
            )

    def health(self, part: str) -> str:
        """Asked for directly: Podman's own checks need systemd."""
        (command,) = [compose()["services"][part]["healthcheck"]["test"][1:]]
        return run("podman", "exec", self._name(part), *command, check=False).strip()

    def output(self, part: str, *command: str) -> str:
        return run("podman", "exec", self._name(part), *command)

    def logs(self, part: str) -> str:
        return run("podman", "logs", self._name(part), check=False)

    def stop(self) -> None:
        for part in compose()["services"]:
            run("podman", "rm", "--force", "--time", "20", self._name(part), check=False)


def by_default(text: str) -> str:
    """With every `${NAME:-value}` of the compose file at its value."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def podman_options(service: dict[str, Any], folder: Path) -> list[str]:
    found = ["--user", service["user"], "--network", "host", "--no-healthcheck"]
    found += ["--read-only", "--read-only-tmpfs=false"] if service["read_only"] else []
    found += [f"--cap-drop={one}" for one in service["cap_drop"]]
    found += [f"--tmpfs={one}" for one in service["tmpfs"]]
    found += ["--memory", service["mem_limit"]]
    found += ["--pids-limit", str(service["pids_limit"])]
    words = {"no-new-privileges:true": "no-new-privileges", "systempaths=unconfined": "unmask=ALL"}
    for one in service["security_opt"]:
        option = words.get(one, one).replace("seccomp:./", f"seccomp={DEPLOY}/")
        found += ["--security-opt", option]
    found += [f"--env={name}={value}" for name, value in (service["environment"] | EXTRA).items()]
    found += [f"--volume={folder / 'secrets' / name}:/run/secrets/{name}:ro" for name in service["secrets"]]
    return [
        *found,
        f"--volume={RECORDING}:/recording.json:ro",
        f"--volume={folder / 'data'}:/var/lib/pullwright",
    ]


def run(*arguments: str, check: bool = True) -> str:
    """Its output; with `check` a failure ends the proof, its words shown."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def make_secrets(folder: Path, app: AppSecrets) -> None:
    """As deploy/README.md says: two files, the service's user's alone; and what `pullwright setup` leaves."""
    secrets, data = folder / "secrets", folder / "data"
    secrets.mkdir()
    data.mkdir(mode=0o700)
    seal(app, data, secrets / "vault.key")
    (secrets / "OPENAI_API_KEY").write_text("played from a recording\n")
    for path in (*secrets.iterdir(), data, *data.iterdir()):
        os.chown(path, USER, USER)


def start_hub(supervisor: Supervisor, folder: Path) -> dict[str, str]:
    ready = folder / "hub.json"
    environment = {**host_environment(frozenset()), "PULLWRIGHT_HUB_TOKEN": TOKEN}
    arguments = ["hub", "--data-dir", str(folder / "hub"), "--port-file", str(ready)]
    supervisor.start("hub", arguments, environment, folder / "hub.log")
    supervisor.wait_until(ready.exists, "The hub", START_S)
    found: dict[str, str] = json.loads(ready.read_text())
    return found


def app_of(seeded: Seeded, address: dict[str, str]) -> AppSecrets:
    return AppSecrets(
        app_id=seeded.app_id,
        slug="pullwright",
        html_url="",
        private_key=seeded.private_key.read_text(),
        webhook_secret=seeded.webhook_secret,
        api_url=address["api_url"],
        web_url=address["url"],
    )


def are_healthy(engine: Engine) -> bool:
    for part in compose()["services"]:
        deadline = time.monotonic() + START_S
        while (said := engine.health(part)) != "healthy" and time.monotonic() < deadline:
            time.sleep(1)
        status = engine.output(part, "cat", "/proc/1/status").splitlines()
        shown = [
            line.split()[:2]
            for line in status
            if line.startswith(("Uid", "CapBnd", "NoNewPrivs", "Seccomp:"))
        ]
        print(f"{part}: {said}; process 1:", *(f"{name} {value}" for name, value in shown))
        if said != "healthy":
            print(engine.logs(part))
            return False
    return True


def is_proven(engine: Engine, data: Path) -> bool:
    begun = time.monotonic()
    with open_watcher(data) as watcher:
        while not watcher.finished and time.monotonic() - begun < WORK_S:
            watcher.refresh(time.time())
            time.sleep(0.5)
        seconds = time.monotonic() - begun
        print(f"outcome: {watcher.outcome}, tier {watcher.tier}, {seconds:.0f} s after the comment")
        print(*(line for line in engine.logs("worker").splitlines() if "sandbox." in line), sep="\n")
        return (watcher.outcome, watcher.tier) == ("proven", "A")


def main(kind: str, image: str) -> int:
    folder = Path(tempfile.mkdtemp(prefix="pullwright-image-", dir="/var/tmp"))
    engine: Engine = Docker(image, folder) if kind == "docker" else Podman(image, folder)
    try:
        with Supervisor(cwd=folder) as supervisor:
            address = start_hub(supervisor, folder)
            with HubControl(address["url"], TOKEN) as hub:
                seeded = seed(hub, builtin_project(), folder)
                make_secrets(folder, app_of(seeded, address))
                engine.start()
                if not are_healthy(engine):
                    return 1
                hub.set_webhook(seeded.app_id, f"http://127.0.0.1:{PORT}/webhook", seeded.webhook_secret)
                hub.comment(seeded.full_name, seeded.issue, MAINTAINER, "@agent fix this")
                return 0 if is_proven(engine, folder / "data") else 1
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in {"docker", "podman"}:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
