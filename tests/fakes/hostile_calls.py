"""Hostile commands that reach for the kernel: sockets, namespaces, the machine, processes."""

from collections.abc import Iterator

from .hostile_attack import SAID, Attack, Sign, call, python


def sockets() -> Iterator[Attack]:
    heard, said = Sign.CONNECTED, Sign.SAID
    for name, code in {
        "TCP": "socket.create_connection(('127.0.0.1',int(e['PORT'])),2)",
        "TCP over IPv6": "socket.create_connection(('::1',int(e['PORT6'])),2)",
        "TCP with a mapped address": (
            "s=socket.socket(10,1)\ns.connect(('::ffff:127.0.0.1',int(e['PORT'])))"
        ),
        "TCP with fast open": (
            "s=socket.socket(2,1)\ns.sendto(b'x',0x20000000,('127.0.0.1',int(e['PORT'])))"
        ),
        "multipath TCP": "s=socket.socket(2,1,262)\ns.connect(('127.0.0.1',int(e['PORT'])))",
        "UDP": "socket.socket(2,2).sendto(b'x',('127.0.0.1',int(e['UDP'])))",
        "UDP, connected": (
            "s=socket.socket(2,2)\ns.connect(('127.0.0.1',int(e['UDP'])))\ns.send(b'x')"
        ),
        "UDP-Lite": "socket.socket(2,2,136).sendto(b'x',('127.0.0.1',int(e['UDP'])))",
        "a socket's path": "s=socket.socket(1)\ns.connect(e['SOCKET'])",
        "a socket's path, by a descriptor": (
            "d=os.open(os.path.dirname(e['SOCKET']),os.O_PATH)\ns=socket.socket(1)\n"
            "s.connect(f'/proc/self/fd/{d}/'+os.path.basename(e['SOCKET']))"
        ),
        "a socket's path, by a link": (
            "os.symlink(e['SOCKET'],'l')\ns=socket.socket(1)\ns.connect('l')"
        ),
        "a socket's path, datagrams": "socket.socket(1,2).sendto(b'x',e['DATAGRAMS'])",
        "an abstract socket": "s=socket.socket(1)\ns.connect(chr(0)+e['NAME'])",
        "an agent's socket": "s=socket.socket(1)\ns.connect(e.get('SSH_AUTH_SOCK',e['SOCKET']))",
        "a container engine's socket": (
            "s=socket.socket(1)\ns.connect(e['SOCKET'])\ns.send(b'GET /info HTTP/1.0\\r\\n\\r\\n')"
        ),
        "a message bus": "s=socket.socket(1)\ns.connect(e['SOCKET'])\ns.send(b'\\0AUTH EXTERNAL')",
    }.items():
        silent = "this kernel has no UDP-Lite" if name == "UDP-Lite" else ""
        yield Attack(f"connect: {name}", heard, python(code), silent=silent)
    yield Attack("connect: with the shell", heard, "exec 9<>/dev/tcp/127.0.0.1/$PORT")
    yield Attack("connect: UDP with the shell", heard, "echo x > /dev/udp/127.0.0.1/$UDP")
    yield Attack("connect: another user's terminal", heard, "echo x > $TERMINAL")
    none = "this kernel has no such family"
    for name, family, kind, root, silent in (
        ("packets", 17, 3, True, ""),
        ("raw IP", 2, 3, True, ""),
        ("the machine below", 40, 1, False, ""),
        ("keys of IPsec", 15, 3, False, none),
        ("algorithms", 38, 5, False, none),
        ("express data path", 44, 3, True, ""),
        ("TIPC", 30, 1, False, none),
        ("RDS", 21, 5, False, none),
        ("CAN", 29, 3, False, none),
        ("Bluetooth", 31, 3, False, none),
        ("NFC", 39, 5, False, none),
    ):
        code = f"socket.socket({family},{kind},1 if {family}==2 else 0)\nprint('{SAID}')"
        yield Attack(f"socket: {name}", said, python(code), root, silent)
    yield Attack(
        "socket: what the network is",
        said,
        python(
            f"n=[x for _,x in socket.if_nameindex() if x!='lo']\nprint('{SAID}' if n else 'no')"
        ),
    )


def kernel() -> Iterator[Attack]:
    page = "ctypes.create_string_buffer(4096)"
    yield Attack("kernel: io_uring", Sign.SAID, call(425, 4, page))
    yield Attack("kernel: BPF", Sign.SAID, call(321, 0, "(ctypes.c_uint32*18)(2,4,4,1)", 72), True)
    yield Attack(
        "kernel: performance events",
        Sign.SAID,
        call(298, "(ctypes.c_uint32*32)(1,128)", 0, -1, -1, 0),
        True,
    )
    yield Attack("kernel: userfaultfd", Sign.SAID, call(323, 1))
    yield Attack("kernel: fanotify", Sign.SAID, call(300, 0, 0), True)
    yield Attack(
        "kernel: a file's handle",
        Sign.SECRET,
        python(
            "h=ctypes.create_string_buffer(136)\nh[0]=128\nm=ctypes.c_int()\n"
            "l.syscall(303,-100,(e['STATE']+'/run-state.yaml').encode(),h,ctypes.byref(m),0)\n"
            "f=l.syscall(304,os.open('.',0),h,0)\nprint(os.read(f,99))"
        ),
        True,
    )
    yield Attack("kernel: its messages", Sign.SAID, call(103, 10, 0, 0), True)
    yield Attack("kernel: its messages as a file", Sign.SAID, f": < /dev/kmsg && echo {SAID}", True)
    yield Attack(
        "kernel: compare processes",
        Sign.SAID,
        call(312, "os.getpid()", "int(e['VICTIM'])", 2, 0, 0),
    )
    yield Attack(
        "kernel: the other calls of a 32-bit program",
        Sign.SAID,
        call(0x40000000 + 39),
        silent="this kernel has no x32",
    )
    for name, flags in {
        "users": "-U",
        "mounts": "-Um",
        "processes": "-Upf",
        "network": "-Un",
        "IPC": "-Ui",
        "names": "-Uu",
        "control groups": "-UC",
        "time": "-UT",
        "users, mapped to root": "-Ur",
    }.items():
        yield Attack(f"namespace: {name}", Sign.SAID, f"unshare {flags} echo {SAID}")
    yield Attack("namespace: with clone", Sign.SAID, call(56, "0x10000000|17", 0, 0, 0, 0))
    yield Attack(
        "namespace: of a process",
        Sign.SAID,
        (f"nsenter -t $VICTIM -m cat $STATE/run-state.yaml && echo {SAID}"),
        True,
    )
    yield Attack(
        "namespace: by its file",
        Sign.SAID,
        python(f"f=os.open(f\"/proc/{{e['VICTIM']}}/ns/net\",0)\nprint(l.setns(f,0) or '{SAID}')"),
        True,
    )
    mounts = "mkdir -p m; "
    for name, command in {
        "memory": f"mount -t tmpfs x m && echo {SAID}; umount m",
        "a folder": f"mount --bind $STATE m && echo {SAID}; umount m",
        "proc": f"mount -t proc x m && echo {SAID}; umount m",
        "with its own user": f"unshare -Urm sh -c 'mount -t tmpfs x m && echo {SAID}'",
        "an open tree": call(428, -100, 'e["STATE"].encode()', "0x1"),
        "a new file system": call(430, "b'tmpfs'", 0),
    }.items():
        root = name != "with its own user"
        yield Attack(f"mount: {name}", Sign.SAID, mounts + command, root)
    yield Attack(
        "root: chroot", Sign.SECRET, ("chroot /proc/$VICTIM/root cat $STATE/run-state.yaml"), True
    )
    yield Attack(
        "root: chroot out by a descriptor",
        Sign.SECRET,
        python(
            "os.makedirs('c',exist_ok=True)\nd=os.open('.',0)\nos.chroot('c')\nos.fchdir(d)\n"
            "[os.chdir('..') for _ in range(40)]\nos.chroot('.')\n"
            "print(open(e['STATE']+'/run-state.yaml').read())"
        ),
        True,
    )
    yield Attack(
        "root: pivot",
        Sign.SAID,
        (
            "unshare -Urm sh -c 'mkdir -p n; mount -t tmpfs x n; mkdir n/o; "
            f"pivot_root n n/o && echo {SAID}'"
        ),
    )
    yield Attack(
        "root: take a capability",
        Sign.SAID,
        python(
            f"print('{SAID}' if l.prctl(23,21,0,0,0)==1 and l.sethostname(b'',-1)==-1 "
            "and ctypes.get_errno()==22 else 'no')"
        ),
        True,
    )
    yield Attack(
        "root: become another user", Sign.SAID, python(f"os.setuid(12345)\nprint('{SAID}')"), True
    )


def machine() -> Iterator[Attack]:
    # Opened for writing, and nothing written: the machine stays as it is.
    for name, path in {
        "the program for cores": "/proc/sys/kernel/core_pattern",
        "the program for cores of a pipe": "/proc/sys/kernel/core_pipe_limit",
        "a setting of the kernel": "/proc/sys/kernel/panic_on_oops",
        "a setting of the memory": "/proc/sys/vm/overcommit_memory",
        "a setting of the network": "/proc/sys/net/ipv4/ip_forward",
        "the request key": "/proc/sysrq-trigger",
        "an interrupt": "/proc/irq/default_smp_affinity",
        "the helper for events": "/sys/kernel/uevent_helper",
        "a device's power": "/sys/power/state",
        "a block device": "/dev/loop0",
        "the kernel's log": "/dev/kmsg",
        "a console": "/dev/console",
        "a mapper of users": "/dev/fuse",
        "a virtual machine": "/dev/kvm",
        "a control group": "$CGROUP/pids.max",
        "a control group's processes": "$CGROUP/cgroup.procs",
        "the group's agent": "/sys/fs/cgroup/systemd/release_agent",
    }.items():
        yield Attack(
            f"machine: {name}",
            Sign.SAID,
            (f"[ -e {path} ] && : >> {path} && echo {SAID}"),
            as_root=True,
            silent="" if path.startswith("/proc/sys/") else "not every machine has the file",
        )
    yield Attack("machine: a new control group", Sign.CHANGED, "mkdir $CGROUP/sub", True)
    yield Attack(
        "machine: out of its control group",
        Sign.SAID,
        (
            f"(echo $BASHPID > $CGROUP/cgroup.procs && echo {SAID}; "
            "echo 0 > $CGROUP/../cgroup.procs)"
        ),
        True,
    )
    yield Attack("machine: a device", Sign.SAID, f"mknod d c 1 5 && echo {SAID}", True)
    yield Attack("machine: a device of its disk", Sign.SAID, f"mknod d b 7 0 && echo {SAID}", True)
    yield Attack(
        "machine: its memory",
        Sign.SAID,
        f"head -c 64 /proc/kcore > /dev/null && echo {SAID}",
        True,
        "this kernel does not show it",
    )
    yield Attack(
        "machine: its name",
        Sign.SAID,
        python(
            "import platform\nn=platform.node().encode()\n"
            f"print('{SAID}' if n!=b'sandbox' and l.sethostname(n,len(n))==0 else 'no')"
        ),
        True,
    )
    yield Attack(
        "machine: its clock",
        Sign.SAID,
        call(227, 0, "(ctypes.c_int64*2)(0,-1)"),
        silent="a time that is none is refused either way",
    )
    yield Attack("machine: its ports", Sign.SAID, call(173, 0x80, 1, 1), True, "not in this kernel")
    yield Attack(
        "machine: its swap",
        Sign.SAID,
        call(168, "b'/none'"),
        silent="there is no such file, and no other may be named",
    )


def processes() -> Iterator[Attack]:
    harmed = Sign.HARMED
    for name, command in {
        "kill": "kill -9 $VICTIM",
        "ask to end": "kill -TERM $VICTIM",
        "stop": "kill -STOP $VICTIM",
        "kill by a descriptor": python(
            "import signal\nsignal.pidfd_send_signal(os.pidfd_open(int(e['VICTIM'])),9)"
        ),
        "kill a thread": python("v=int(e['VICTIM'])\nl.syscall(234,v,v,9)"),
        "kill with a value": python(
            "v=int(e['VICTIM'])\nb=ctypes.create_string_buffer(128)\n"
            "b[8:12]=(-1).to_bytes(4,'little',signed=True)\nl.syscall(129,v,9,b)"
        ),
        "slow down": "renice -n 19 -p $VICTIM",
        "slow down its group": "renice -n 19 -g $VICTIM",
        "make it idle": "chrt -i -p 0 $VICTIM",
        "move to one core": "taskset -p 1 $VICTIM",
        "take its disk": "ionice -c 3 -p $VICTIM",
        "take its files": "prlimit --nofile=3 --pid $VICTIM",
        "take its time": "prlimit --cpu=1000 --pid $VICTIM",
        "offer it to the killer": "echo 1000 > /proc/$VICTIM/oom_score_adj",
        "trace": python(
            "v=int(e['VICTIM'])\nl.ptrace.argtypes=[ctypes.c_long]*4\n"
            "r=l.ptrace(16,v,0,0)\nr or os.waitpid(v,0x40000000)\nr or os.kill(v,9)"
        ),
        "seize": python(
            "l.ptrace.argtypes=[ctypes.c_long]*4\nv=int(e['VICTIM'])\n"
            "r=l.ptrace(0x4206,v,0,0x100000)\n"
        ),
    }.items():
        yield Attack(f"process: {name}", harmed, command)


def surviving() -> Iterator[Attack]:
    """A process that holds a lock and says who it is; the command ends once it does."""
    held = "flock held sh -c 'echo $$ > pid; exec sleep 30' > /dev/null 2>&1"
    wait = "for i in $(seq 200); do [ -s pid ] && break; sleep 0.01; done"
    for name, command in {
        "in the background": f"{held} & {wait}",
        "in a new session": f"setsid {held} & {wait}",
        "behind nohup": f"nohup {held} & {wait}",
        "forked twice": f"(setsid setsid {held} &) ; {wait}",
        "without an environment": f"env -i PATH=$PATH setsid {held} & {wait}",
        "that ignores signals": f"(trap '' TERM HUP INT; setsid {held}) > /dev/null 2>&1 & {wait}",
        "while the shell is killed": f"setsid {held} & {wait}; kill -9 $$",
        "that is stopped": f"setsid {held} & {wait}; kill -STOP $(cat pid)",
    }.items():
        yield Attack(f"survive: {name}", Sign.OUTLIVED, command)


def shared() -> Iterator[Attack]:
    for name, command in {
        "/tmp": "echo x > /tmp/$NAME",
        "/var/tmp": "echo x > /var/tmp/$NAME",
        "/dev/shm": "echo x > /dev/shm/$NAME",
    }.items():
        yield Attack(f"shared: write {name}", Sign.CHANGED, command)
    yield Attack("shared: read /tmp", Sign.SECRET, "cat /tmp/$NAME-there/secret")
    yield Attack("shared: read memory by its name", Sign.SECRET, "cat /dev/shm/$NAME-there")
    yield Attack("shared: list memory", Sign.SAID, f"ls /dev/shm | grep -q $NAME && echo {SAID}")
    yield Attack(
        "shared: SysV memory",
        Sign.SECRET,
        python(
            "l.shmat.restype=ctypes.c_void_p\np=l.shmat(int(e['MEMORY']),None,0o10000)\n"
            "print(ctypes.string_at(p,64))"
        ),
    )
    yield Attack(
        "shared: write SysV memory",
        Sign.SAID,
        python(
            "l.shmat.restype=ctypes.c_void_p\np=l.shmat(int(e['MEMORY']),None,0)\n"
            f"ctypes.memset(p+2048,88,1)\nprint('{SAID}')"
        ),
    )
    yield Attack(
        "shared: SysV queues",
        Sign.SECRET,
        python(
            "b=ctypes.create_string_buffer(128)\nl.msgrcv(int(e['QUEUE']),b,64,0,0o4000)\nprint(b.raw)"
        ),
    )
    yield Attack("shared: SysV semaphores", Sign.SAID, call(66, "int(e['SEMAPHORE'])", 0, 16, 1))
    yield Attack(
        "shared: a message queue",
        Sign.SECRET,
        python(
            "q=l.syscall(240,('dq'+e['NAME']).encode(),2,0,0)\nb=ctypes.create_string_buffer(8192)\n"
            "n=l.syscall(243,q,b,8192,0,(ctypes.c_int64*2)(1,0)) if q>=0 else 0\nprint(b.raw[:64])"
        ),
    )
    yield Attack(
        "shared: a key of the kernel",
        Sign.SECRET,
        python(
            "k=l.syscall(250,10,-4,b'user',e['NAME'].encode(),0)\n"
            "b=ctypes.create_string_buffer(64)\nl.syscall(250,11,k,b,64)\nprint(b.raw)"
        ),
    )
    yield Attack(
        "shared: a new key", Sign.SAID, call(248, "b'user'", "e['NAME'].encode()", "b'x'", 1, -2)
    )
    yield Attack(
        "shared: typing into a terminal",
        Sign.CONNECTED,
        python("import fcntl\nfcntl.ioctl(os.open(e['TERMINAL'],2|os.O_NOCTTY),0x5412,b'x')"),
        True,
    )
    yield Attack(
        "shared: its own terminal",
        Sign.SAID,
        f": < /dev/tty && echo {SAID}",
        silent="a command has none",
    )


def names_and_lists() -> Iterator[Attack]:
    yield Attack(
        "look: SysV memory", Sign.SAID, f"ipcs -m -i $MEMORY | grep -q bytes && echo {SAID}"
    )
    yield Attack(
        "look: a process's arguments", Sign.SECRET, "tr '\\0' '\\n' < /proc/$VICTIM/cmdline"
    )
    yield Attack("look: processes", Sign.SECRET, "ps -o args -p $VICTIM")
    yield Attack(
        "look: a process's status",
        Sign.SAID,
        (f"grep -q State /proc/$VICTIM/status && echo {SAID}"),
    )
    yield Attack("look: sockets", Sign.SAID, f"grep -q $SOCKET /proc/net/unix && echo {SAID}")
    yield Attack("look: mounts of a process", Sign.SAID, f": < /proc/$VICTIM/mounts && echo {SAID}")
    yield Attack(
        "look: a process's program",
        Sign.SAID,
        f"cat /proc/$VICTIM/exe | head -c 4 | grep -q ELF && echo {SAID}",
    )
    yield Attack(
        "look: a process's maps", Sign.SAID, f"grep -q stack /proc/$VICTIM/maps && echo {SAID}"
    )
    yield Attack("look: the home", Sign.SAID, f"ls $OPERATOR && echo {SAID}")
    yield Attack("look: the root", Sign.SAID, f"ls $OUTSIDE/.. | grep -q copy && echo {SAID}")
    yield Attack(
        "look: the machine's password file", Sign.SAID, f": < /etc/shadow && echo {SAID}", True
    )
    yield Attack("look: the machine's logs", Sign.SAID, f"ls /var/log && echo {SAID}")
    yield Attack("look: devices", Sign.SAID, f"ls /sys/class/net && echo {SAID}")
    yield Attack("look: keys of the kernel", Sign.SAID, f"grep -q $NAME /proc/keys && echo {SAID}")
