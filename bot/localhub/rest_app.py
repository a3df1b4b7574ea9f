"""REST: the App itself, its installations, tokens, hook and deliveries; users; rate limit."""

import json

from bot.localhub.api import ANYBODY, APP, INSTALLATION, Call, Route
from bot.localhub.events import redeliver
from bot.localhub.records import App, Delivery, Installation, Json, Repository, Role
from bot.localhub.replies import (
    CREATED,
    NO_CONTENT,
    Refused,
    Reply,
    bad_credentials,
    not_found,
    unprocessable,
)
from bot.localhub.shapes import (
    app,
    collaborator,
    full_repository,
    installation,
    installation_token,
    public_user,
    repository,
)

_LEVELS = {"read": 1, "write": 2, "admin": 3}


def _own_app(call: Call) -> App:
    if call.caller.app is None:
        raise bad_credentials()
    return call.caller.app


def _own_installation(call: Call) -> Installation:
    found = call.hub.installations.get(int(call.params["installation_id"]))
    if found is None or found.app is not _own_app(call):
        raise not_found()
    return found


def get_app(call: Call) -> Reply:
    own = _own_app(call)
    count = sum(1 for i in call.hub.installations.values() if i.app is own)
    return Reply({**app(call.hub, own), "installations_count": count})


def list_installations(call: Call) -> Reply:
    own = [i for i in call.hub.installations.values() if i.app is _own_app(call)]
    return Reply(call.page(own, lambda i: installation(call.hub, i)))


def get_installation(call: Call) -> Reply:
    return Reply(installation(call.hub, _own_installation(call)))


def get_repository_installation(call: Call) -> Reply:
    for place in call.hub.installations_for(call.repository):
        if place.app is call.caller.app:
            return Reply(installation(call.hub, place))
    raise not_found()


def create_token(call: Call) -> Reply:
    """Scope is narrowed by `repositories` or `repository_ids` and `permissions`; widening is 422."""
    place = _own_installation(call)
    body = call.json()
    permissions = dict(place.app.permissions)
    asked = body.get("permissions")
    if asked is not None:
        if not isinstance(asked, dict) or not asked:
            raise unprocessable("The permissions requested are not valid.")
        for name, level in asked.items():
            if _LEVELS.get(level, 9) > _LEVELS.get(permissions.get(name, ""), 0):
                raise unprocessable("The permissions requested are not granted to this installation.")
        permissions = {"metadata": "read", **asked}
    chosen = _chosen_repositories(call, place, body)
    token = call.hub.new_installation_token(place, chosen, permissions)
    return Reply(installation_token(call.hub, token), CREATED)


def _chosen_repositories(call: Call, place: Installation, body: Json) -> set[int] | None:
    covered = call.hub.covered(place)
    ids, names = body.get("repository_ids"), body.get("repositories")
    if ids is None and names is None:
        return None if place.repositories is None else {r.id for r in covered}
    chosen = {r.id for r in covered if r.id in (ids or []) or r.name in (names or [])}
    if len(chosen) < len(set(ids or [])) or len(chosen) < len(set(names or [])) or not chosen:
        raise unprocessable(
            "There is at least one repository that does not exist or is not accessible to the parent installation."
        )
    return chosen


def revoke_token(call: Call) -> Reply:
    assert call.caller.token is not None
    call.caller.token.revoked = True
    return NO_CONTENT


def list_repositories(call: Call) -> Reply:
    token = call.caller.token
    assert token is not None and token.installation is not None
    seen = call.hub.covered(token.installation, token.repositories)
    selection = "all" if token.repositories is None else "selected"
    rights = {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True}
    shown = call.page(seen, lambda r: {**repository(call.hub, r), "permissions": rights})
    return Reply({"total_count": len(seen), "repository_selection": selection, "repositories": shown})


def get_hook_config(call: Call) -> Reply:
    own = _own_app(call)
    hidden = "********" if own.webhook_secret else ""
    config = {"content_type": "json", "url": own.webhook_url, "insecure_ssl": "0", "secret": hidden}
    return Reply(config)


def update_hook_config(call: Call) -> Reply:
    own, body = _own_app(call), call.json()
    own.webhook_url = str(body.get("url", own.webhook_url))
    own.webhook_secret = str(body.get("secret", own.webhook_secret))
    return get_hook_config(call)


def delivery_item(item: Delivery) -> Json:
    return {
        "id": item.id,
        "guid": item.guid,
        "delivered_at": item.delivered_at,
        "redelivery": item.redelivery,
        "duration": item.duration_s,
        "status": item.status,
        "status_code": item.status_code,
        "event": item.event,
        "action": item.action,
        "installation_id": item.installation_id,
        "repository_id": item.repository_id,
        "throttled_at": None,
    }


def list_deliveries(call: Call) -> Reply:
    """Newest first, by a cursor; `status=failure` as GitHub's filter."""
    own = [d for d in reversed(call.hub.courier.deliveries) if d.hook_app is _own_app(call)]
    wanted = call.query.get("status")
    if wanted in ("success", "failure"):
        own = [d for d in own if (200 <= d.status_code < 300) == (wanted == "success") and d.status_code]
    shown = call.run_of(own, lambda one: one.id, delivery_item)
    for item in shown:
        del item["throttled_at"]
    return Reply(shown)


def _delivery(call: Call) -> Delivery:
    wanted = int(call.params["delivery_id"])
    for item in call.hub.courier.deliveries:
        if item.id == wanted and item.hook_app is _own_app(call):
            return item
    raise not_found()


def get_delivery(call: Call) -> Reply:
    item = _delivery(call)
    shown = delivery_item(item)
    del shown["throttled_at"]
    return Reply(
        {
            **shown,
            "url": item.hook_app.webhook_url,
            "request": {"headers": item.headers, "payload": json.loads(item.payload)},
            "response": {"headers": item.response_headers, "payload": item.response_body},
        }
    )


def redeliver_delivery(call: Call) -> Reply:
    redeliver(call.hub, _delivery(call).id)
    return Reply({}, 202)


def get_user(call: Call) -> Reply:
    account = call.hub.account(str(call.params["username"]))
    if account is None:
        raise not_found()
    return Reply(public_user(call.hub, account))


def get_own_user(call: Call) -> Reply:
    if call.caller.token is None or call.caller.token.person is None:
        raise Refused(403, "Resource not accessible by integration")
    return Reply(public_user(call.hub, call.caller.token.person))


def get_rate_limit(call: Call) -> Reply:
    limit = {"limit": 5000, "remaining": 5000, "reset": int(call.hub.clock()) + 3600, "used": 0}
    names = ("core", "search", "graphql", "integration_manifest")
    return Reply(
        {"resources": {n: {**limit, "resource": n} for n in names}, "rate": {**limit, "resource": "core"}}
    )


def get_repository(call: Call) -> Reply:
    return Reply(full_repository(call.hub, call.repository, _role_of_caller(call, call.repository)))


def _role_of_caller(call: Call, record: Repository) -> Role:
    token = call.caller.token
    if token is not None and token.installation is not None:
        return Role.WRITE if token.permissions.get("contents") == "write" else Role.READ
    return call.hub.role(call.caller.account, record) if call.caller.account else Role.READ


def get_permission(call: Call) -> Reply:
    account = call.hub.account(str(call.params["username"]))
    if account is None:
        raise not_found()
    return Reply(collaborator(call.hub, account, call.hub.role(account, call.repository)))


def check_collaborator(call: Call) -> Reply:
    account = call.hub.account(str(call.params["username"]))
    if account is None:
        raise not_found()
    explicit = (
        account.login.lower() in call.repository.collaborators or account.id == call.repository.owner.id
    )
    if not explicit:
        raise not_found()
    return NO_CONTENT


def get_organization_installation(call: Call) -> Reply:
    own = _own_app(call)
    wanted = str(call.params["org"]).lower()
    for place in call.hub.installations.values():
        if place.app is own and place.account.login.lower() == wanted:
            return Reply(installation(call.hub, place))
    raise not_found()


def get_meta(_call: Call) -> Reply:
    """The addresses that a GitHub's webhooks and pages come from: the loopback, here."""
    loopback = ["127.0.0.0/8", "::1/128"]
    names = ("hooks", "web", "api", "git", "packages", "pages", "importer", "actions", "dependabot")
    kinds = ("SHA256_RSA", "SHA256_DSA", "SHA256_ECDSA", "SHA256_ED25519")
    no_ssh: Json = {"ssh_key_fingerprints": dict.fromkeys(kinds, ""), "ssh_keys": []}
    return Reply({"verifiable_password_authentication": False, **no_ssh, **dict.fromkeys(names, loopback)})


_METADATA = ("metadata:read",)
_REPO = "/repos/{owner}/{repo}"
ROUTES = (
    Route("GET", "/app", get_app, (APP,)),
    Route("GET", "/app/hook/config", get_hook_config, (APP,)),
    Route("PATCH", "/app/hook/config", update_hook_config, (APP,)),
    Route("GET", "/app/hook/deliveries", list_deliveries, (APP,)),
    Route("GET", "/app/hook/deliveries/{delivery_id:int}", get_delivery, (APP,)),
    Route("POST", "/app/hook/deliveries/{delivery_id:int}/attempts", redeliver_delivery, (APP,)),
    Route("GET", "/app/installations", list_installations, (APP,)),
    Route("GET", "/app/installations/{installation_id:int}", get_installation, (APP,)),
    Route("POST", "/app/installations/{installation_id:int}/access_tokens", create_token, (APP,)),
    Route("GET", "/installation/repositories", list_repositories, (INSTALLATION,)),
    Route("DELETE", "/installation/token", revoke_token, (INSTALLATION,)),
    Route("GET", "/orgs/{org}/installation", get_organization_installation, (APP,)),
    Route("GET", "/meta", get_meta, (ANYBODY,)),
    Route("GET", "/rate_limit", get_rate_limit, (ANYBODY,)),
    Route("GET", "/user", get_own_user, (ANYBODY,)),
    Route("GET", "/users/{username}", get_user, (ANYBODY,)),
    Route("GET", _REPO, get_repository, _METADATA),
    Route("GET", _REPO + "/installation", get_repository_installation, (APP,)),
    Route("GET", _REPO + "/collaborators/{username}", check_collaborator, _METADATA),
    Route("GET", _REPO + "/collaborators/{username}/permission", get_permission, _METADATA),
)
