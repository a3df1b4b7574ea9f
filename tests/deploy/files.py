"""The shipped files, read as what runs them reads them."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
ALL = (
    ROOT / "Dockerfile",
    ROOT / ".env.example",
    *sorted(path for path in DEPLOY.iterdir() if path.is_file()),
)


def compose() -> dict[str, Any]:
    """deploy/compose.yml, its anchors resolved."""
    found = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    assert isinstance(found, dict)
    return found


def seccomp() -> dict[str, Any]:
    found = json.loads((DEPLOY / "seccomp.json").read_text())
    assert isinstance(found, dict)
    return found


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str


def dockerfile() -> list[Instruction]:
    """Its instructions, continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def unit(name: str) -> dict[str, list[str]]:
    """The settings of deploy/<name>.service: every value of a setting, in order."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / f"{name}.service").read_text().splitlines():
        setting, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            found.setdefault(setting, []).append(value)
    return found
