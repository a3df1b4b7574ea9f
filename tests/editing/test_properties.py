"""What must hold for every file and every edit, whatever its endings, encoding and blanks."""

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bot.domain.ids import RepoPath
from bot.editing.edit import apply_edit
from bot.editing.match import Rung
from bot.editing.patch_apply import apply_patch
from bot.editing.patch_parse import parse_patch
from bot.editing.text import decode_text, encode_text, split_raw
from bot.editing.write import plan_write
from bot.errors import ForModel

BODIES = st.text(alphabet="ab \t(“-—é\f\r\u2028\u0085\U0001f600", max_size=8).filter(
    lambda s: not s.endswith("\r")
)
ENDINGS = st.sampled_from(["\n", "\r\n"])
BOMS = st.sampled_from([b"", b"\xef\xbb\xbf"])


@st.composite
def files(draw: st.DrawFn, *, endings: st.SearchStrategy[str] = ENDINGS, least: int = 1) -> list[str]:
    """Raw lines with unique bodies, any mix of endings, perhaps no final newline."""
    bodies = draw(st.lists(BODIES, min_size=least, max_size=12))
    raw = [f"{name}:{body}{draw(endings)}" for name, body in zip("ABCDEFGHIJKL", bodies, strict=False)]
    if draw(st.booleans()):
        raw[-1] = raw[-1].rstrip("\r\n") + "."
    return raw


def check_refusal(refusal: ForModel) -> None:
    assert str(refusal).startswith("Nothing was written.")


def view(raw: list[str]) -> list[str]:
    return "".join(raw).replace("\r\n", "\n").split("\n")


@given(st.binary(max_size=200))
def test_every_file_survives_decoding(content: bytes) -> None:
    assume(b"\0" not in content)
    text = decode_text(content, "f")
    assert encode_text(text.raw, text, "f") == content


@given(st.text(max_size=100))
def test_lines_joined_are_the_text(text: str) -> None:
    assert "".join(split_raw(text)) == text
    assert all("\n" not in line[:-1] for line in split_raw(text))


@given(files(), BOMS, st.data())
def test_edit_of_a_line_changes_only_that_line(raw: list[str], bom: bytes, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(raw) - 1))
    body = view(raw)[n]
    before, after = "".join(raw[:n]), "".join(raw[n + 1 :])
    result = apply_edit(bom + "".join(raw).encode(), body, "new line", replace_all=False)
    ending = raw[n][len(body) :]
    assert result.content == bom + (before + "new line" + ending + after).encode()
    assert result.rung is Rung.EXACT


@given(files(least=2), st.data())
def test_unique_substring_always_applies_and_nothing_else_changes(
    raw: list[str], data: st.DataObject
) -> None:
    text = "".join(raw)
    flat = "\n".join(view(raw))
    start = data.draw(st.integers(0, len(flat) - 1))
    end = data.draw(st.integers(start + 1, len(flat)))
    old, new = flat[start:end], data.draw(st.text("xy\n", max_size=6))
    assume(flat.find(old, flat.find(old) + 1) < 0 and old != new)
    # A lone CR before the edit and an LF after it would count as one line's end below.
    assume(not (flat[:start].endswith("\r") and (new + flat[end:]).startswith("\n")))
    result = apply_edit(text.encode(), old, new, replace_all=False).content.decode()
    assert result.replace("\r\n", "\n") == flat[:start] + new + flat[end:]
    head, tail = raw_offset(text, start), raw_offset(text, end)
    assert result.startswith(text[:head].removesuffix("\r"))
    assert result.endswith(text[tail:])


def raw_offset(text: str, flat_offset: int) -> int:
    """The offset in `text` of what is at `flat_offset` when each CRLF counts as one."""
    at = 0
    for _ in range(flat_offset):
        at += 2 if text.startswith("\r\n", at) else 1
    return at


@given(ENDINGS, st.data())
def test_an_edit_and_its_inverse_restore_the_file(ending: str, data: st.DataObject) -> None:
    raw = data.draw(files(endings=st.just(ending)))
    n = data.draw(st.integers(0, len(raw) - 1))
    old, new = view(raw)[n], data.draw(st.sampled_from(["q", "q\nr", "\tq\n\nr\ns"]))
    content = "".join(raw).encode()
    assume(ending in "".join(raw) or "\n" not in new or ending == "\n")
    there = apply_edit(content, old, new, replace_all=False).content
    assert there != content
    assert apply_edit(there, new, old, replace_all=False).content == content


@given(files(), BOMS, st.data())
def test_a_hunk_changes_only_its_dropped_lines(raw: list[str], bom: bytes, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(raw) - 1))
    bodies = [line.removesuffix("\n").removesuffix("\r") for line in raw]
    assume(not any(body.startswith("***") for body in bodies))
    context = [f" {body}" for body in bodies[max(0, n - 2) : n]]
    below = [f" {body}" for body in bodies[n + 1 : n + 2]]
    hunk = "\n".join([*context, f"-{bodies[n]}", "+new line", *below])
    patch = f"*** Begin Patch\n*** Update File: f\n@@\n{hunk}\n*** End Patch\n"
    content = bom + "".join(raw).encode()
    plan = apply_patch(patch, {RepoPath("f"): content}.get)
    ending = raw[n][len(bodies[n]) :]
    assert plan.changes[0].content == bom + "".join([*raw[:n], "new line" + ending, *raw[n + 1 :]]).encode()
    back = patch.replace(f"-{bodies[n]}\n+new line", f"-new line\n+{bodies[n]}")
    restored = apply_patch(back, {RepoPath("f"): plan.changes[0].content}.get)
    assert restored.changes[0].content == content


@given(files(least=3), st.data())
def test_loosely_matched_context_keeps_its_bytes(raw: list[str], data: st.DataObject) -> None:
    """The model dropped trailing blanks and a level of indentation; context lines stay as they were."""
    raw = ["    " + line.replace("\r", "").replace("\n", " \t\n") for line in raw]
    bodies = [line.rstrip("\n") for line in raw]
    hunk = "\n".join([" " + bodies[0][4:].rstrip(" \t\f"), "-" + bodies[1][4:].rstrip(" \t\f"), "+new"])
    patch = f"*** Begin Patch\n*** Update File: f\n{hunk}\n*** End Patch"
    assume(raw[0].startswith("    A:") and raw[1].startswith("    B:"))
    plan = apply_patch(patch, {RepoPath("f"): "".join(raw).encode()}.get)
    changed = raw[1][len(bodies[1]) :]
    assert plan.changes[0].content == "".join([raw[0], "    new" + changed, *raw[2:]]).encode()


@given(files(), st.text("ab\n\r\t“", max_size=12), st.text("ab\n“", max_size=12), st.booleans())
def test_edit_answers_or_refuses(raw: list[str], old: str, new: str, replace_all: bool) -> None:
    content = "".join(raw).encode()
    try:
        result = apply_edit(content, old, new, replace_all=replace_all)
    except ForModel as refusal:
        check_refusal(refusal)
    else:
        assert result.content != content


@given(st.binary(max_size=80), st.text(max_size=10), st.text(max_size=10))
@example(b"a", "a", "\ud800")
def test_garbage_edits_raise_nothing_but_refusals(content: bytes, old: str, new: str) -> None:
    try:
        apply_edit(content, old, new, replace_all=True, path="f.py")
    except ForModel as refusal:
        check_refusal(refusal)


PIECES = st.sampled_from(
    [
        "*** Begin Patch",
        "*** End Patch",
        "*** Update File: f",
        "*** Add File: g",
        "*** Delete File: f",
        "*** Move to: h",
        "*** Add File: ../x",
        "*** End of File",
        "*** ",
        "@@",
        "@@ a",
        "@@ -1,2 +1,2 @@ a",
        "--- a/f",
        "+++ b/f",
        "+++ /dev/null",
        "--- /dev/null",
        "diff --git a/f b/f",
        "rename to z",
        "```",
        "EOF",
        "",
        " ",
        " a",
        "-a",
        "+b",
        " b",
        "+",
        "\\ No newline at end of file",
        "a",
    ]
)


@settings(max_examples=400)
@given(st.lists(PIECES | st.text(max_size=5), max_size=14).map("\n".join))
def test_any_text_as_a_patch_is_a_plan_or_a_refusal(text: str) -> None:
    store = {RepoPath("f"): b"a\nb\n\na\n", RepoPath("k"): b""}
    try:
        parse_patch(text)
        plan = apply_patch(text, store.get, ["f", "k"])
    except ForModel as refusal:
        check_refusal(refusal)
    else:
        assert plan.changes
        assert len({change.path for change in plan.changes}) == len(plan.changes)


@given(files(), st.text("ab\n", max_size=20))
def test_replacing_a_file_writes_what_was_sent(raw: list[str], content: str) -> None:
    old = "".join(raw)
    try:
        written = plan_write("f", old.encode(), content, was_read=True).decode()
    except ForModel:
        written = old
    assert written.replace("\r\n", "\n").rstrip("\n") == content.rstrip("\n")


@given(files(), st.data())
def test_rewriting_a_file_with_one_new_line_keeps_the_others(raw: list[str], data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(raw) - 1))
    lines = view(raw)
    ending = raw[n][len(lines[n]) :]
    lines[n] = "new line"
    written = plan_write("f", "".join(raw).encode(), "\n".join(lines), was_read=True)
    assert written == "".join([*raw[:n], "new line" + ending, *raw[n + 1 :]]).encode()
