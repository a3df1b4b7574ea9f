"""`pullwright setup`'s pages: create the GitHub App by one click, from a manifest. Nothing else is served.

    /setup?token=T     the form: whose App, under which name, where webhooks go
    POST /setup        a page whose one button posts the manifest to GitHub, where the person confirms
    /setup/callback    GitHub sends the browser here with a code; it is traded for the App's secrets

Who may: whoever has the token that stands on the console. It opens one browser session and is spent by it; the
session is a cookie that no other site's requests carry (SameSite=Lax), and the callback has to bring the state that
this session gave out, once.

Must never: show a secret, on a page or in a log.
"""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.domain.app_manifest import PERMISSIONS, build_manifest
from bot.errors import ForPerson, RetryLater

_COOKIE: Final = "pullwright-setup"
_FORM_BYTES: Final = 8_192
_WRONG_TOKENS: Final = 10  # guesses; the token has 256 bits, so this only keeps the log short
_NAME_CHARACTERS: Final = 34  # GitHub's bound for an App's name

log = structlog.get_logger()


@dataclass(frozen=True)
class Created:
    """What the pages show of the new App."""

    slug: str
    html_url: str


@dataclass
class SetupFlow:
    """`web_url`: GitHub's pages. `own_url`: where a browser reaches us. `create` trades the code for the App and
    stores it (blocking; raises ForPerson, RetryLater). `random` gives an unguessable text. `done` is called once."""

    web_url: str
    own_url: str
    webhook_url: str
    token: str
    create: Callable[[str], Created]
    random: Callable[[], str]
    done: Callable[[Created], None]
    session: str = ""
    states: set[str] = field(default_factory=set)
    guesses: int = 0


def build_setup(flow: SetupFlow) -> FastAPI:
    """The application."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    async def begin(request: Request) -> Response:
        if _in_session(flow, request):
            return _form(flow)
        given = request.query_params.get("token", "")
        if not flow.token or not hmac.compare_digest(given.encode(), flow.token.encode()):
            return _refuse_guess(flow)
        flow.token, flow.session = "", flow.random()
        answer = RedirectResponse("/setup", 303)
        answer.set_cookie(_COOKIE, flow.session, httponly=True, samesite="lax")
        return answer

    async def propose(request: Request) -> Response:
        if not _in_session(flow, request):
            return _refuse_guess(flow)
        raw = await request.body()
        if len(raw) > _FORM_BYTES:
            return _message("Too long", "That form is too long.", 413)
        return _propose(flow, raw)

    async def callback(request: Request) -> Response:
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        if not _in_session(flow, request) or state not in flow.states or not code:
            return _message(
                "Not ours", "This answer belongs to no question of this session. Begin again.", 403
            )
        flow.states.discard(state)
        try:
            created = await run_in_threadpool(flow.create, code)
        except (ForPerson, RetryLater) as fault:
            log.warning("setup.failed", reason=str(fault))
            return _message("That did not work", str(fault), 502, again=True)
        flow.done(created)
        return _finished(created)

    app.add_route("/setup", begin, methods=["GET"])
    app.add_route("/setup", propose, methods=["POST"])
    app.add_route("/setup/callback", callback, methods=["GET"])
    return app


def _in_session(flow: SetupFlow, request: Request) -> bool:
    given = request.cookies.get(_COOKIE, "")
    return bool(flow.session) and hmac.compare_digest(given.encode(), flow.session.encode())


def _refuse_guess(flow: SetupFlow) -> Response:
    flow.guesses += 1
    if flow.guesses <= _WRONG_TOKENS:
        log.warning("setup.wrong_token", guesses=flow.guesses)
    if flow.guesses >= _WRONG_TOKENS:
        flow.token = ""  # whoever reads the console starts the command again
    return _message("Token needed", "Open the address that `pullwright setup` printed.", 403)


def _form(flow: SetupFlow) -> Response:
    return _page(
        "form",
        "Create the GitHub App",
        webhook=flow.webhook_url,
        permissions=PERMISSIONS,
        github=urlsplit(flow.web_url).netloc,
        name_characters=_NAME_CHARACTERS,
    )


def _propose(flow: SetupFlow, raw: bytes) -> Response:
    form = {name: values[0].strip() for name, values in parse_qs(raw.decode("utf-8", "replace")).items()}
    name, owner, webhook = form.get("name", ""), form.get("owner", ""), form.get("webhook", "")
    problem = describe_problem(name, owner, webhook)
    if problem:
        return _message("Not yet", problem, 422, again=True)
    state = flow.random()
    flow.states = {state}
    manifest = json.dumps(build_manifest(name, webhook, f"{flow.own_url}/setup/callback"))
    where = f"/organizations/{quote(owner)}/settings/apps/new" if owner else "/settings/apps/new"
    target = f"{flow.web_url}{where}?{urlencode({'state': state})}"
    return _page(
        "confirm", "One click more", form_target=flow.web_url, name=name, target=target, manifest=manifest
    )


def describe_problem(name: str, owner: str, webhook: str) -> str:
    """What is wrong with the form; empty when nothing is."""
    if not 0 < len(name) <= _NAME_CHARACTERS:
        return f"The App's name has 1 to {_NAME_CHARACTERS} characters."
    if owner and not owner.replace("-", "").isalnum():
        return "An organisation's name has letters, digits and hyphens only."
    parts = urlsplit(webhook)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.endswith("/webhook"):
        return "The webhook address is like https://HOST/webhook."
    return ""


def _finished(created: Created) -> Response:
    install = f"{created.html_url}/installations/new"
    return _page("finished", f"{created.slug} exists", slug=created.slug, install=install)


def _message(title: str, message: str, status: int, *, again: bool = False) -> Response:
    return _page("message", title, status, message=message, again=again)


def _page(view: str, title: str, status: int = 200, form_target: str = "", **values: object) -> Response:
    """One self-contained page; forms go to us, or where `form_target` says."""
    environment = Environment(loader=PackageLoader("bot.webhook"), autoescape=True, undefined=StrictUndefined)
    text = environment.get_template("setup.html").render(view=view, title=title, **values)
    targets = f"'self' {form_target}".strip()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action {targets}"
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(text, status, headers)
