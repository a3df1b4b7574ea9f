"""Secrets in added lines, by a library's detectors for known token shapes. Pure.

The library's guesses by entropy are left out: in source code they find hashes and test data.
"""

from typing import Final

_DETECTORS: Final = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
_LINES: Final = 5_000  # a generated file: the first lines say enough
_CHARACTERS: Final = 2_000


def find_secrets(lines: list[str]) -> tuple[str, ...]:
    """The kinds that were found, once each; never the values."""
    # They bring an HTTP library with them, which a start should not pay for.
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import transient_settings

    found: list[str] = []
    with transient_settings({"plugins_used": [{"name": name} for name in _DETECTORS]}):
        for line in lines[:_LINES]:
            found += [secret.type for secret in scan_line(line[:_CHARACTERS])]
    return tuple(dict.fromkeys(found))
