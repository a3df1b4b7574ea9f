"""The program between the worker and bubblewrap: a process of its own that becomes bubblewrap.

Forked from the zygote (`bot.sandbox.zygote`) for each command, with an empty environment, before anybody knows what
the command will be. It joins the command's cgroups, which may take the kernel some 10 ms, and waits on its line for
one message: the descriptors, and the marshalled request that `bot.sandbox.launch` wrote. Then it drops to the
sandbox's uid, makes a user namespace with private mounts and a private network, mounts the overlay, plants the proxy's
listener where it is asked for, and executes bubblewrap. Standard library only. It must never run anything of the
repository's, nor go on after a failed step.

Races. The parent may die before PDEATHSIG is set: its id is compared afterwards. setuid clears PDEATHSIG: it
is set again and compared again. The watchdog outlives nobody: it dies with bubblewrap, its parent. A line that ends
without a message: nobody needs us any more.
"""

import fcntl
import marshal
import os
import resource
import socket

from bot.sandbox import syscalls, watchdog

GATE, WORDS = 3, 4  # the numbers of the shell's two descriptors inside (`bot.sandbox.standing`)
MOST_DESCRIPTORS = 250  # the kernel takes 253 in one message
_MOST_BYTES = 1 << 16


def wait_and_launch(line: int, groups: list, parent: int) -> None:  # type: ignore[type-arg]
    """Join `groups` (directories), wait on `line`, become bubblewrap; a failed step is told on the status descriptor,
    exit 125. `parent`: who forked us."""
    _follow_parent(parent)
    fault = _join_cgroups(groups)
    with socket.socket(fileno=line) as channel:
        message, descriptors, flags, _ = socket.recv_fds(channel, _MOST_BYTES, MOST_DESCRIPTORS)
    if not message:
        os._exit(0)
    start = marshal.loads(message)  # noqa: S302  # written by the worker
    if flags & socket.MSG_CTRUNC or len(descriptors) != len(start["numbers"]):
        os._exit(125)  # every pipe of this start ends now, which the worker sees
    _place(descriptors, start["numbers"])
    if fault is not None:
        _fail(start["status"], "cgroup", fault)
    launch(start["request"], parent)


def launch(descriptor: int, parent: int) -> None:
    """Read the request and do its steps."""
    with open(descriptor, "rb") as source:
        request = marshal.load(source)  # noqa: S302  # written by the worker
    request["parent"] = parent
    for step, action in _STEPS:
        try:
            action(request)
        except OSError as error:
            _fail(request["status"], step, error)
    os._exit(125)


def _fail(status: int, step: str, error: OSError) -> None:
    os.write(status, f'{{"fault": "{step}", "errno": {error.errno or 0}}}\n'.encode())
    os.write(2, f"{step}: {error}\n".encode())
    os._exit(125)


def _follow_parent(parent: int) -> None:
    """Die with it, or now if it is dead."""
    syscalls.die_with_parent()
    if os.getppid() != parent:
        os._exit(125)


def _join_cgroups(groups: list) -> OSError | None:  # type: ignore[type-arg]
    """What was refused is told when there is somebody to tell."""
    try:
        for path in groups:
            descriptor = os.open(f"{path}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            os.write(descriptor, b"0")
            os.close(descriptor)
    except OSError as error:
        return error
    return None


def _place(descriptors: list, numbers: list) -> None:  # type: ignore[type-arg]
    """Each descriptor under its number. Two steps: a number may be another's present one."""
    beyond = max((*descriptors, *numbers)) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, beyond) for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    for high, number in zip(moved, numbers, strict=True):
        os.dup2(high, number, inheritable=number <= WORDS)
        os.close(high)


def _stage_as_root(request: dict) -> None:  # type: ignore[type-arg]
    """As root: show every host path under the stage first, so that parents closed to the uid do not matter."""
    uid = request["uid"]
    if uid is None:
        return
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.make_all_private()
    _stage(request)
    _forget_sys()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    syscalls.be_dumpable()
    _follow_parent(request["parent"])


def _stage(request: dict) -> None:  # type: ignore[type-arg]
    """Private to us: a file system over the stage, in it every host directory under a short name.

    All are opened before the stage covers anything, for some may lie below it. Layers are shown with the owner's
    files as our own, where the worker gave a map for that (`bot.sandbox.identities`).
    """
    stage = request["stage"]
    opened = [(name, os.open(source, os.O_PATH | os.O_CLOEXEC)) for name, source in request["binds"]]
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("stage", stage, "tmpfs", flags, "size=1m,mode=0755")
    os.mkdir(f"{stage}/workspace")  # noqa: PTH102
    for name, descriptor in opened:
        target = f"{stage}/{name}"
        os.makedirs(target)  # noqa: PTH103
        shown = f"/proc/self/fd/{descriptor}"
        if request["map"] is not None and name in request["mapped"]:
            syscalls.bind_mapped(shown, target, request["map"])
        else:
            syscalls.bind(shown, target)
        os.close(descriptor)
    if request["map"] is not None:
        os.close(request["map"])


def _forget_sys() -> None:
    """Nothing inside needs it, most of a host's mounts are below it (cgroups), and bubblewrap reads the whole table of
    mounts at each of its own."""
    try:
        syscalls.detach("/sys")
    except OSError:  # it is no mount here, or not ours to take away: no harm, only slower
        return


def _new_user_namespace(_: dict) -> None:  # type: ignore[type-arg]
    uid, gid = os.geteuid(), os.getegid()
    flags = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET
    syscalls.unshare(flags)
    syscalls.map_to_root(uid, gid)
    syscalls.make_all_private()


def _stage_as_user(request: dict) -> None:  # type: ignore[type-arg]
    if request["uid"] is None:
        _stage(request)


def _mount_overlay(request: dict) -> None:  # type: ignore[type-arg]
    """The kernel keeps `userxattr` overlays apart from its trusted ones: what a task wrote can't pose as one.

    `volatile`: no sync, which at each unmount would be of the whole disk (0.6 s with 1.5 GB of others' dirty data).
    The kernel leaves a mark against using such a layer after a crash; ours are thrown away then, so it goes.
    """
    stage = request["stage"]
    lowers = ":".join(f"{stage}/{name}" for name in request["lowers"])
    options = f"lowerdir={lowers},upperdir={stage}/upper/upper,workdir={stage}/upper/work,userxattr"
    if request["volatile"]:
        options += ",volatile"
        mark = f"{stage}/upper/work/work/incompat/volatile"
        try:  # no contextlib: its import takes longer than all that happens here
            os.unlink(f"{mark}/dirty")  # noqa: PTH108
            os.rmdir(mark)  # noqa: PTH106
        except FileNotFoundError:
            pass
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("overlay", f"{stage}/workspace", "overlay", flags, options)


def _network(request: dict) -> None:  # type: ignore[type-arg]
    """A private network of one loopback; the listener goes out over the given socket, if there is one."""
    syscalls.loopback_up()
    if request["plant"] is None:
        return
    with socket.socket(fileno=request["plant"]) as channel, socket.socket() as listener:
        listener.bind(tuple(request["proxy"]))
        listener.listen(128)
        socket.send_fds(channel, [b"L"], [listener.fileno()])


def _limit(request: dict) -> None:  # type: ignore[type-arg]
    """After the user namespace: the process count then starts at nought for each sandbox (Linux >= 5.14)."""
    os.nice(request["nice"])
    for name, value in request["rlimits"]:
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))


def _watch(request: dict) -> None:  # type: ignore[type-arg]
    if request["watch"] is None:
        return
    launcher = os.getpid()
    if os.fork() == 0:
        try:
            syscalls.die_with_parent()
            if os.getppid() == launcher:
                watchdog.watch(request["watch"], request["status"], request["begin"])
        finally:
            os._exit(0)


def _become_bubblewrap(request: dict) -> None:  # type: ignore[type-arg]
    for descriptor in request["pass"]:
        os.set_inheritable(descriptor, True)
    syscalls.default_signals()
    os.execve(request["argv"][0], request["argv"], {})  # noqa: S606


_STEPS = (
    ("stage", _stage_as_root),
    ("user namespace", _new_user_namespace),
    ("stage", _stage_as_user),
    ("overlay", _mount_overlay),
    ("network", _network),
    ("limits", _limit),
    ("watchdog", _watch),
    ("bubblewrap", _become_bubblewrap),
)
