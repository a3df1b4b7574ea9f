"""The tools' answers, as a model sees them."""

from bot.domain import limits
from bot.sandbox.contract import Command, CommandResult, EndedBy
from tests.agent.scripted import ScriptedModel, call, calls, submits
from tests.agent.world import MemoryWorkspace, World, result

GIVE_UP = submits("blocked")


async def answers(world: World, *planned: object) -> list[str]:
    model = ScriptedModel(calls(*planned), GIVE_UP)  # type: ignore[arg-type]
    await world.go(model)
    model.check_finished()
    return world.outputs()[:-1]


async def test_shell_says_how_it_ended() -> None:
    def ended(by: EndedBy, detail: str = "") -> object:
        def script(_workspace: MemoryWorkspace, _command: Command) -> CommandResult:
            return CommandResult(None, by, 3.0, b"so far", detail=detail)

        return script

    scripts = {
        "ok": lambda _w, _c: result("fine\n"),
        "slow": ended(EndedBy.TIMEOUT),
        "big": ended(EndedBy.MEMORY, "4096 MiB"),
        "quiet": lambda _w, _c: result("", 3),
    }
    world = World(scripts=scripts)  # type: ignore[arg-type]
    ok, slow, big, quiet = await answers(world, *(call("shell", command=name) for name in scripts))
    assert ok.splitlines() == ["exit code 0, 0.1 s", "fine"]
    assert slow.startswith("killed after 120 s with everything it had started")
    assert "so far" in slow
    assert big.startswith("killed after 3.0 s: out of memory (4096 MiB)")
    assert quiet.splitlines() == ["exit code 3, 0.1 s", "(no output)"]


async def test_a_timeout_is_bounded() -> None:
    seen: list[float] = []

    def script(_workspace: MemoryWorkspace, command: Command) -> CommandResult:
        seen.append(command.timeout_s)
        return result()

    await answers(World(scripts={"x": script}), call("shell", command="x", timeout_s=99_999))
    assert seen == [limits.COMMAND_TIMEOUT_MAX_S]


async def test_long_output_is_cut_in_the_middle_and_kept_whole_for_later() -> None:
    output = "".join(f"line {n}\n" for n in range(30_000))
    kept: dict[str, bytes] = {}

    def look(_workspace: MemoryWorkspace, command: Command) -> CommandResult:
        kept.update(command.files)
        return result()

    world = World(scripts={"long": lambda _w, _c: result(output), "look": look})
    long, _ = await answers(world, call("shell", command="long"), call("shell", command="look"))
    assert "line 0\n" in long
    assert long.endswith("line 29999")
    assert "bytes left out here; all of it: /pullwright/output/1-1.txt" in long
    assert len(long.encode()) < limits.TOOL_OUTPUT_TOKENS * 4 + 300
    assert kept["/pullwright/output/1-1.txt"].decode() == output


async def test_noise_is_folded() -> None:
    noisy = b"\x1b[31mred\x1b[0m\nprogress 1%\rprogress 100%\n" + b"same\n" * 50
    (answer,) = await answers(
        World(scripts={"noisy": lambda _w, _c: result(noisy)}), call("shell", command="noisy")
    )
    assert answer.splitlines()[1:] == ["red", "progress 100%", "same", "[the line above 49 times more]"]


async def test_read_file_numbers_lines_and_says_where_to_go_on() -> None:
    world = World()
    world.files["long.txt"] = b"".join(b"l%d\n" % n for n in range(1, 1001))
    world.__post_init__()
    page, end, beyond = await answers(
        world,
        call("read_file", path="long.txt", offset=11, limit=2),
        call("read_file", path="/workspace/long.txt", offset=1000),
        call("read_file", path="long.txt", offset=2000),
    )
    assert page.splitlines() == [
        "`long.txt`, lines 11-12 of 1000",
        "    11| l11",
        "    12| l12",
        "[988 lines more: offset=13]",
    ]
    assert end.splitlines()[-1] == "  1000| l1000"
    assert "there is no line 2000" in beyond


async def test_read_file_lists_directories_and_refuses_binaries_and_strange_paths() -> None:
    world = World()
    world.files["logo.png"] = b"\x89PNG\0\0"
    world.__post_init__()
    listing, binary, missing, outside, git = await answers(
        world,
        call("read_file", path="."),
        call("read_file", path="logo.png"),
        call("read_file", path="nope.py"),
        call("read_file", path="../../etc/passwd"),
        call("read_file", path=".git/config"),
    )
    assert listing.splitlines() == ["`.` has 3 entries", "app.py", "logo.png", "tests/"]
    assert "binary (6 bytes)" in binary
    assert "There is no `nope.py`" in missing
    assert "Nothing was done" in outside
    assert "Nothing was done" in git


async def test_an_edit_answers_with_what_it_did_or_why_not() -> None:
    world = World()
    done, again, none = await answers(
        world,
        call("edit", path="app.py", old_string="a - b", new_string="a + b"),
        call("edit", path="app.py", old_string="a - b", new_string="a + b"),
        call("edit", path="nope.py", old_string="x", new_string="y"),
    )
    assert "app.py" in done
    assert "already" in again
    assert "There is no file `nope.py`" in none


async def test_an_edit_that_breaks_the_syntax_is_not_written() -> None:
    world = World()
    (answer,) = await answers(
        world, call("edit", path="app.py", old_string="return a - b", new_string="return (a")
    )
    assert "not written" in answer.lower() or "nothing was written" in answer.lower()
    assert world.snapshots.trees[world.snapshots.base] == world.files


async def test_a_new_file_is_written_and_an_existing_long_one_must_be_read_before() -> None:
    world = World()
    world.files["long.py"] = b"x = 1\n" * (limits.WRITE_FILE_REPLACE_LINES + 50)
    world.__post_init__()
    new, blind = await answers(
        world,
        call("write_file", path="pkg/new.py", content="y = 2\n"),
        call("write_file", path="long.py", content="x = 2\n"),
    )
    assert "pkg/new.py" in new
    assert "read" in blind.lower()


async def test_the_plan_is_shown_to_people() -> None:
    world = World()
    await answers(world, call("update_plan", plan=[{"step": "look", "status": "in_progress"}]))
    assert "plan look: in_progress" in world.progress.notes


async def test_patches_change_all_files_or_none() -> None:
    world = World()
    patch = "*** Begin Patch\n*** Update File: app.py\n-    return a - b\n+    return a + b\n{}*** End Patch"
    bad = patch.format("*** Update File: nope.py\n-x\n+y\n")
    model = ScriptedModel(
        calls(call("apply_patch", patch=bad)),
        calls(call("apply_patch", patch=patch.format("*** Add File: b.py\n+b = 1\n"))),
        submits(),
        name="gpt-5",
    )
    end = await world.go(model)
    first, second, _ = world.outputs()
    assert "nope.py" in first
    assert "app.py" in second
    tree = world.snapshots.trees[end.tree]  # type: ignore[union-attr]
    assert (tree["app.py"], tree["b.py"]) == (b"def add(a, b):\n    return a + b\n", b"b = 1\n")
