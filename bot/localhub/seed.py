"""The face for seeding and control: what a person with a browser would do, as plain calls.

Used directly in story tests (hub in a thread) and through `control` and `client` by the demo (hub in a process of
its own). Takes and gives plain values only, so that both ways are the same. Raises Refused where GitHub would
refuse, KeyError for a repository, person or thread that was never made.
"""

from collections.abc import Mapping
from typing import Any

from bot.localhub import actions_threads as act
from bot.localhub.actions_checks import press_button
from bot.localhub.actions_git import NewPull, after_ref_change, create_pull
from bot.localhub.actions_reviews import (
    Place,
    create_comment,
    create_review,
    reply,
    request_reviewers,
    resolve,
)
from bot.localhub.events import redeliver
from bot.localhub.faults import Fault
from bot.localhub.gitstore import ZERO_SHA
from bot.localhub.records import (
    Actor,
    Json,
    Thread,
)
from bot.localhub.rest_app import delivery_item
from bot.localhub.seed_ground import GroundSeed
from bot.localhub.shapes_checks import check_run
from bot.localhub.shapes_reviews import review, review_comment
from bot.localhub.shapes_threads import comment, issue, pull_request


class Seed(GroundSeed):
    """What happens on that ground, and what can be seen of it. Every method takes `Hub.lock` for itself."""

    # -- threads --------------------------------------------------------------------------------------------
    def open_issue(self, full_name: str, login: str, title: str, body: str) -> int:
        """Returns the number."""
        with self.hub.lock:
            actor = Actor(self._person(login))
            return act.open_issue(self.hub, self._repo(full_name), actor, title, body).number

    def comment(self, full_name: str, number: int, login: str, body: str) -> int:
        """Comment as a person (readers may, as on GitHub); returns the comment's id."""
        with self.hub.lock:
            record = self._repo(full_name)
            actor = Actor(self._person(login))
            return act.create_comment(self.hub, record, record.threads[number], actor, body).id

    def edit_body(self, full_name: str, number: int, login: str, body: str) -> None:
        """Change the text of an issue or pull request as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            actor = Actor(self._person(login))
            act.edit_thread(self.hub, record, record.threads[number], actor, {"body": body})

    def close_issue(self, full_name: str, number: int, login: str) -> None:
        with self.hub.lock:
            record = self._repo(full_name)
            act.set_state(self.hub, record, record.threads[number], Actor(self._person(login)), "closed")

    def open_pull(self, full_name: str, login: str, title: str, body: str, head: str) -> int:
        """Open a pull request to the default branch as a person; returns the number."""
        with self.hub.lock:
            record = self._repo(full_name)
            new = NewPull(title, body, head, record.default_branch)
            return create_pull(self.hub, record, Actor(self._person(login)), new).number

    def push(self, full_name: str, login: str, files: Mapping[str, bytes | None], branch: str) -> str:
        """One more commit on a branch, pushed by a person: pull requests of it move on, webhooks are sent."""
        with self.hub.lock:
            record, name = self._repo(full_name), f"refs/heads/{branch}"
            before = record.git.ref(name) or ZERO_SHA
            sha = self.commit(full_name, files, "More", branch)
            after_ref_change(self.hub, record, Actor(self._person(login)), name, before, sha)
            return sha

    def label(self, full_name: str, number: int, login: str, name: str) -> None:
        """Put a label on as a person; it is made when it is new."""
        with self.hub.lock:
            record = self._repo(full_name)
            act.add_labels(self.hub, record, record.threads[number], Actor(self._person(login)), [name])

    def set_milestone(self, full_name: str, number: int, title: str) -> None:
        """Put an issue into a milestone. No webhook."""
        with self.hub.lock:
            self._repo(full_name).threads[number].milestone = title

    def assign(self, full_name: str, number: int, login: str, assignee: str) -> None:
        """Assign somebody as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            thread, actor = record.threads[number], Actor(self._person(login))
            act.assign(self.hub, record, thread, actor, self._person(assignee))

    def request_review(self, full_name: str, number: int, login: str, reviewer: str) -> None:
        """Ask somebody for a review as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            thread = record.threads[number]
            if thread.pull is None:
                raise KeyError(number)
            place = Place(self.hub, record, thread, thread.pull, Actor(self._person(login)))
            request_reviewers(place, [reviewer])

    def edit_comment(self, full_name: str, comment_id: int, login: str, body: str) -> None:
        """Edit a comment as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            places = [(t, c) for t in record.threads.values() for c in t.comments if c.id == comment_id]
            act.edit_comment(self.hub, record, places[0], Actor(self._person(login)), body)

    def press_button(self, full_name: str, check_run_id: int, login: str, identifier: str) -> None:
        """Click one of a check run's actions as a person."""
        with self.hub.lock:
            record = self._repo(full_name)
            run = record.check_runs[check_run_id]
            press_button(self.hub, record, run, Actor(self._person(login)), identifier)

    def submit_review(
        self, full_name: str, number: int, login: str, body: str, comments: list[Json], event: str = "COMMENT"
    ) -> int:
        """A review as a person, with its comments (`path`, `line`, `body`); returns its id."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            return create_review(place, {"body": body, "event": event, "comments": comments}).id

    def comment_on_line(
        self, full_name: str, number: int, login: str, path: str, line: int, body: str
    ) -> int:
        """A single comment on the diff as a person; returns its id."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            given = {"path": path, "line": line, "body": body, "commit_id": place.pull.head_sha}
            return create_comment(place, given).id

    def answer_finding(self, full_name: str, number: int, login: str, comment: int, body: str) -> None:
        """Reply in the thread that a review comment began."""
        with self.hub.lock:
            reply(self._place(full_name, number, login), comment, body)

    def dislike_finding(self, full_name: str, number: int, login: str, comment: int) -> None:
        """👎 on a review comment."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            found = next(one for one in place.pull.review_comments if one.id == comment)
            act.react(self.hub, found.reactions, place.actor, "-1")

    def resolve_finding(self, full_name: str, number: int, login: str, comment: int) -> None:
        """Resolve the thread that a review comment began."""
        with self.hub.lock:
            place = self._place(full_name, number, login)
            resolve(place, next(one for one in place.pull.review_comments if one.id == comment), True)

    def resolved_findings(self, full_name: str, number: int) -> dict[int, str]:
        """Review comments whose threads are resolved, and by whom."""
        with self.hub.lock:
            pull = self._repo(full_name).threads[number].pull
            return {} if pull is None else {key: who.login for key, who in pull.resolved.items()}

    def _place(self, full_name: str, number: int, login: str) -> Place:
        record = self._repo(full_name)
        thread = record.threads[number]
        if thread.pull is None:
            raise KeyError(number)
        return Place(self.hub, record, thread, thread.pull, Actor(self._person(login)))

    # -- bad days -------------------------------------------------------------------------------------------
    def order_fault(self, **fault: Any) -> None:
        """The next matching requests fail; the fields of `faults.Fault`."""
        self.hub.faults.add(Fault(**fault))

    def clear_faults(self) -> None:
        self.hub.faults.clear()

    def end_tokens(self, *, revoked: bool) -> None:
        """Every installation token that was given out so far is revoked, or at the end of its hour."""
        with self.hub.lock:
            for token in self.hub.tokens.values():
                if token.installation is not None:
                    token.revoked = token.revoked or revoked
                    token.expires_at = self.hub.clock()

    # -- reading --------------------------------------------------------------------------------------------
    def thread(self, full_name: str, number: int) -> Json:
        """An issue or pull request: `issue`, `comments`, `reactions` by comment id ("0": the body's); for a pull
        request also `pull`, `diff`, `reviews`, `review_comments` and `check_runs`."""
        hub = self.hub
        with hub.lock:
            record = self._repo(full_name)
            thread = record.threads[number]
            shown: Json = {
                "issue": issue(hub, record, thread),
                "comments": [comment(hub, record, thread, c) for c in thread.comments],
                "reactions": _reactions(thread),
            }
            if thread.pull:
                pull = pull_request(hub, record, thread)
                root = record.git.compare(thread.pull.base_sha, thread.pull.head_sha).merge_base
                changes = record.git.changes(root, thread.pull.head_sha)
                shown["pull"] = pull
                shown["diff"] = b"".join(c.diff for c in changes).decode(errors="replace")
                runs = hub.check_runs_for(record, thread.pull.head_sha)
                shown["reviews"] = [review(hub, record, thread, one) for one in thread.pull.reviews]
                said = thread.pull.review_comments
                shown["review_comments"] = [review_comment(hub, record, thread, one) for one in said]
                shown["check_runs"] = [check_run(hub, record, r) for r in runs]
            return shown

    def threads(self, full_name: str) -> list[Json]:
        """Every issue and pull request, oldest first, in short."""
        with self.hub.lock:
            return [
                {
                    "number": t.number,
                    "title": t.title,
                    "state": t.state,
                    "author": t.author.login,
                    "is_pull": t.pull is not None,
                    "comments": len(t.comments),
                    "head": t.pull.head_ref if t.pull else None,
                }
                for t in self._repo(full_name).threads.values()
            ]

    def refs(self, full_name: str) -> dict[str, str]:
        with self.hub.lock:
            return self._repo(full_name).git.refs()

    def file(self, full_name: str, revision: str, path: str) -> bytes | None:
        """A file's bytes at a branch or commit; None when there is none."""
        with self.hub.lock:
            git = self._repo(full_name).git
            sha = git.resolve(revision)
            entry = git.entry_at(sha, path) if sha else None
            return git.blob(entry.sha) if entry else None

    def deliveries(self) -> list[Json]:
        """Every delivery, oldest first, as in GitHub's list."""
        with self.hub.lock:
            return [delivery_item(d) for d in self.hub.courier.deliveries]

    def redeliver(self, delivery_id: int) -> int:
        """Returns the new record's id; the delivery id (guid) stays."""
        with self.hub.lock:
            again = redeliver(self.hub, delivery_id)
            if again is None:
                raise KeyError(delivery_id)
            return again.id

    def requests(self) -> list[Json]:
        with self.hub.lock:
            return [dict(vars(r)) for r in self.hub.requests]

    def wait_idle(self, timeout_s: float = 10.0) -> bool:
        """Wait until every webhook has its outcome."""
        return self.hub.courier.wait_idle(timeout_s)


def _reactions(thread: Thread) -> dict[str, list[Any]]:
    places = {"0": thread.reactions, **{str(c.id): c.reactions for c in thread.comments}}
    return {place: [[r.account.login, r.content] for r in items] for place, items in places.items()}
