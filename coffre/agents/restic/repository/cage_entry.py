"""Enters a cage and executes the given program: `cage.py` runs this file alone, without any import of Coffre.

The cage is a mount namespace with its own root: a read-only file system in memory, with the writable folders (nosuid,
nodev, noexec) and the few readable files. It keeps few capabilities and gains no new ones. It ends with its last
process. A user who is not root has no cage: a user namespace would limit the owners that files can get. Landlock then
prevents writes elsewhere, if the kernel has it; it does not protect the modes of that user's own files.

Argument 1 is JSON: `write`, `read` (paths, mounted at the same place), `program`, `parent` (a process id). The rest is
the command line. Ends with EXIT_CODE and one line when no cage can be created.
"""

import ctypes
import json
import os
import pathlib
import platform
import resource
import signal
import stat
import struct
import sys

EXIT_CODE = 97
"""An exit code that restic never uses."""
PROGRAM = "/restic"

_LIBC = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 22, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_WRITES, LANDLOCK_TRUNCATE = 0b11_1111_1111_0010, 1 << 14
"""Write files; remove folders and files; create each kind of entry; link and rename between folders."""
CAPABILITY_VERSION_3 = 0x20080522
LAST_CAPABILITY = 63

CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SYS_ADMIN, MKNOD, SETFCAP = 0, 1, 3, 4, 21, 27, 31
KEPT = (CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP)

# SYS_ADMIN is only for `trusted.` attributes: its other uses are blocked by system call, where the numbers are known.
# Their order: mount umount2 pivot_root setns unshare swapon swapoff sethostname setdomainname quotactl bpf
# ptrace keyctl, then open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr quotactl_fd: the same on all
# machines. The agent blocks the same ones on machines.
_NEWER = (428, 429, 430, 431, 432, 433, 442, 443)
_CLOSED = {
    "x86_64": (0xC000003E, (165, 166, 155, 308, 272, 167, 168, 170, 171, 179, 321, 101, 250, *_NEWER)),
    "aarch64": (0xC00000B7, (40, 39, 41, 268, 97, 224, 225, 161, 162, 60, 280, 117, 219, *_NEWER)),
}


class CageError(Exception):
    """No cage can be created here; says what is missing."""


def main() -> None:
    wanted, command = json.loads(sys.argv[1]), sys.argv[2:]
    try:
        program = enter(wanted["write"], wanted["read"], wanted["program"], wanted["parent"])
        os.execve(program, command, dict(os.environ))  # noqa: S606 (the requested program is run)
    except (CageError, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(EXIT_CODE)


def enter(write: list[str], read: list[str], program: str, parent: int) -> str:
    """Enter the cage and return the program's path in it."""
    _die_with(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _call("no new privileges", _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if os.geteuid() != 0:
        _write_only_below(write)
        return program
    _unshare()
    _make_root(write, read, program)
    has_filter = platform.machine() in _CLOSED
    _drop_capabilities((*KEPT, SYS_ADMIN) if has_filter else KEPT)
    if has_filter:
        _close_system_calls()
    _die_with(parent)  # a change of credentials may have reset it
    return PROGRAM


def _die_with(parent: int) -> None:
    """Make the kernel end this process when its parent ends for any reason."""
    _call("prctl pdeathsig", _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit(EXIT_CODE)


def _unshare() -> None:
    _call("a mount namespace of its own", _LIBC.unshare(CLONE_NEWNS))
    # Later mounts are not visible outside.
    _mount("none", "/", None, MS_REC | MS_PRIVATE)


def _make_root(write: list[str], read: list[str], program: str) -> None:
    """Build the new root over a folder that every system has, and leave the old one."""
    held = [(path, _open(path, is_written=True), True) for path in write]
    held += [(path, _open(path, is_written=False), False) for path in read if pathlib.Path(path).exists()]
    held.append((PROGRAM, _open(program, is_written=False), False))
    base = next((each for each in ("/run", "/tmp", "/mnt", "/var", "/usr") if pathlib.Path(each).is_dir()), "/")  # noqa: S108
    _mount("tmpfs", base, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=1m,mode=0755")
    for path, descriptor, is_written in sorted(held):
        place = base + path
        flags = MS_NOSUID | MS_NODEV | (0 if is_written else MS_RDONLY) | (0 if path == PROGRAM else MS_NOEXEC)
        _make_place(place, is_folder=stat.S_ISDIR(os.fstat(descriptor).st_mode))
        _mount(f"/proc/self/fd/{descriptor}", place, None, MS_BIND)
        _mount("none", place, None, MS_REMOUNT | MS_BIND | flags)
        os.close(descriptor)
    _mount("none", base, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.chdir(base)
    _call("pivot_root", _pivot_root())
    _call("umount of the old root", _LIBC.umount2(b".", MNT_DETACH))
    os.chdir("/")


def _open(path: str, *, is_written: bool) -> int:
    """Keep a mounted path open, so that it cannot be replaced; a writable folder must not be a link."""
    flags = os.O_PATH | os.O_CLOEXEC
    try:
        if not is_written:
            return os.open(path, flags)
        return os.open(path, flags | os.O_NOFOLLOW | os.O_DIRECTORY)
    except OSError as problem:
        raise CageError(f"{path}: {problem.strerror}") from problem


def _make_place(place: str, *, is_folder: bool) -> None:
    path = pathlib.Path(place)
    (path if is_folder else path.parent).mkdir(mode=0o755, parents=True, exist_ok=True)
    if not is_folder:
        path.touch(mode=0o444)


def _drop_capabilities(kept: tuple[int, ...]) -> None:
    for each in range(LAST_CAPABILITY + 1):
        if each not in kept and _LIBC.prctl(PR_CAPBSET_DROP, each, 0, 0, 0) != 0 and ctypes.get_errno() != 22:
            raise CageError("this process cannot drop its capabilities: it lacks CAP_SETPCAP")
    _LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    bits = sum(1 << each for each in kept) & _permitted()
    low, high = bits & 0xFFFFFFFF, bits >> 32
    header = struct.pack("=II", CAPABILITY_VERSION_3, 0)
    _call("capset", _LIBC.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)))


def _permitted() -> int:
    header, sets = struct.pack("=II", CAPABILITY_VERSION_3, 0), ctypes.create_string_buffer(24)
    _call("capget", _LIBC.capget(header, sets))
    values = struct.unpack("=6I", sets.raw)
    return int(values[1]) | int(values[4]) << 32


def _close_system_calls() -> None:
    """Answer EPERM to the system calls that SYS_ADMIN would allow, and to those of another architecture."""
    architecture, closed = _CLOSED[platform.machine()]
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    allowed, refused = 0x7FFF0000, 0x00050000 | 1
    above = 0x35  # BPF_JMP|JGE|K: the x32 form of a call
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, refused), (load, 0, 0, 0)]
    program += [(above, 0, 1, 0x40000000), (give, 0, 0, refused)]
    for number in closed:
        program += [(equal, 0, 1, number), (give, 0, 0, refused)]
    program.append((give, 0, 0, allowed))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    _call("seccomp", _LIBC.prctl(PR_SET_SECCOMP, 2, header, 0, 0))


def landlock_version() -> int:
    """Return the version of the kernel's Landlock; below 1 when it has none, or it is off."""
    return int(_LIBC.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))


def _write_only_below(folders: list[str]) -> None:
    """Make Landlock refuse to create, write, link or remove files elsewhere; does nothing where it is too old for that.

    Its first version forbids hard links between folders altogether.
    """
    version = landlock_version()
    if version < 2:
        return
    rights = LANDLOCK_WRITES | (LANDLOCK_TRUNCATE if version >= 3 else 0)
    attribute = struct.pack("=Q", rights)
    rules = _LIBC.syscall(LANDLOCK_CREATE, attribute, ctypes.c_size_t(len(attribute)), 0)
    if rules < 0:
        return
    for each in folders:
        descriptor = _open(each, is_written=True)
        rule = struct.pack("=Qi", rights, descriptor)
        _call(f"Landlock's rule for {each}", _LIBC.syscall(LANDLOCK_ADD, rules, 1, rule, 0))
        os.close(descriptor)
    _call("Landlock", _LIBC.syscall(LANDLOCK_RESTRICT, rules, 0))
    os.close(rules)


def _pivot_root() -> int:
    number = {"x86_64": 155, "aarch64": 41}.get(platform.machine())
    if number is None:
        raise CageError(f"pivot_root on {platform.machine()}: the number of this system call is not known")
    return int(_LIBC.syscall(number, b".", b"."))


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    texts = [os.fsencode(each) if each else None for each in (source, target, kind)]
    _call(f"mount on {target}", _LIBC.mount(*texts, ctypes.c_ulong(flags), os.fsencode(options) if options else None))


def _call(what: str, answer: int) -> None:
    if answer != 0:
        raise CageError(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
