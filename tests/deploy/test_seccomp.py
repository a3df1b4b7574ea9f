"""The worker's system-call profile: Docker's default and six calls, each of which bubblewrap needs.

`prove_image.py` is the proof that they are enough. That none is too many was measured: without any one of them the
preflight in the container fails.
"""

from tests.deploy.files import seccomp, unit

ADDED = {"clone", "mount", "pivot_root", "sethostname", "umount2", "unshare"}

# What Docker's default refuses to a container without capabilities, and the sandbox does not need.
REFUSED = {
    "acct", "add_key", "bpf", "chroot", "clock_settime", "delete_module", "fanotify_init", "finit_module",
    "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
    "mount_setattr", "move_mount", "open_by_handle_at", "open_tree", "perf_event_open", "pidfd_getfd",
    "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setdomainname",
    "setns", "settimeofday", "swapoff", "swapon", "syslog", "umount", "userfaultfd", "vhangup",
}  # fmt: skip

# What the launcher, bubblewrap and the worker call besides: in Docker's own list.
NEEDED = {
    "capget", "capset", "close_range", "execve", "exit_group", "fork", "futex", "memfd_create", "openat", "openat2",
    "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "recvmsg", "sched_setaffinity", "seccomp", "sendmsg",
    "setgroups", "setresgid", "setresuid", "setsid", "symlinkat", "vfork", "wait4",
}  # fmt: skip


def _allowed() -> set[str]:
    return {
        name for rule in seccomp()["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]
    }


def test_what_is_not_named_is_an_error() -> None:
    assert seccomp()["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {rule["action"] for rule in seccomp()["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}


def test_what_the_sandbox_needs_is_allowed_whatever_the_arguments() -> None:
    whole = {
        name
        for rule in seccomp()["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and not {"args", "includes", "excludes"} & set(rule)
        for name in rule["names"]
    }
    assert whole >= ADDED | NEEDED


def test_our_addition_is_one_rule_of_six_calls() -> None:
    rule = seccomp()["syscalls"][-1]
    assert set(rule["names"]) == ADDED
    others = {name for one in seccomp()["syscalls"][:-1] for name in one["names"]}
    assert not ADDED & others


def test_nothing_else_is_loosened() -> None:
    assert not REFUSED & _allowed()


def test_every_name_stands_once_for_each_condition() -> None:
    names = [name for rule in seccomp()["syscalls"] if "args" not in rule for name in rule["names"]]
    assert len(names) == len(set(names))


def test_new_style_clones_fall_back() -> None:
    (rule,) = [rule for rule in seccomp()["syscalls"] if "clone3" in rule["names"]]
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


def test_both_architectures_of_the_sandbox_are_known() -> None:
    assert {one["architecture"] for one in seccomp()["archMap"]} == {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}


def test_the_unit_allows_the_same_calls() -> None:
    (allowed,) = unit("pullwright-worker")["SystemCallFilter"]
    named = set(allowed.split())
    assert named == {"@system-service"} | (ADDED - {"clone"})  # clone is in @system-service
