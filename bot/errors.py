"""The whole tree of Pullwright's own exceptions. Imported by every room but `domain`.

    PullwrightError
    ├── ForPerson                 somebody can act on it: a message and a remedy
    │   ├── SettingsFault         the operator's settings (every fault at once)
    │   ├── StoreFault            the database is damaged, or can't be opened at the start
    │   ├── SandboxUnavailable    no back end passed its preflight
    │   ├── SetupFailed           the repository's set-up command failed in the sandbox
    │   ├── RepositoryFault       the repository can't be fetched, read or published
    │   │   ├── BranchTaken       both names of our branch belong to somebody else
    │   │   └── TokenRefused      the git server does not take our token (any more)
    │   ├── ModelFault            the model's server refuses for good (key, quota, name, request)
    │   ├── RecordingMismatch     a recorded model was asked something else than it was recorded for
    │   └── GitHubFault           GitHub refuses for good (permission, not found, gone)
    │       └── AccessWithdrawn   who asked may not ask for it here any more
    ├── ForModel                  goes back to the model as the tool's answer, never to a person
    ├── RetryLater                a passing fault: try again, not before `after_s` seconds
    │   ├── Limited               GitHub counts our requests: what it would say stays open
    │   └── Occupied              another task is at work where this one would be
    ├── Superseded                another worker owns this task now: stop at once, write nothing
    └── Bug                       an invariant of ours is broken: never retried, always reported

A library's exception never leaves the room that imports the library: it is translated there into one of
these, with the original as `__cause__`. `except Exception` stands only at the edges of a process, and logs.
"""


class PullwrightError(Exception):
    """Root of the tree; never raised itself."""


class ForPerson(PullwrightError):
    """A fault that a person can mend. `message` says what is wrong and where, `remedy` the next step."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class SettingsFault(ForPerson):
    """One or more settings are missing or wrong; the message lists all of them."""


class StoreFault(ForPerson):
    """The database is damaged, or can't be opened at the start. While running, one that is away is RetryLater."""


class SandboxUnavailable(ForPerson):
    """No sandbox works on this host; the message is the preflight's report. Tasks never run without one."""


class SetupFailed(ForPerson):
    """The set-up command ended with a failure; the message holds the log's tail."""


class RepositoryFault(ForPerson):
    """The repository can't be used: unreachable, unsafe names, over a cap, a ref that is not ours."""


class BranchTaken(RepositoryFault):
    """Both names of our branch belong to somebody else; nothing of theirs was touched."""


class TokenRefused(RepositoryFault):
    """The git server does not take our token: revoked, or the App is not installed there any more."""


class ModelFault(ForPerson):
    """The model's server refuses and would refuse again: bad key, no quota, unknown model, bad request."""


class RecordingMismatch(ForPerson):
    """A recording and the run that uses it differ; the message names the turn and shows the difference."""


class GitHubFault(ForPerson):
    """GitHub refuses and would refuse again: no permission, not found, gone, renamed away."""

    def __init__(self, message: str, remedy: str = "", *, status: int = 0) -> None:
        super().__init__(message, remedy)
        self.status = status


class AccessWithdrawn(GitHubFault):
    """GitHub says that who asked has no write access any more; or the file on the default branch asks no more."""


class ForModel(PullwrightError):
    """A tool's refusal, its text is the tool's answer: what was wrong, nothing was done, one next step."""


class RetryLater(PullwrightError):
    """A passing fault (rate limit, 5xx, dropped connection). Send nothing again before `after_s` seconds."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Limited(RetryLater):
    """A primary or secondary limit of GitHub's; `after_s` is GitHub's own."""


class Occupied(RetryLater):
    """Another task is at work where this one would be. No fault at all: nothing else has to wait for it. `key`: the
    active key of that task, whose end is waited for instead of `after_s`; empty: it is not known."""

    def __init__(self, message: str, after_s: float = 0.0, key: str = "") -> None:
        super().__init__(message, after_s)
        self.key = key


class Superseded(PullwrightError):
    """The task's epoch is not ours any more. The holder of a newer one goes on; we stop without effect."""


class Bug(PullwrightError):
    """Something that can't happen has happened."""
