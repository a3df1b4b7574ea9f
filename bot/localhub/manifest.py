"""The one-click creation of an App from a manifest: the pages a person sees, and the conversion of the code.

a form posts `manifest` to /settings/apps/new or /organizations/ORG/settings/apps/new
the person confirms; the browser is sent to the manifest's redirect_url with ?code=...&state=...
POST /app-manifests/CODE/conversions gives the App's secrets, once, within an hour
/apps/SLUG/installations/new installs it, and the browser is sent to the manifest's setup_url
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.localhub.api import ANYBODY, Call, Route
from bot.localhub.events import EVENTS, emit_installation
from bot.localhub.records import Account, AccountKind, Actor, App, Installation, Json
from bot.localhub.replies import CREATED, Refused, Reply, not_found
from bot.localhub.shapes import app as app_shape
from bot.localhub.state import Hub

CODE_LIFETIME_S: Final = 3600  # GitHub: "this flow must be completed within one hour"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_FORM_BYTES: Final = 65_536
_PERMISSIONS: Final = (
    *("actions", "administration", "checks", "contents", "issues", "metadata", "pull_requests", "statuses"),
    *("repository_hooks", "workflows", "members"),
)


@dataclass(frozen=True)
class Proposal:
    """A manifest that a person has confirmed, waiting for its conversion."""

    manifest: Json
    owner: Account
    made_at: float


def parse_manifest(text: str) -> Json:
    """The manifest with what GitHub asks of it checked. Refused (422) with the field and the reason."""
    try:
        manifest = json.loads(text)
    except ValueError:
        raise Refused(422, "The manifest is not valid JSON.") from None
    if not isinstance(manifest, dict):
        raise Refused(422, "The manifest is not a JSON object.")
    problems = [f"{key} can't be blank" for key in ("url",) if not manifest.get(key)]
    permissions = manifest.get("default_permissions") or {}
    problems += [f"{name} is not a permission" for name in permissions if name not in _PERMISSIONS]
    events = manifest.get("default_events") or []
    problems += [f"{name} is not an event" for name in events if name not in EVENTS]
    hook = manifest.get("hook_attributes") or {}
    if hook and not str(hook.get("url", "")).startswith(("http://", "https://")):
        problems.append("hook url must be an http or https address")
    if not manifest.get("redirect_url"):
        problems.append("redirect_url can't be blank")
    if problems:
        raise Refused(422, "Error: " + "; ".join(problems))
    return manifest


def confirm(hub: Hub, owner: Account, manifest: Json) -> str:
    """The code for one conversion."""
    number = hub.new_id("manifest code")
    code = hashlib.sha256(f"{owner.login} {number}".encode()).hexdigest()[:40]
    hub.proposals[code] = Proposal(manifest, owner, hub.clock())
    return code


def convert(call: Call) -> Reply:
    """Register the App; the code is spent by it. 404 for a code that is unknown, spent or too old."""
    hub = call.hub
    proposal = hub.proposals.pop(str(call.params["code"]), None)
    if proposal is None or hub.clock() > proposal.made_at + CODE_LIFETIME_S:
        raise not_found()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    app = _register(hub, proposal, key.public_key())
    secrets = {
        "client_secret": hashlib.sha256(f"client {app.id}".encode()).hexdigest()[:40],
        "webhook_secret": app.webhook_secret or None,
        "pem": pem,
    }
    shown = app_shape(hub, app)
    shown["description"] = proposal.manifest.get("description") or None
    return Reply({**shown, **secrets}, CREATED)


def _register(hub: Hub, proposal: Proposal, key: rsa.RSAPublicKey) -> App:
    manifest = proposal.manifest
    number = hub.new_id("app")
    name = str(manifest.get("name") or f"app-{number}")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    hook = manifest.get("hook_attributes") or {}
    active = bool(hook) and hook.get("active", True)
    app = App(
        number,
        slug,
        name,
        proposal.owner,
        hub.ensure_account(f"{slug}[bot]", AccountKind.BOT),
        key,
        str(hook.get("url")) if active else "",
        hashlib.sha256(f"hook {number}".encode()).hexdigest()[:40] if hook else "",
        {"metadata": "read", **(manifest.get("default_permissions") or {})},
        tuple(manifest.get("default_events") or ()),
        hub.new_id("hook"),
        hub.now(),
        str(manifest.get("setup_url") or ""),
    )
    hub.apps[app.id] = app
    return app


def install_manifest_pages(app: FastAPI, hub: Hub) -> None:
    """Put the pages of the flow on the application."""
    environment = Environment(
        loader=PackageLoader("bot.localhub"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def page(**values: object) -> Response:
        text = environment.get_template("app.html").render(repository="", **values)
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY})

    def propose(request: Request, form: dict[str, str]) -> Response:
        """The form came from somebody else's page, as on GitHub: the person confirms it here."""
        text, state = form.get("manifest", ""), request.query_params.get("state", "")
        manifest = parse_manifest(text)
        owner = str(request.path_params.get("org") or "")
        fields = {"manifest": text, "state": state, "owner": owner}
        return page(title="Create GitHub App", manifest=manifest, fields=fields, action="/_apps/confirm")

    def confirmed(_request: Request, form: dict[str, str]) -> Response:
        manifest = parse_manifest(form.get("manifest", ""))
        code = confirm(hub, _owner(hub, form.get("owner", "")), manifest)
        query = {"code": code, **({"state": form["state"]} if form.get("state") else {})}
        return RedirectResponse(f"{manifest['redirect_url']}?{urlencode(query)}", 303)

    def choose(request: Request, _form: dict[str, str]) -> Response:
        found = _by_slug(hub, request)
        manifest = {"name": found.name, "url": found.webhook_url, "default_permissions": found.permissions}
        action = f"/apps/{found.slug}/installations"
        return page(title=f"Install {found.name}", manifest=manifest, fields={}, action=action)

    def installed(request: Request, _form: dict[str, str]) -> Response:
        found = _by_slug(hub, request)
        place = Installation(hub.new_id("installation"), found, found.owner, None, hub.now())
        hub.installations[place.id] = place
        emit_installation(hub, place, Actor(found.owner))
        query = urlencode({"installation_id": place.id, "setup_action": "install"})
        return RedirectResponse(f"{found.setup_url or '/'}?{query}", 303)

    for path in ("/settings/apps/new", "/organizations/{org}/settings/apps/new"):
        app.add_route(path, _answering(hub, propose), methods=["POST"])
    app.add_route("/_apps/confirm", _answering(hub, confirmed), methods=["POST"])
    app.add_route("/apps/{slug}/installations/new", _answering(hub, choose), methods=["GET"])
    app.add_route("/apps/{slug}/installations", _answering(hub, installed), methods=["POST"])


def _answering(hub: Hub, answer: Callable[[Request, dict[str, str]], Response]) -> Callable[[Request], Any]:
    def locked(request: Request, raw: bytes) -> Response:
        form = {key: values[0] for key, values in parse_qs(raw.decode("utf-8", "replace")).items()}
        with hub.lock:
            try:
                return answer(request, form)
            except KeyError:
                return PlainTextResponse("There is no such page.", 404)
            except Refused as refused:
                return PlainTextResponse(refused.message, refused.status)

    async def endpoint(request: Request) -> Response:
        raw = await request.body()
        if len(raw) > _FORM_BYTES:
            return PlainTextResponse("The form is too long.", 413)
        return await run_in_threadpool(locked, request, raw)

    return endpoint


def _owner(hub: Hub, organization: str) -> Account:
    """The organisation of the address, or whoever is first among the people: nobody signs in here."""
    if organization:
        return hub.ensure_account(organization, AccountKind.ORGANIZATION)
    people = [account for account in hub.accounts.values() if account.kind is AccountKind.USER]
    return people[0] if people else hub.ensure_account("me", AccountKind.USER)


def _by_slug(hub: Hub, request: Request) -> App:
    found = next((a for a in hub.apps.values() if a.slug == request.path_params["slug"]), None)
    if found is None:
        raise KeyError(request.url.path)
    return found


ROUTES = (Route("POST", "/app-manifests/{code}/conversions", convert, (ANYBODY,)),)
