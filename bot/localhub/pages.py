"""Plain pages to see and to comment on issues and pull requests from a browser. No script, no login.

Everything shown was written by people, models or programs: Markdown is rendered with HTML as GitHub does
(folded `<details>`), and the Content-Security-Policy lets no script, picture or foreign address in. A form is
taken only from these pages themselves (Origin), so that no other site can post to a hub on this machine.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from bot.localhub import actions_threads as act
from bot.localhub.records import Account, AccountKind, Actor, Repository, Role, Thread
from bot.localhub.replies import Refused
from bot.localhub.state import Hub

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
_FORM_BYTES: Final = 100_000  # a comment is at most 65,536 characters
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_EMOJI: Final = {
    "+1": "👍",
    "-1": "👎",
    "laugh": "😄",
    "confused": "😕",
    "heart": "❤️",
    "hooray": "🎉",
    "rocket": "🚀",
    "eyes": "👀",
}


def install_pages(app: FastAPI, hub: Hub) -> None:
    """Put the pages on the application, behind every other route."""
    templates = Environment(
        loader=PackageLoader("bot.localhub"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    def page(name: str, **values: object) -> Response:
        text = templates.get_template(name).render(emoji=_EMOJI, **values)
        return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY})

    def shown(render: Callable[[Request], Response]) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(_locked, hub, render, request)

        return answer

    def home(_request: Request) -> Response:
        return page(
            "home.html", title="Repositories", repository="", repositories=list(hub.repositories.values())
        )

    def repository(request: Request) -> Response:
        found = _repository(hub, request)
        branches = sorted(
            (name.removeprefix("refs/heads/"), sha)
            for name, sha in found.git.refs().items()
            if name.startswith("refs/heads/")
        )
        threads = sorted(found.threads.values(), key=lambda one: -one.number)
        name = found.full_name
        return page("repository.html", title=name, repository=name, threads=threads, branches=branches)

    def thread(request: Request) -> Response:
        found = _repository(hub, request)
        one = _thread(found, request)
        checks = hub.check_runs_for(found, one.pull.head_sha) if one.pull else []
        return page(
            "thread.html",
            title=one.title,
            repository=found.full_name,
            thread=one,
            badge=_badge(one),
            body=render_markdown(one.body or "*No description.*"),
            comments=[(comment, render_markdown(comment.body)) for comment in one.comments],
            checks=[(run, render_markdown(run.summary or "")) for run in checks],
            diff=render_diff(_diff(found, one)) if one.pull else None,
            people=_people(hub, found),
        )

    async def comment(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host')}":
            return PlainTextResponse("Comments are taken from these pages only.", 403)
        raw = await request.body()
        if len(raw) > _FORM_BYTES:
            return PlainTextResponse("The comment is too long.", 413)
        return await run_in_threadpool(_locked, hub, lambda asked: _comment(hub, asked, raw), request)

    app.add_route("/", shown(home), methods=["GET"])  # type: ignore[arg-type]
    app.add_route("/{owner}/{repo}", shown(repository), methods=["GET"])  # type: ignore[arg-type]
    for kind in ("issues", "pull"):
        app.add_route(f"/{{owner}}/{{repo}}/{kind}/{{number:int}}", shown(thread), methods=["GET"])  # type: ignore[arg-type]
    app.add_route("/{owner}/{repo}/issues/{number:int}/comment", comment, methods=["POST"])


def render_markdown(text: str) -> Markup:
    """As GitHub shows it: hidden comments gone, HTML let through (the page's policy keeps it harmless)."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Markup(parser.render(_COMMENT.sub("", text)))  # noqa: S704 - see the module's header


def render_diff(diff: str) -> list[tuple[str, str]]:
    """Each line of a unified diff with its CSS class."""
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    return [
        ("hunk" if line.startswith(("+++", "---", "diff ")) else kinds.get(line[:1], ""), line)
        for line in diff.splitlines()
    ]


def _locked(hub: Hub, render: Callable[[Request], Response], request: Request) -> Response:
    with hub.lock:
        try:
            return render(request)
        except KeyError:
            return PlainTextResponse("There is no such page.", 404)
        except Refused as refused:
            return PlainTextResponse(str(refused), 422)


def _repository(hub: Hub, request: Request) -> Repository:
    found = hub.repository(f"{request.path_params['owner']}/{request.path_params['repo']}")
    if found is None:
        raise KeyError(request.url.path)
    return found


def _thread(found: Repository, request: Request) -> Thread:
    return found.threads[int(request.path_params["number"])]


def _badge(thread: Thread) -> str:
    if thread.pull and thread.pull.merged_at:
        return "merged"
    return "draft" if thread.pull and thread.pull.draft and thread.state == "open" else thread.state


def _diff(found: Repository, thread: Thread) -> str:
    if thread.pull is None:
        return ""
    root = found.git.compare(thread.pull.base_sha, thread.pull.head_sha).merge_base
    changes = found.git.changes(root, thread.pull.head_sha)
    return b"".join(change.diff for change in changes).decode(errors="replace")


def _people(hub: Hub, found: Repository) -> list[str]:
    """Who may comment, those with most rights first."""
    people = [one for one in hub.accounts.values() if one.kind is AccountKind.USER]
    allowed = [one for one in people if hub.role(one, found) > Role.NONE]
    return [one.login for one in sorted(allowed, key=lambda one: -hub.role(one, found))]


def _comment(hub: Hub, request: Request, raw: bytes) -> Response:
    found = _repository(hub, request)
    thread = _thread(found, request)
    form = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=4)
    login, body = form.get("login", [""])[0], form.get("body", [""])[0].strip()
    person: Account | None = hub.account(login)
    if person is None or person.login not in _people(hub, found) or not body:
        return PlainTextResponse("Choose a person who may comment, and write something.", 422)
    act.create_comment(hub, found, thread, Actor(person), body)
    kind = "pull" if thread.pull else "issues"
    return RedirectResponse(f"/{found.full_name}/{kind}/{thread.number}", 303)
