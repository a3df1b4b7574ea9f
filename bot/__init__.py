"""Pullwright: a self-hosted GitHub App that turns a comment on an issue into a proven pull request."""

__version__ = "0.1.0"
