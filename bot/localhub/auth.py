"""Who calls, and what the caller may do: App JWTs, installation tokens with scope, persons, nobody.

Rules (GitHub's): a JWT is RS256 by the App's key, `iat` not in the future, `exp` at most ten minutes away. An
installation token sees only its repositories (others do not exist: 404) and has only its permissions (403). A
person has a role in each repository. What is not allowed here is refused; nothing falls through.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

import jwt

from bot.localhub.records import Account, Actor, App, Repository, Role, Token
from bot.localhub.replies import Refused, bad_credentials, forbidden, not_found
from bot.localhub.state import Hub

JWT_LIFETIME_MAX_S: Final = 600  # GitHub: "no more than 10 minutes into the future"
JWT_SKEW_S: Final = 60  # GitHub lets clocks differ a little
_LEVELS: Final = {"read": 1, "write": 2, "admin": 3}


class CallerKind(StrEnum):
    ANONYMOUS = "anonymous"
    APP = "app"
    INSTALLATION = "installation"
    PERSON = "person"


@dataclass(frozen=True)
class Caller:
    kind: CallerKind
    account: Account | None = None
    app: App | None = None
    token: Token | None = None

    def actor(self) -> Actor:
        """Who a write is attributed to; anonymous callers never get this far."""
        if self.account is None:
            raise bad_credentials()
        return Actor(self.account, self.app)


ANONYMOUS: Final = Caller(CallerKind.ANONYMOUS)


def identify(hub: Hub, authorization: str) -> Caller:
    """The caller from the Authorization header (Bearer, token, or Basic with the token as password).

    Raises Refused (401) for a token that is unknown, ended or revoked, and for a JWT that breaks a rule.
    """
    scheme, _, secret = authorization.strip().partition(" ")
    if not scheme:
        return ANONYMOUS
    if scheme.lower() == "basic":
        secret = _basic_password(secret)
    elif scheme.lower() not in ("bearer", "token"):
        raise bad_credentials()
    secret = secret.strip()
    if secret.count(".") == 2 and not secret.startswith("ghs_"):
        app = _app_of_jwt(hub, secret)
        return Caller(CallerKind.APP, app.bot, app)
    token = hub.tokens.get(secret)
    if token is None or token.revoked or (token.expires_at is not None and hub.clock() >= token.expires_at):
        raise bad_credentials()
    if token.person is not None:
        return Caller(CallerKind.PERSON, token.person, None, token)
    assert token.installation is not None
    return Caller(CallerKind.INSTALLATION, token.installation.app.bot, token.installation.app, token)


def _basic_password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        raise bad_credentials() from None


def _app_of_jwt(hub: Hub, text: str) -> App:
    undecodable = Refused(401, "A JSON web token could not be decoded")
    options = {"verify_signature": False, "verify_exp": False, "verify_iat": False}
    try:
        issuer = str(jwt.decode(text, options=options).get("iss", ""))  # type: ignore[arg-type]
    except jwt.PyJWTError:
        raise undecodable from None
    app = next((a for a in hub.apps.values() if issuer in (str(a.id), f"Iv23li{a.id:014d}")), None)
    if app is None or app.public_key is None:
        raise Refused(404, "Integration not found")
    try:
        claims = jwt.decode(
            text,
            app.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "verify_iss": False},
        )
    except jwt.PyJWTError:
        raise undecodable from None
    _check_times(hub.clock(), claims.get("iat"), claims.get("exp"))
    return app


def _check_times(now: float, issued: object, expires: object) -> None:
    if not isinstance(issued, int):
        message = "must be an Integer representing the time that the assertion was issued"
        raise Refused(401, f"'Issued at' claim ('iat') {message}")
    if not isinstance(expires, int):
        message = "must be a numeric value representing the future time at which the assertion expires"
        raise Refused(401, f"'Expiration time' claim ('exp') {message}")
    if issued > now + JWT_SKEW_S:
        raise Refused(401, "'Issued at' claim ('iat') must be in the past")
    if expires <= now:
        raise Refused(401, "'Expiration time' claim ('exp') must be in the future")
    if expires > now + JWT_LIFETIME_MAX_S + JWT_SKEW_S or expires - issued > JWT_LIFETIME_MAX_S + JWT_SKEW_S:
        raise Refused(401, "'Expiration time' claim ('exp') is too far in the future")


def require_repository(hub: Hub, caller: Caller, repository: Repository | None) -> Repository:
    """The repository, if this caller can see that it exists; Refused (404) otherwise."""
    if repository is None or not _sees(hub, caller, repository):
        raise not_found()
    return repository


def _sees(hub: Hub, caller: Caller, repository: Repository) -> bool:
    match caller.kind:
        case CallerKind.ANONYMOUS:
            return not repository.private
        case CallerKind.PERSON:
            assert caller.account is not None
            return hub.role(caller.account, repository) >= Role.READ
        case CallerKind.INSTALLATION:
            token = caller.token
            assert token is not None and token.installation is not None
            chosen = token.repositories is None or repository.id in token.repositories
            return chosen and hub.covers(token.installation, repository)
        case CallerKind.APP:
            return bool(caller.app) and any(i.app is caller.app for i in hub.installations_for(repository))
        case _:
            assert_never(caller.kind)


def require_permission(hub: Hub, caller: Caller, repository: Repository, needs: tuple[str, ...]) -> None:
    """Refused unless the caller has one of `needs` ("issues:write") in a repository it can see."""
    match caller.kind:
        case CallerKind.ANONYMOUS:
            if not all(need.endswith(":read") for need in needs):
                raise Refused(401, "Requires authentication")
        case CallerKind.APP:
            raise forbidden()
        case CallerKind.INSTALLATION:
            assert caller.token is not None
            if not any(_granted(caller.token.permissions, need) for need in needs):
                refused = forbidden()
                refused.headers["x-accepted-github-permissions"] = ",".join(
                    need.replace(":", "=") for need in needs
                )
                raise refused
        case CallerKind.PERSON:
            assert caller.account is not None
            role = hub.role(caller.account, repository)
            if not any(role >= _role_for(need) for need in needs):
                raise forbidden("Must have push access to repository")
        case _:
            assert_never(caller.kind)


def _granted(permissions: dict[str, str], need: str) -> bool:
    name, _, level = need.partition(":")
    has = permissions.get(name, "read" if name == "metadata" else "")
    return _LEVELS.get(has, 0) >= _LEVELS[level]


def _role_for(need: str) -> Role:
    """Readers may open issues and comment; everything else that writes needs the write role."""
    name, _, level = need.partition(":")
    return Role.READ if level == "read" or name in ("issues", "pull_requests") else Role.WRITE


def may_use_git(hub: Hub, caller: Caller, repository: Repository, write: bool) -> bool:
    """Whether the smart HTTP service may be used; the repository is known to be visible."""
    try:
        require_permission(hub, caller, repository, ("contents:write" if write else "contents:read",))
    except Refused:
        return False
    return True
