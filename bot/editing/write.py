"""A whole file from the model: new ones, and the replacement of small or known ones. Bytes in, bytes out.

A replacement is a diff by lines: lines that stay the same keep their very bytes, the others take the file's
line ending and encoding. A large file is replaced only after it was read, because a model that did not read
it writes it from memory and loses what it forgot.
"""

from bot.domain import limits
from bot.editing import explain
from bot.editing.splice import Place, assemble, diff_steps, splice
from bot.editing.syntax import check_syntax
from bot.editing.text import SourceText, decode_text, encode_text, split_raw, split_sent

_NEW = SourceText((), "utf-8", bom=False)


def new_file(path: str, content: str) -> bytes:
    """UTF-8 as sent, ending in a newline (an empty file stays empty). Raises ForModel."""
    if content and not content.endswith("\n"):
        content += "\r\n" if content.count("\r\n") * 2 > content.count("\n") else "\n"
    return encode_text(split_raw(content), _NEW, path)


def plan_write(path: str, old: bytes | None, content: str, was_read: bool) -> bytes:
    """The bytes to write. `old` None: there is no such file. Raises ForModel."""
    if old is None:
        return new_file(path, content)
    text = decode_text(old, path)
    size = len(text.raw)
    if size > limits.WRITE_FILE_REPLACE_LINES and not was_read:
        raise explain.refuse(
            path,
            f"it exists and has {size} lines that you have not read: a replacement would lose some.",
            "Next: use edit for the lines that change, or read the file first.",
        )
    new = split_sent(content)
    final = new[-1] != "" or not content
    if not final:
        new.pop()
    keeps_newline = text.ends_in_newline or not final
    steps = diff_steps(text.bodies, new if content else [])
    replacement = splice(text, Place(0, size, final_newline=keeps_newline), steps)
    after = encode_text(assemble(text, [replacement]), text, path)
    if after == old:
        raise explain.refuse(path, "it already has exactly this content: already applied, nothing to do.")
    broken = check_syntax(path, old, after)
    if broken is not None:
        raise explain.refuse(
            path,
            f"the replacement was rolled back, because the file would not parse any more: {broken}",
            "Next: send the whole content again so that it is valid.",
        )
    return after
