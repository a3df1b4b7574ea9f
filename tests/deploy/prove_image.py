"""Not a test of the suite: proves an image with the options of deploy/compose.yml, in Podman, without a network.

    podman build --format docker --tag localhost/pullwright .
    python -m tests.deploy.prove_image localhost/pullwright

Starts the GitHub on localhost, seals an App as `pullwright setup` does, starts receiver and worker as the compose
file says, comments, and waits. Exit code 0 only if both containers are healthy and the task ends proven, tier A.
Each option is taken from the compose file; Podman's word for `systempaths=unconfined` is `unmask=ALL`. What differs:
both containers share the host's network (the hub is there), and the data directory is a folder of the host.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from bot.cli import demo_assets
from bot.cli.demo_seed import MAINTAINER, builtin_project, seed
from bot.cli.demo_watch import open_watcher
from bot.cli.supervise import Supervisor
from bot.localhub.client import HubControl
from bot.settings import host_environment
from bot.vault import AppSecrets, seal

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
USER = 10001
PORT = "18080"
MINUTES = 8


def options(service: dict[str, Any], secrets: Path, data: Path) -> list[str]:
    """What the compose file says of one service, in `podman run`'s words."""
    found = ["--user", service["user"], "--network", "host", "--no-healthcheck"]
    found += ["--read-only", "--read-only-tmpfs=false"] if service["read_only"] else []
    found += [f"--cap-drop={one}" for one in service["cap_drop"]]
    found += [f"--tmpfs={one}" for one in service["tmpfs"]]
    found += ["--memory", str(service["mem_limit"]).split(":-")[-1].rstrip("}")]
    found += ["--pids-limit", str(service["pids_limit"])]
    for one in service["security_opt"]:
        option = {"no-new-privileges:true": "no-new-privileges", "systempaths=unconfined": "unmask=ALL"}.get(
            one, one
        )
        found += ["--security-opt", option.replace("./seccomp.json", str(DEPLOY / "seccomp.json"))]
    found += [f"--env={name}={value}" for name, value in service["environment"].items()]
    found += [f"--volume={secrets / name}:/run/secrets/{name}:ro" for name in service["secrets"]]
    return [*found, f"--volume={data}:/var/lib/pullwright"]


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["podman", *arguments], check=check, capture_output=True, text=True)


def make_secrets(folder: Path, data: Path, app: AppSecrets) -> None:
    """As deploy/README.md says: two files, the service's user's alone."""
    folder.mkdir(mode=0o755)
    seal(app, data, folder / "vault.key")
    (folder / "OPENAI_API_KEY").write_text("played from a recording\n")
    for path in (*folder.iterdir(), data, *data.iterdir()):
        os.chown(path, USER, USER)


def wait_healthy(name: str, part: str) -> str:
    deadline = time.monotonic() + 120
    while True:
        said = podman("exec", name, "pullwright", "health", part, check=False)
        if said.returncode == 0 or time.monotonic() > deadline:
            return said.stdout.strip() or said.stderr.strip()
        time.sleep(1)


def main(image: str) -> int:
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    folder = Path(tempfile.mkdtemp(prefix="pullwright-image-", dir="/var/tmp"))
    folder.chmod(0o755)
    data, names = folder / "data", {part: f"{folder.name}-{part}" for part in services}
    data.mkdir(mode=0o711)
    try:
        with Supervisor(cwd=folder) as supervisor:
            return prove(image, services, folder, supervisor)
    finally:
        for name in names.values():
            podman("rm", "--force", "--time", "20", name, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def prove(image: str, services: dict[str, Any], folder: Path, supervisor: Supervisor) -> int:
    data, ready = folder / "data", folder / "hub.json"
    supervisor.start(
        "hub",
        ["hub", "--data-dir", str(folder / "hub"), "--port-file", str(ready)],
        {**host_environment(frozenset()), "PULLWRIGHT_HUB_TOKEN": "t" * 32},
        folder / "hub.log",
    )
    supervisor.wait_until(ready.exists, "The hub", 60)
    address = json.loads(ready.read_text())
    with HubControl(address["url"], "t" * 32) as hub:
        seeded = seed(hub, builtin_project(), folder)
        app = AppSecrets(
            app_id=seeded.app_id,
            slug="pullwright",
            html_url="",
            private_key=seeded.private_key.read_text(),
            webhook_secret=seeded.webhook_secret,
            api_url=address["api_url"],
            web_url=address["url"],
        )
        make_secrets(folder / "secrets", data, app)
        recording = Path(str(demo_assets.__path__[0])) / "recording.json"
        extra = [f"--volume={recording}:/recording.json:ro", "--env=PULLWRIGHT_RECORDING=/recording.json"]
        extra += [f"--env=PULLWRIGHT_PORT={PORT}", "--env=PULLWRIGHT_WRITE_SPACING_S=0"]
        for part, service in services.items():
            name = f"{folder.name}-{part}"
            given = options(service, folder / "secrets", data)
            podman("run", "--detach", "--name", name, *given, *extra, image, *service["command"])
            said = wait_healthy(name, service["healthcheck"]["test"][-1])
            print(f"{part}: {said}; {inside(name)}")
            if said != "healthy":
                print(podman("logs", name, check=False).stderr)
                return 1
        hub.set_webhook(seeded.app_id, f"http://127.0.0.1:{PORT}/webhook", seeded.webhook_secret)
        hub.comment(seeded.full_name, seeded.issue, MAINTAINER, "@agent fix this")
        return watch(data, folder)


def inside(name: str) -> str:
    """Who the main process is, as the kernel says."""
    status = podman("exec", name, "cat", "/proc/1/status").stdout
    wanted = ("Uid", "CapBnd", "NoNewPrivs", "Seccomp")
    return " ".join(
        " ".join(line.split()[:2]) for line in status.splitlines() if line.split(":")[0] in wanted
    )


def watch(data: Path, folder: Path) -> int:
    begun = time.time()
    with open_watcher(data) as watcher:
        while not watcher.finished and time.time() - begun < MINUTES * 60:
            watcher.refresh(time.time())
            time.sleep(0.5)
        print(
            f"outcome: {watcher.outcome}, tier {watcher.tier}, {time.time() - begun:.0f} s after the comment"
        )
        logs = podman("logs", f"{folder.name}-worker", check=False).stderr
        print("\n".join(line for line in logs.splitlines() if "sandbox." in line))
        return 0 if (watcher.outcome, watcher.tier) == ("proven", "A") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
