"""Every variable that a shipped file names is a setting, and the proxy's bound is the receiver's."""

import re

import pytest

from bot.domain import limits
from bot.settings import Settings
from tests.deploy.files import ALL, DEPLOY, ROOT

# Read by `docker compose` itself, while it reads the file.
OF_COMPOSE = {"PULLWRIGHT_APPARMOR", "PULLWRIGHT_BASE", "PULLWRIGHT_TOOLS", "PULLWRIGHT_WORKER_MEMORY"}

KNOWN = {
    name.upper() if name.startswith("openai_") else f"PULLWRIGHT_{name.upper()}"
    for name in Settings.model_fields
}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: object) -> None:
    named = set(re.findall(r"\b(?:PULLWRIGHT|OPENAI)_[A-Z_]+\b", path.read_text()))  # type: ignore[attr-defined]
    assert named <= KNOWN | OF_COMPOSE


def test_the_example_names_what_must_be_set() -> None:
    text = (ROOT / ".env.example").read_text()
    for name in (
        "PULLWRIGHT_APP_ID",
        "PULLWRIGHT_PRIVATE_KEY_PATH",
        "PULLWRIGHT_WEBHOOK_SECRETS",
        "OPENAI_API_KEY",
    ):
        assert re.search(rf"^#?{name}=", text, re.MULTILINE)


def test_the_example_holds_no_secret() -> None:
    given = [line for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"[A-Z]", line)]
    assert given == ["PULLWRIGHT_MODEL=gpt-5"]


def test_the_proxy_lets_two_paths_through_and_githubs_largest_payload() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    assert re.findall(r"^\thandle (/\S+) \{", text, re.MULTILINE) == ["/webhook", "/healthz"]
    (mib,) = re.findall(r"max_size (\d+)MiB", text)
    assert int(mib) * 1024 * 1024 == limits.WEBHOOK_BODY_BYTES
    assert set(re.findall(r"reverse_proxy (\S+)", text)) == {"127.0.0.1:8080"}
