"""What a check that is over comes down to. Pure.

Sent by bots for the most part: who it is says nothing, and nothing that they wrote is used. Whose authority the repair
has, the task says that pushed the commit.
"""

from bot.domain.ci import FAILED_WORDS, read_time
from bot.domain.decisions import FailedCheck, IgnoredDelivery
from bot.domain.ids import CommitSha, InstallationId, RepositoryId
from bot.domain.outcomes import Ignored
from bot.domain.payloads import CheckSuitePayload, Sent, StatusPayload
from bot.domain.tasks import RepositoryRef


def decide_suite(payload: CheckSuitePayload) -> FailedCheck | IgnoredDelivery:
    """A suite is over when the last of its runs is: one delivery for all of them."""
    suite = payload.check_suite
    return _decide(payload, suite.conclusion, suite.head_sha, suite.updated_at)


def decide_status(payload: StatusPayload) -> FailedCheck | IgnoredDelivery:
    """A commit status, as other services than Apps set it."""
    return _decide(payload, payload.state, payload.sha, payload.updated_at)


def _decide(payload: Sent, word: str, sha: str, at: str) -> FailedCheck | IgnoredDelivery:
    if word not in FAILED_WORDS:
        return IgnoredDelivery(Ignored.NOT_RED)
    if not read_time(at):
        return IgnoredDelivery(Ignored.MALFORMED, "no time")
    found = payload.repository
    repository = RepositoryRef(RepositoryId(found.id), found.full_name, found.default_branch)
    return FailedCheck(InstallationId(payload.installation.id), repository, CommitSha(sha), at)
