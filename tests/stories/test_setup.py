"""From nothing to a working App: `pullwright setup` with a browser, then `pullwright doctor` and a first task."""

import html
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import httpx2
import pytest
from rich.console import Console

from bot.cli.doctor import health_url, run_doctor
from bot.cli.setup import SetupOptions, run_setup
from bot.domain.app_manifest import EVENTS
from bot.localhub.server import HubServer
from bot.vault import unseal
from tests.official.judge import judged_hub

NAME = "octo/app"


@dataclass
class Browser:
    """Follows redirects, keeps cookies, presses the one button of a page."""

    http: httpx2.Client
    page: httpx2.Response | None = None

    def open(self, url: str) -> str:
        self.page = self.http.get(url, follow_redirects=True)
        return self.page.text

    def press(self, **fields: str) -> str:
        assert self.page is not None
        action = re.search(r'<form method="post" action="([^"]+)"', self.page.text)
        assert action, self.page.text
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.page.text)
        form = {name: html.unescape(value) for name, value in hidden} | fields
        target = httpx2.URL(str(self.page.url)).join(html.unescape(action[1]))
        self.page = self.http.post(target, data=form, follow_redirects=True)
        return self.page.text


@dataclass
class Setup:
    """The command in a thread; its console is read like a person reads it."""

    hub: HubServer
    data_dir: Path
    console: StringIO
    thread: threading.Thread
    codes: list[int]

    def address(self) -> str:
        deadline = time.monotonic() + 10
        while not (found := re.search(r"http://127\S+token=\S+", self.console.getvalue())):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return found[0]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    import os

    for name in [name for name in os.environ if name.startswith(("PULLWRIGHT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PULLWRIGHT_DATA_DIR", str(tmp_path / "data"))
    return monkeypatch


@pytest.fixture
def setup(tmp_path: Path, clean: pytest.MonkeyPatch) -> Iterator[Setup]:
    with judged_hub(tmp_path / "hub", time.time) as hub:
        hub.seed.add_person("ada")
        hub.seed.add_repository(NAME, {"a.py": b"x = 1\n"})
        console = StringIO()
        codes: list[int] = []
        options = SetupOptions(hub.url, "127.0.0.1:0", webhook_url=f"{hub.url}/webhook")

        def run() -> None:
            codes.append(run_setup(options, Console(file=console, width=200)))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield Setup(hub, tmp_path / "data", console, thread, codes)
        thread.join(1)


def create_app(setup: Setup, browser: Browser) -> str:
    assert "asks for these permissions" in browser.open(setup.address())
    assert "GitHub shows you" in browser.press(
        name="wright", owner="octo", webhook=f"{setup.hub.url}/webhook"
    )
    assert "Create GitHub App" in browser.press()
    return browser.press()  # the person confirms on GitHub, the browser comes back


def test_one_click_creates_the_app_and_its_secrets_are_stored_encrypted(setup: Setup) -> None:
    with httpx2.Client(trust_env=False) as http:
        page = create_app(setup, Browser(http))
    assert "wright exists" in page
    assert f"{setup.hub.url}/apps/wright/installations/new" in page
    setup.thread.join(10)
    assert setup.codes == [0]

    found = unseal(setup.data_dir, setup.data_dir / "vault.key")
    assert found is not None
    assert (found.slug, found.api_url) == ("wright", setup.hub.api_url)
    said = setup.console.getvalue() + page
    for secret in (found.private_key, found.webhook_secret, found.client_secret):
        assert secret not in said
    app = setup.hub.hub.apps[found.app_id]
    assert app.permissions == {
        "actions": "read",
        "checks": "write",
        "contents": "write",
        "issues": "write",
        "metadata": "read",
        "pull_requests": "write",
        "statuses": "read",
    }
    assert app.events == EVENTS


def test_the_address_works_once_and_nobody_else_gets_in(setup: Setup) -> None:
    address = setup.address()
    base = address.partition("/setup")[0]
    with httpx2.Client(trust_env=False) as stranger:
        assert stranger.get(f"{base}/setup").status_code == 403
        assert stranger.get(f"{base}/setup?token=guess").status_code == 403
        assert stranger.post(f"{base}/setup", data={"name": "x"}).status_code == 403
        assert stranger.get(f"{base}/setup/callback?code=1&state=2").status_code == 403
        assert stranger.get(f"{base}/").status_code == 404
    with httpx2.Client(trust_env=False) as owner, httpx2.Client(trust_env=False) as late:
        assert owner.get(address, follow_redirects=True).status_code == 200
        assert late.get(address).status_code == 403, "the address is spent"
        assert owner.get(f"{base}/setup/callback?code=1&state=invented").status_code == 403
        assert owner.get(f"{base}/setup").status_code == 200


def test_a_code_that_github_does_not_know_can_be_tried_again(setup: Setup) -> None:
    with httpx2.Client(trust_env=False) as http:
        browser = Browser(http)
        browser.open(setup.address())
        browser.press(name="wright", owner="", webhook=f"{setup.hub.url}/webhook")
        assert browser.page is not None
        state = re.search(r"state=([^&\"]+)", browser.page.text)
        assert state
        base = setup.address().partition("/setup")[0]
        answer = http.get(f"{base}/setup/callback", params={"code": "spent", "state": state[1]})
        assert answer.status_code == 502
        assert "404 Not Found" in answer.text
        assert "wright exists" in create_again(browser, base, setup)


def create_again(browser: Browser, base: str, setup: Setup) -> str:
    browser.open(f"{base}/setup")
    browser.press(name="wright", owner="", webhook=f"{setup.hub.url}/webhook")
    browser.press()
    return browser.press()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "1 to 34 characters"),
        ({"owner": "no/slash"}, "letters, digits and hyphens"),
        ({"webhook": "ftp://x/webhook"}, "https://HOST/webhook"),
        ({"webhook": "https://x/other"}, "https://HOST/webhook"),
    ],
)
def test_a_form_that_can_not_work_is_said_to_be_so(setup: Setup, fields: dict[str, str], said: str) -> None:
    with httpx2.Client(trust_env=False) as http:
        browser = Browser(http)
        browser.open(setup.address())
        good = {"name": "wright", "owner": "octo", "webhook": "https://x/webhook"}
        assert said in browser.press(**{**good, **fields})


def test_an_app_that_is_there_is_not_replaced_by_accident(setup: Setup) -> None:
    with httpx2.Client(trust_env=False) as http:
        create_app(setup, Browser(http))
    setup.thread.join(10)
    console = StringIO()
    assert run_setup(SetupOptions(setup.hub.url, "127.0.0.1:0"), Console(file=console, width=200)) == 1
    assert "holds the App wright already" in console.getvalue()


@pytest.mark.stories
def test_the_doctor_looks_at_everything_and_says_what_to_mend(
    setup: Setup, clean: pytest.MonkeyPatch
) -> None:
    with httpx2.Client(trust_env=False) as http:
        browser = Browser(http)
        create_app(setup, browser)
        setup.thread.join(10)
        clean.setenv("OPENAI_API_KEY", "sk-none")
        clean.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        first = StringIO()
        assert run_doctor(ask_model=False, console=Console(file=first, width=160)) == 1
        assert "nowhere installed" in first.getvalue()
        assert f"→ Install it: {setup.hub.url}/apps/wright/installations/new" in first.getvalue()

        browser.open(f"{setup.hub.url}/apps/wright/installations/new")
        browser.press()
    assert setup.hub.seed.wait_idle()
    second = StringIO()
    run_doctor(ask_model=False, console=Console(file=second, width=160))
    said = second.getvalue()
    for line in ("SQLite, at this version's schema", "what is needed and no more", ", ".join(EVENTS)):
        assert line in said
    assert "agrees with GitHub's" in said
    assert "deliveries failed (4" in said, "the hub's own page is no receiver"
    record = next(iter(setup.hub.hub.apps.values()))
    record.permissions["administration"] = "write"
    del record.permissions["checks"]
    third = StringIO()
    assert run_doctor(ask_model=False, console=Console(file=third, width=160)) == 1
    assert "missing: checks: write" in third.getvalue()


def test_the_health_page_stands_beside_the_webhook() -> None:
    assert health_url("https://x.example/webhook") == "https://x.example/healthz"
    assert health_url("https://x.example/bot/webhook") == "https://x.example/bot/healthz"
    assert json.dumps(health_url("https://x.example")) == '"https://x.example/healthz"'
