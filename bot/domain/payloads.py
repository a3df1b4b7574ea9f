"""The parts of GitHub's webhook payloads that decide about a task. Unknown keys are left out.

Real payloads differ from their published schemas (integers for dates, missing keys), so only what a decision
needs is demanded. Strings with half surrogate pairs can't be stored or sent, so they are made whole here.

Must never: fetch anything; what stands in the signed payload is all there is (law 6).
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def whole_text(value: Any) -> Any:
    """A string that encodes as UTF-8 and holds no NUL (neither database nor API takes one)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
    return value


def _text_or_empty(value: Any) -> Any:
    return "" if value is None else whole_text(value)


Text = Annotated[str, BeforeValidator(whole_text)]
OptionalText = Annotated[str, BeforeValidator(_text_or_empty)]
Id = Annotated[int, Field(gt=0, lt=2**63)]
Sha = Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class InstallationPart(_Part):
    id: Id


class RepositoryPart(_Part):
    id: Id
    full_name: Annotated[Text, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", max_length=200)]
    default_branch: Annotated[Text, Field(min_length=1, max_length=255)]


class SenderPart(_Part):
    id: Id
    login: Annotated[Text, Field(min_length=1, max_length=100)]
    type: OptionalText = ""

    @property
    def is_person(self) -> bool:
        """Both signs are asked: each alone was wrong somewhere."""
        return self.type == "User" and not self.login.lower().endswith("[bot]")


class MilestonePart(_Part):
    title: OptionalText = ""


class IssuePart(_Part):
    number: Id
    author_association: OptionalText = ""
    milestone: MilestonePart | None = None
    user: SenderPart | None = None
    title: OptionalText = ""
    body: OptionalText = ""
    state: OptionalText = ""
    locked: bool | None = False
    created_at: str | int = ""
    updated_at: str | int = ""
    pull_request: dict[str, Any] | None = None
    performed_via_github_app: dict[str, Any] | None = None


class CommentPart(_Part):
    id: Id
    body: OptionalText = ""
    created_at: str | int = ""
    updated_at: str | int = ""
    user: SenderPart | None = None
    performed_via_github_app: dict[str, Any] | None = None


class LabelPart(_Part):
    name: OptionalText = ""


class TeamPart(_Part):
    slug: OptionalText = ""


class BranchPart(_Part):
    ref: OptionalText = ""
    sha: OptionalText = ""


class PullPart(IssuePart):
    """A pull request as its own events carry it; `number`, `title`, `body` as of an issue."""

    draft: bool | None = False
    head: BranchPart
    base: BranchPart
    labels: tuple[LabelPart, ...] = ()


class ReviewPart(_Part):
    id: Id
    user: SenderPart | None = None
    body: OptionalText = ""
    state: OptionalText = ""
    submitted_at: OptionalText = ""


class ReviewCommentPart(CommentPart):
    pull_request_review_id: Id | None = None
    in_reply_to_id: Id | None = None


class CheckRunPart(_Part):
    id: Id
    external_id: OptionalText = ""
    head_sha: OptionalText = ""


class CheckSuitePart(_Part):
    head_sha: Sha
    conclusion: OptionalText = ""
    updated_at: OptionalText = ""


class ActionPart(_Part):
    identifier: Annotated[OptionalText, Field(max_length=20)] = ""


class Sent(_Part):
    """What every delivery of an App has."""

    action: str = ""
    installation: InstallationPart
    repository: RepositoryPart
    sender: SenderPart


class _Delivery(Sent):
    issue: IssuePart


class IssuesPayload(_Delivery):
    """Event `issues`. `changes` stands in an `opened` one only when the issue was transferred from elsewhere."""

    changes: dict[str, Any] | None = None
    label: LabelPart | None = None
    assignee: SenderPart | None = None  # of `assigned`


class PullRequestPayload(Sent):
    """Event `pull_request`."""

    pull_request: PullPart
    label: LabelPart | None = None
    requested_reviewer: SenderPart | None = None  # of `review_requested`, which names one of these two
    requested_team: TeamPart | None = None


class CheckRunPayload(Sent):
    """Event `check_run`: GitHub sends `requested_action` only to the App whose button it is."""

    check_run: CheckRunPart
    requested_action: ActionPart


class ReviewPayload(Sent):
    """Event `pull_request_review`: its inline comments have deliveries of their own."""

    pull_request: PullPart
    review: ReviewPart


class ReviewCommentPayload(Sent):
    """Event `pull_request_review_comment`. GitHub makes a review around every comment."""

    pull_request: PullPart
    comment: ReviewCommentPart


class CheckSuitePayload(Sent):
    """Event `check_suite`."""

    check_suite: CheckSuitePart


class StatusPayload(Sent):
    """Event `status`, which has no action."""

    sha: Sha
    state: OptionalText = ""
    updated_at: OptionalText = ""


class LostRepositoryPart(_Part):
    id: Id


class InstallationPayload(_Part):
    """Events `installation` and `installation_repositories`, which every App is sent. Of no one repository."""

    action: str
    installation: InstallationPart
    sender: SenderPart
    repositories_removed: tuple[LostRepositoryPart, ...] = ()


class IssueCommentPayload(_Delivery):
    """Event `issue_comment`: on issues and on pull requests, which are issues too."""

    comment: CommentPart
