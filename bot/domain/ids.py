"""Identifiers that must not be mixed up. Plain strings and integers at run time, different types for mypy."""

from typing import NewType

DeliveryId = NewType("DeliveryId", str)
"""GitHub's `X-GitHub-Delivery`: the same on a redelivery."""
TaskId = NewType("TaskId", str)
"""`t-<comment id>`: derived from what caused the task, so the same cause is the same task."""
InstallationId = NewType("InstallationId", int)
RepositoryId = NewType("RepositoryId", int)
CommitSha = NewType("CommitSha", str)
"""40 hexadecimal digits of a commit."""
TreeSha = NewType("TreeSha", str)
"""40 hexadecimal digits of a tree: names the exact content of a workspace."""
RepoPath = NewType("RepoPath", str)
"""A checked path relative to the repository's root, `/` between parts; made only by `domain.paths`."""
