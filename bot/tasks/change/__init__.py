"""A change: from a comment on an issue to a proven pull request, in six phases (`steps.py` is the face)."""
