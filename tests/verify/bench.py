"""A project before and after a change, written as text: paths as names, `__` for `/` and `_py` for `.py`."""

from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.ids import CommitSha, TreeSha
from bot.sandbox.contract import NO_SETUP
from bot.verify.command import TestCommand
from bot.verify.runners import recognise
from bot.verify.subject import Subject
from bot.verify.verifier import Verifier
from tests.verify.fakes import KEY, FolderSandbox, MemoryRepos

Texts = dict[str, str]


@dataclass
class Case:
    """`base` may be changed before a verifier is asked for."""

    root: Path
    base: Texts
    command: str = "python3 -m pytest -q -p no:cacheprovider"
    repos: MemoryRepos = field(init=False)

    def __post_init__(self) -> None:
        self.repos = MemoryRepos(self.root)
        (self.root / "sandbox").mkdir()

    def verifier(self, test: TestCommand | None = None) -> Verifier:
        tree = self._add(self.base)
        subject = Subject(KEY, CommitSha("c" * 40), tree, test or recognise(self.command, "a test"), NO_SETUP)
        return Verifier(self.repos, FolderSandbox(self.root / "sandbox"), subject)

    def changed(self, **files: str | None) -> TreeSha:
        after = dict(self.base)
        for name, text in files.items():
            path = name.replace("__", "/")
            path = path.removesuffix("_py") + ".py" if path.endswith("_py") else path
            if text is None:
                after.pop(path)
            else:
                after[path] = text
        return self._add(after)

    def _add(self, files: Texts) -> TreeSha:
        return self.repos.add_tree({path: text.encode() for path, text in files.items()})
