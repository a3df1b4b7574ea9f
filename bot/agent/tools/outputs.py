"""The full text of outputs that were cut, as read-only files in the sandbox of later commands.

They stand below /pullwright, outside the repository: no snapshot and no diff ever sees them, and nothing in
the sandbox can change them. Only the newest few are kept, in memory; after a crash they are gone, which a
model sees as a file that is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.agent.tools.truncate import fits, fold_noise, render_cut
from bot.domain import limits

FOLDER = "/pullwright/output"


@dataclass
class OutputShelf:
    """Newest last; at most `limits.SHELF_OUTPUTS` texts and `limits.SHELF_BYTES` together."""

    _texts: dict[str, bytes] = field(default_factory=dict)

    def render(self, output: bytes | str, label: str) -> str:
        """The output as the model gets it; when something is left out, the whole is put on the shelf."""
        text = fold_noise(output)
        if fits(text):
            return text
        path = f"{FOLDER}/{label}.txt"
        self._put(path, text.encode("utf-8", "replace"))
        return render_cut(text, f"all of it: {path}")

    def _put(self, path: str, content: bytes) -> None:
        self._texts[path] = content
        while len(self._texts) > limits.SHELF_OUTPUTS or (
            sum(map(len, self._texts.values())) > limits.SHELF_BYTES and len(self._texts) > 1
        ):
            del self._texts[next(iter(self._texts))]

    def read(self, path: str) -> bytes | None:
        return self._texts.get(path)

    def files(self) -> Mapping[str, bytes]:
        """For `Command.files`."""
        return dict(self._texts)
