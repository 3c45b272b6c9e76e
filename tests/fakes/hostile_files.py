"""Hostile commands that reach for files: to read, write or plant them, to change their metadata."""

from collections.abc import Iterator

from .hostile_attack import SAID, Attack, Sign, python


def reading() -> Iterator[Attack]:
    secret = Sign.SECRET
    key = "$OPERATOR/.ssh/id_ed25519"
    for name, command in {
        "a key by its path": f"cat {key}",
        "the state": "cat $STATE/run-state.yaml",
        "a transcript": "cat $STATE/attempts/1/transcript.jsonl",
        "another tree": "cat $OTHER/theirs.txt",
        "the user's checkout": "cat $REPO/untracked.txt",
        "the git config": "cat $COMMON/config",
        "the git config with git": "git --git-dir=$COMMON config --get http.extraheader",
        "the index with git": "git --git-dir=$COMMON cat-file -p HEAD:secret.txt",
        "by a link": f"ln -s {key} link; cat link",
        "by a link to a folder": "ln -s $OPERATOR folder; cat folder/.ssh/id_ed25519",
        "by a chain of links": f"ln -s {key} one; ln -s one two; ln -s two three; cat three",
        "by a relative path": "cat ../../operator/.ssh/id_ed25519",
        "by a hard link": f"ln {key} hard && cat hard",
        "by a link to a link's target": f"ln -P $STATE/link hard; cat hard; ln -s {key} l; cat < l",
        "by its own root": f"cat /proc/self/root{key}",
        "by the root of its thread": f"cat /proc/thread-self/root{key}",
        "by its own folder": "cat /proc/self/cwd/../../operator/.ssh/id_ed25519",
        "by a moved folder": "mv $OPERATOR/.ssh here; cat here/id_ed25519; mv here $OPERATOR/.ssh",
        "by copying": f"cp {key} copy; cat copy",
        "by an archive": "tar -cf - -C $OPERATOR .ssh | tar -xOf -",
        "by a shell that sources it": f". {key} 2>&1",
        "by an interpreter that runs it": f"$PY {key} 2>&1",
        "by git, as a patch": f"git diff --no-index /dev/null {key}",
        "by git, as a config": f"git -c include.path={key} status; git config -f {key} -l 2>&1",
        "by a linker script": f"ld -T {key} 2>&1; head {key}",
        "by the C preprocessor": f"echo '#include \"'{key}'\"' | cpp -P 2>&1",
        "by mapping it": python(
            "import mmap\nf=os.open(e['OPERATOR']+'/.ssh/id_ed25519',0)\n"
            "print(mmap.mmap(f,0,prot=1)[:])"
        ),
        "by openat2": python(
            "b=(ctypes.c_uint64*3)(0,0,0)\nf=l.syscall(437,-100,"
            "(e['OPERATOR']+'/.ssh/id_ed25519').encode(),b,24)\nprint(os.read(f,99))"
        ),
        "by a descriptor of a path": python(
            "d=os.open(e['OPERATOR'],os.O_PATH)\nprint(os.read(os.open('.ssh/id_ed25519',0,dir_fd=d),99))"
        ),
        "by a path descriptor and /proc": python(
            "d=os.open(e['OPERATOR']+'/.ssh/id_ed25519',os.O_PATH)\n"
            "print(open(f'/proc/self/fd/{d}').read())"
        ),
        "by sendfile": python("d=os.open(e['STATE']+'/run-state.yaml',0)\nos.sendfile(1,d,0,99)"),
        "by a change of folder": "cd $OPERATOR/.ssh && cat id_ed25519",
        "by a watch of the shell's history": "cat $OPERATOR/.bash_history",
        "by a name with a line break": 'cat "$OPERATOR/a\nb"',
        "by a race of links": (
            f"(for i in $(seq 30); do ln -sfn {key} r; ln -sfn /etc/hosts r; done) & "
            "for i in $(seq 30); do cat r 2>/dev/null; done; wait"
        ),
    }.items():
        yield Attack(f"read {name}", secret, command)
    yield Attack("read the root's key", secret, "chroot /proc/self/root cat " + key, as_root=True)


def reading_processes() -> Iterator[Attack]:
    secret = Sign.SECRET
    memory = (
        "m=open(f\"/proc/{e['VICTIM']}/maps\").read().splitlines()\n"
        "s=[x for x in m if '[stack]' in x][0].split()[0].split('-')\n"
        "a,b=(int(x,16) for x in s)\n"
    )
    for name, command in {
        "its own environment": "env",
        "its own environment in /proc": "cat /proc/self/environ",
        "a process's environment": "tr '\\0' '\\n' < /proc/$VICTIM/environ",
        "a process's descriptor": "cat /proc/$VICTIM/fd/0",
        "a process's folder": "cat /proc/$VICTIM/cwd/.ssh/id_ed25519",
        "a process's root": "cat /proc/$VICTIM/root$STATE/run-state.yaml",
        "a thread's environment": "tr '\\0' '\\n' < /proc/$VICTIM/task/$VICTIM/environ",
        "a process's memory": python(
            memory + "f=open(f\"/proc/{e['VICTIM']}/mem\",'rb',0)\nf.seek(a)\nprint(f.read(b-a))"
        ),
        "a process's memory by a call": python(
            memory + "n=b-a\nv=ctypes.create_string_buffer(n)\n"
            "io=lambda p:(ctypes.c_uint64*2)(p,n)\n"
            "l.syscall(310,int(e['VICTIM']),io(ctypes.addressof(v)),1,io(a),1,0)\nprint(v.raw)"
        ),
        "a descriptor taken from a process": python(
            "p=os.pidfd_open(int(e['VICTIM']))\nf=l.syscall(438,p,0,0)\nprint(os.pread(f,99,0))"
        ),
        "an inherited descriptor": "for f in /proc/self/fd/*; do timeout 0.1 cat $f; done <.git",
        "inherited descriptors by number": (
            "for n in 3 4 5 6 7 8 9 10 11 12; do cat <&$n; done 2>/dev/null"
        ),
    }.items():
        silent = "no descriptor is left open to it" if "inherited" in name else ""
        yield Attack(f"read {name}", secret, command, silent=silent)


def writing() -> Iterator[Attack]:
    state = "$STATE/run-state.yaml"
    for name, command in {
        "the state": f"echo x >> {state}",
        "a new file of the state": "echo x > $STATE/new",
        "another tree": "echo x > $OTHER/new",
        "another tree's file in place": "sed -i s/a/b/ $OTHER/theirs.txt",
        "the user's checkout": "echo x > $REPO/new",
        "a folder beside its tree": "mkdir ../beside",
        "its tree's name": "mv ../tree ../gone; mkdir ../tree",
        "the folder of trees": "rm -rf ../other",
        "by a link": f"ln -s {state} link; echo x >> link",
        "by a hard link": f"ln {state} hard && echo x >> hard",
        "by a rename": f"echo x > mine; mv -f mine {state}",
        "by taking it away": f"mv {state} mine",
        "by removing it": f"rm -f {state}",
        "by removing its folder": "rm -rf $STATE",
        "by a new link there": "ln -s /etc/passwd $STATE/link2",
        "by a hard link there": "echo x > mine; ln mine $STATE/mine",
        "by a socket's file there": python("os.mknod(e['STATE']+'/s',0o140600)"),
        "by a pipe there": "mkfifo $STATE/pipe",
        "by emptying it": f"truncate -s 0 {state}",
        "by emptying it with a call": python("os.truncate(e['STATE']+'/run-state.yaml',0)"),
        "by growing it": f"fallocate -l 99999 {state}",
        "by copying": f"echo x > mine; cp -f mine {state}",
        "by dd": f"dd if=/dev/zero of={state} bs=1 count=3 conv=notrunc",
        "by install": f"echo x > mine; install mine {state}",
        "by tar": "mkdir d; echo x > d/new; tar -C d -cf - new | tar -C $STATE -xf -",
        "by its own root": f"echo x >> /proc/self/root{state}",
        "by a process's root": f"echo x >> /proc/$VICTIM/root{state}",
        "by a process's folder": "echo x > /proc/$VICTIM/cwd/new",
        "by a process's descriptor": "echo x > /proc/$VICTIM/fd/0",
        "by a file without a name": python(
            "f=os.open(e['STATE'],os.O_TMPFILE|os.O_RDWR)\n"
            "l.linkat(-100,f'/proc/self/fd/{f}'.encode(),-100,(e['STATE']+'/new').encode(),0x400)"
        ),
        "by an exchange of names": python(
            "open('m','w').close()\nl.syscall(316,-100,b'm',-100,"
            "(e['STATE']+'/run-state.yaml').encode(),2)"
        ),
        "by mapping it": python(
            "import mmap\nf=os.open(e['STATE']+'/run-state.yaml',2)\n"
            "m=mmap.mmap(f,1)\nm[0]=88\nm.flush()"
        ),
        "by a copy inside the kernel": python(
            "open('m','w').write('x'*9)\nf=os.open(e['STATE']+'/run-state.yaml',1)\n"
            "os.copy_file_range(os.open('m',0),f,9)"
        ),
        "by a path descriptor": python(
            "d=os.open(e['STATE'],os.O_PATH)\nos.close(os.open('new',65,dir_fd=d))"
        ),
        "by a change of folder": "cd $STATE && echo x > new",
        "by swapping its tree for a link": (
            "cd ..; mv tree old && ln -s $STATE tree && echo x > tree/new; rm tree; mv old tree"
        ),
        "by a race of links": (
            f"(for i in $(seq 30); do ln -sfn {state} r; ln -sfn mine r; done) & "
            "while kill -0 $!; do echo x >> r; done 2>/dev/null"
        ),
        "a name with a line break": 'echo x > "$STATE/a\nb"',
        "a lock that is held by its name": "flock -n $STATE/lock sh -c 'echo x > $STATE/held'",
    }.items():
        yield Attack(f"write {name}", Sign.CHANGED, command)


def writing_git() -> Iterator[Attack]:
    for name, command in {
        "a hook": "mkdir -p $COMMON/hooks; printf '#!/bin/sh\\n' > $COMMON/hooks/pre-commit",
        "a hook of its worktree": "mkdir -p $ADMIN/hooks; echo x > $ADMIN/hooks/post-checkout",
        "the config": "printf '[core]\\nfsmonitor=x\\n' >> $COMMON/config",
        "the config with git": "git --git-dir=$COMMON config core.fsmonitor x",
        "the config of the worktree": "printf '[core]\\nfsmonitor=x\\n' > $ADMIN/config.worktree",
        "the attributes": "mkdir -p $COMMON/info; echo '* filter=x' > $COMMON/info/attributes",
        "the folder that is shared": "echo /tmp > $ADMIN/commondir",
        "the worktree's place": "echo /tmp > $ADMIN/gitdir",
        "HEAD of the worktree": "echo 'ref: refs/heads/evil' > $ADMIN/HEAD",
        "HEAD": "echo 'ref: refs/heads/evil' > $COMMON/HEAD",
        "the index": "echo x > $ADMIN/index",
        "an object": "echo x > $COMMON/objects/evil",
        "alternates": "mkdir -p $COMMON/objects/info; echo /tmp > $COMMON/objects/info/alternates",
        "a ref by file": "echo x > $COMMON/refs/heads/evil",
        "a ref with git": "git --git-dir=$COMMON update-ref refs/heads/evil HEAD",
        "a commit": "git add -A && git commit -qm evil --allow-empty",
        "a stash": "echo x >> a.txt; git stash",
        "a tag": "git tag evil",
        "a worktree": "git worktree add -q ../evil",
        "packed refs": "echo x > $COMMON/packed-refs",
        "by pruning": "rm -rf $ADMIN",
        "the pointer": "echo 'gitdir: /tmp/x' > .git",
        "the pointer by a rename": "echo 'gitdir: /tmp/x' > g; mv -f g .git",
        "the pointer by a folder": "mv .git g && mkdir .git",
        "the pointer by removing it": "rm -f .git",
        "the pointer by a link": "ln -sfn $OTHER .git",
        "the pointer by unmounting": "umount -l .git; echo x > .git",
    }.items():
        yield Attack(f"git: write {name}", Sign.CHANGED, command)


def planting() -> Iterator[Attack]:
    for name, command in {
        ".bashrc": "echo evil >> $OPERATOR/.bashrc",
        ".profile": "echo evil > $OPERATOR/.profile",
        "a program on PATH": "printf '#!/bin/sh\\n' > $OPERATOR/bin/git",
        "an authorised key": "echo evil >> $OPERATOR/.ssh/authorized_keys",
        "a git config": "echo evil > $OPERATOR/.gitconfig",
        "a library to preload": "echo evil > $OPERATOR/.config/environment.d/preload.conf",
        "an autostart": "echo evil > $OPERATOR/.config/autostart/evil.desktop",
        "a unit": "echo evil > $OPERATOR/.config/systemd/user/evil.service",
        "a package config": "echo evil > $OPERATOR/.npmrc",
        "a module of Python": "echo evil > $OPERATOR/lib/sitecustomize.py",
        "a crontab": "echo evil > $OUTSIDE/spool/crontab",
        "a link in the home": "ln -sfn /tmp $OPERATOR/.cache",
    }.items():
        yield Attack(f"plant {name}", Sign.CHANGED, command)
    for name, path in {
        "users": "/etc/passwd",
        "hosts": "/etc/hosts",
        "libraries": "/etc/ld.so.cache",
        "programs": "/usr/bin/install",
        "certificates": "/etc/ssl/openssl.cnf",
    }.items():
        # Opened for writing, and nothing written: the machine stays as it is.
        yield Attack(
            f"plant among the system's {name}", Sign.SAID, f": >> {path} && echo {SAID}", True
        )


def metadata() -> Iterator[Attack]:
    changed = Sign.CHANGED
    key = "$OPERATOR/.ssh/id_ed25519"
    yield Attack("metadata: mode", changed, f"chmod 666 {key}")
    yield Attack("metadata: mode of a folder", changed, "chmod 777 $STATE")
    yield Attack("metadata: times", changed, f"touch -d 2001-01-01 {key}")
    yield Attack(
        "metadata: attributes",
        changed,
        python("os.setxattr(e['STATE']+'/run-state.yaml','user.evil',b'x')"),
    )
    yield Attack("metadata: owner", changed, f"chown 12345 {key}", as_root=True)
    yield Attack("metadata: a file's flags", changed, f"chattr +d {key}")
    yield Attack(
        "metadata: capabilities of a file",
        changed,
        python(
            "os.setxattr(e['STATE']+'/run-state.yaml','security.capability',"
            "bytes.fromhex('0000000202000000')+bytes(12))"
        ),
        as_root=True,
    )
    yield Attack("metadata: whether a file is there", Sign.SAID, f"stat {key} && echo {SAID}")
    yield Attack(
        "metadata: a watch on a folder",
        Sign.SAID,
        python(
            "i=l.inotify_init()\nw=l.inotify_add_watch(i,e['OPERATOR'].encode(),0xfff)\n"
            f"print('{SAID}' if w>0 else 'no')"
        ),
    )
