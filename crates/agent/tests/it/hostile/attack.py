"""A hostile workload. Tries every way out that it knows and prints what came of each: `NAME: RESULT`."""
import ctypes, errno, json, mmap, os, resource, signal, socket, stat, struct, sys

aim = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
is_x86 = os.uname().machine == "x86_64"


def say(name, result):
    print(f"{name}: {result}", flush=True)


def name_of(error):
    return errno.errorcode.get(error, str(error)) if error else "none"


def attempt(name, act):
    try:
        result = act()
        say(name, "DONE" if result is None else f"DONE {result}")
    except OSError as error:
        say(name, "timeout" if isinstance(error, TimeoutError) else name_of(error.errno))
    except Exception as error:
        say(name, type(error).__name__)


# Numbers of x86-64 and of 64-bit ARM.
CALLS = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "ptrace": (101, 117),
    "unshare": (272, 97), "setns": (308, 268), "clone3": (435, 435), "bpf": (321, 280), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "swapon": (167, 224), "acct": (163, 89), "quotactl": (179, 60), "personality": (135, 92),
    "process_vm_readv": (310, 270), "fsopen": (430, 430), "open_tree": (428, 428), "move_mount": (429, 429),
    "sethostname": (170, 161), "syslog": (103, 116), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442), "landlock_of_the_future": (999, 999),
}


def call(name, *arguments):
    number = CALLS[name][0 if is_x86 else 1]
    full = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    full += [ctypes.c_long(0)] * (6 - len(full))
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *full)
    say(name, name_of(ctypes.get_errno()) if result == -1 else f"DONE {result}")


def system_calls():
    new_user, new_net, new_pid = 0x10000000, 0x40000000, 0x20000000
    call("mount", ctypes.c_char_p(b"none"), ctypes.c_char_p(b"/tmp"), ctypes.c_char_p(b"tmpfs"))
    call("unshare", new_user)
    for name in ("umount2", "pivot_root", "chroot", "setns", "clone3", "bpf", "keyctl", "add_key", "request_key",
                 "perf_event_open", "userfaultfd", "io_uring_setup", "open_by_handle_at", "name_to_handle_at", "kexec_load",
                 "init_module", "finit_module", "delete_module", "reboot", "swapon", "acct", "quotactl", "process_vm_readv",
                 "fsopen", "open_tree", "move_mount", "sethostname", "syslog", "kcmp", "pidfd_getfd", "mount_setattr",
                 "landlock_of_the_future"):
        call(name)
    call("personality", 0x0040000)
    child = os.fork()
    if child == 0:
        call("ptrace")
        os._exit(0)
    os.waitpid(child, 0)
    clone = 56 if is_x86 else 220
    for what, flag in (("clone_user", new_user), ("clone_net", new_net), ("clone_pid", new_pid)):
        ctypes.set_errno(0)
        result = libc.syscall(ctypes.c_long(clone), ctypes.c_long(flag | signal.SIGCHLD), 0, 0, 0, 0)
        if result == 0:
            os._exit(0)
        say(what, name_of(ctypes.get_errno()) if result == -1 else f"DONE {result}")
    import fcntl
    attempt("type_into_terminal", lambda: fcntl.ioctl(0, 0x5412, b"x"))


def other_convention():
    """Calls as a 32-bit program does: the numbers mean other calls there."""
    if not is_x86:
        return say("call_as_32_bits", "signal 31")
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        at = ctypes.addressof(ctypes.c_char.from_buffer(page))
        ctypes.CFUNCTYPE(ctypes.c_int)(at)()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    say("call_as_32_bits", f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "DONE")


def read(path):
    with open(path, "rb") as file:
        return file.read(100)


def write(path, text):
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text)
    finally:
        os.close(file)


def files():
    here = os.getcwd()
    for name, path in aim["secrets"].items():
        attempt(f"read_{name}", lambda: read(path))
        attempt(f"read_{name}_through_init", lambda: read(f"/proc/1/root{path}"))
        attempt(f"read_{name}_by_dots", lambda: read(os.path.relpath(path, here)))
        link = f"link-{name}"
        attempt(f"make_link_{name}", lambda: os.symlink(path, link))
        attempt(f"read_{name}_by_link", lambda: read(link))
    attempt("list_above_volumes", lambda: os.listdir(os.path.join(here, "..", "..")) != [os.path.basename(os.path.dirname(here))] or None)
    attempt("read_shadow", lambda: read("/etc/shadow"))
    attempt("list_root", lambda: os.listdir("/root"))
    attempt("write_etc", lambda: open("/etc/x", "w"))
    attempt("write_usr", lambda: open("/usr/x", "w"))
    attempt("write_hostname", lambda: write("/proc/sys/kernel/hostname", b"x"))
    attempt("write_core_pattern", lambda: write("/proc/sys/kernel/core_pattern", b"|/x"))
    attempt("write_sysrq", lambda: write("/proc/sysrq-trigger", b"b"))
    attempt("list_cgroups", lambda: os.listdir("/sys/fs/cgroup"))
    attempt("read_kernel_memory", lambda: read("/proc/kcore"))
    # The first process of the namespace is not under the filter.
    for path in ("mem", "task/1/mem", "cwd/../proc/1/mem", "exe", "maps", "environ"):
        attempt(f"first_process_{path}", lambda: open(f"/proc/1/{path}", "r+b" if path.endswith("mem") else "rb"))
    for line in open("/proc/self/status"):
        if line.startswith("PPid"):
            attempt("parents_memory", lambda: open(f"/proc/{line.split()[1]}/mem", "r+b"))


def devices():
    attempt("make_block_device", lambda: os.mknod("disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)))
    attempt("make_char_device", lambda: os.mknod("memory", 0o600 | stat.S_IFCHR, os.makedev(1, 1)))
    for path in ("/dev/vda", "/dev/sda", "/dev/mem", "/dev/kmsg", "/dev/net/tun", "/dev/kvm", "/dev/fuse"):
        attempt(f"open_{path}", lambda: open(path, "rb"))


def processes():
    say("descriptors", sorted(int(fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and os.path.exists(f"/proc/self/fd/{fd}")))
    say("environment", " ".join(sorted(os.environ)))
    secret = aim["mark"]
    say("secret_in_environment", any(secret in value for value in os.environ.values()))
    attempt("signal_agent", lambda: os.kill(aim["agent"], 0))
    say("processes_seen", "few" if len([p for p in os.listdir("/proc") if p.isdigit()]) < 6 else "many")
    attempt("become_root", lambda: os.setuid(0))
    attempt("become_root_group", lambda: os.setgroups([0]))
    for line in open("/proc/self/status"):
        key, _, value = line.partition(":")
        if key in ("CapEff", "CapPrm", "CapAmb", "NoNewPrivs", "Seccomp"):
            say(key, value.strip())


def sockets():
    for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/systemd/private", aim["socket"]):
        attempt(f"local_{path}" if path != aim["socket"] else "local_of_agent", lambda: unix(path))
    attempt("abstract_of_host", lambda: unix("\0" + aim["abstract"]))
    for name, family, kind, protocol in (
        ("raw", socket.AF_INET, socket.SOCK_RAW, 1), ("raw_v6", socket.AF_INET6, socket.SOCK_RAW, 58),
        ("packet", 17, socket.SOCK_RAW, 3), ("vsock", 40, socket.SOCK_STREAM, 0), ("alg", 38, 5, 0),
        ("netlink_audit", 16, socket.SOCK_RAW, 9), ("netlink_netfilter", 16, socket.SOCK_RAW, 12), ("bluetooth", 31, 3, 1),
        ("xdp", 44, 3, 0), ("key", 15, 3, 2),
    ):
        attempt(f"socket_{name}", lambda: socket.socket(family, kind, protocol))
    for name, host, port in aim["hosts"]:
        attempt(f"reach_{name}", lambda: reach(host, port))


def unix(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(2)
        one.connect(path)


def reach(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.settimeout(2)
        one.connect((host, port))


def exhaust():
    ports = []
    for number in range(aim["ports"][0], aim["ports"][1] + 1):
        one = socket.socket()
        one.bind(("0.0.0.0", number))
        one.listen()
        ports.append(one)
    say("ports_taken", len(ports))
    held = []
    try:
        while len(held) < 200_000:
            held.append(os.open("/dev/null", os.O_RDONLY))
        say("descriptors_without_end", "DONE")
    except OSError as error:
        say("descriptors_without_end", name_of(error.errno))
    for fd in held:
        os.close(fd)
    say("descriptors_at_most", len(held) + 3)

    child = os.fork()
    if child == 0:
        # Not the first to be ended, if that were decided by a score that a process can set.
        attempt("lower_score", lambda: write("/proc/self/oom_score_adj", b"-1000"))
        held = []
        while True:
            held.append(bytearray(b"x") * (4 << 20))
    _, status = os.waitpid(child, 0)
    say("memory", f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "DONE")

    children = []
    try:
        while len(children) < 1000:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
        say("forks", "DONE")
    except OSError as error:
        say("forks", name_of(error.errno))
    say("forks_at_most", len(children))
    for child in children:
        os.kill(child, signal.SIGKILL)


for part in (processes, files, devices, system_calls, other_convention, sockets, exhaust):
    part()
say("end", "reached")
signal.pause()
