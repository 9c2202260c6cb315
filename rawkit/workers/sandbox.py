"""What a process gives up before it reads what others wrote: files, network, other processes.

Linux's Landlock takes the files away and seccomp the calls; neither can be undone, and neither
needs rights. Where the system has one of them or none, what it has is taken, and `Confinement` says
what that was: limits of memory and time hold everywhere.

Source: Linux kernel documentation, Landlock: unprivileged access control, and Seccomp BPF.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from dataclasses import dataclass
from errno import ENOSYS, EPERM
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import rawkit

if TYPE_CHECKING:
    from collections.abc import Iterable

Calls: TypeAlias = Literal["decode", "work"]
"""`decode`: reading, computing, answering, and nothing else. `work`: all but starting programs and
connections, reaching into other processes, and changing the system."""

_DECODE = """
brk close clock_getres clock_gettime clock_nanosleep dup epoll_create1 epoll_ctl epoll_pwait
epoll_wait exit exit_group fcntl fstat fsync ftruncate futex getcwd getdents64 getegid geteuid
getgid getpid getppid getrandom getrlimit getrusage gettid gettimeofday getuid ioctl lseek lstat
madvise membarrier memfd_create mmap mprotect mremap munmap nanosleep newfstatat open openat
poll ppoll pread64 prlimit64 read readlink readlinkat readv recvfrom recvmsg restart_syscall
rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield sendmsg sendto
set_robust_list set_tid_address sigaltstack stat statx sysinfo time uname write writev
"""
"""Which files can be opened is Landlock's affair, and sockets are those that were open before."""
_NEVER = """
accept accept4 acct add_key bind bpf chroot connect delete_module execve execveat finit_module
fork init_module io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load
keyctl listen mount move_mount open_by_handle_at open_tree perf_event_open personality
pidfd_getfd pidfd_open pivot_root process_madvise process_vm_readv process_vm_writev ptrace
quotactl reboot request_key setns socket swapoff swapon umount2 unshare userfaultfd vfork
"""
_CLONE_THREAD = 0x00010000
_FILES = 64
"""Files and connections that a process may have open."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a process cannot do any more."""

    files: int = 0
    """Landlock's ABI, if files are out of reach but for those that were allowed; 0 without."""
    calls: bool = False
    """Whether seccomp refuses all calls but those it needs."""

    @property
    def whole(self) -> bool:
        """Whether both are on."""
        return self.files > 0 and self.calls

    def describe(self) -> str:
        """Say it in a line."""
        files = f"files out of reach (Landlock, ABI {self.files})" if self.files else None
        calls = "no network, no other processes (seccomp)" if self.calls else None
        on = [one for one in (files, calls) if one]
        return ", ".join([*on, "limits of memory and time"])


def confine(
    *,
    read: Iterable[Path] | None = (),
    write: Iterable[Path] = (),
    calls: Calls | None,
) -> Confinement:
    """Give up, in the calling thread and those it starts, what is not named here; for good.

    Of files, Python and its packages can be read, and what lies in `read`; files can be made and
    changed in `write`. Files and connections that are open stay so.

    Parameters
    ----------
    read
        Files and folders that may be read; None: all. Those that do not exist are not allowed.
    write
        Files and folders that may be written to, likewise.
    calls
        What the thread may ask the system for; None: all.
    """
    filters = _seccomp() if calls is not None else None  # finding its library takes files
    write = [Path(os.devnull), *write]
    files = _give_up_files(None if read is None else [*_python(), *read], write)
    return Confinement(files, calls is not None and _give_up_calls(filters, calls))


def load_sandbox() -> None:
    """Import now what `confine` needs; for a process that is forked to be confined each time."""
    _landlock()
    _seccomp()


def limit_files(size: int | None) -> None:
    """Let this process open few more files, and write no file larger than `size` bytes.

    What it hands to others in memory counts as a file too.
    """
    _lower(resource.RLIMIT_NOFILE, _FILES)
    _lower(resource.RLIMIT_CORE, 0)
    if size is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an error of writing, instead of an end
        _lower(resource.RLIMIT_FSIZE, size)


def _lower(what: int, count: int) -> None:
    _, hard = resource.getrlimit(what)
    limit = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(what, (limit, limit))


def _python() -> list[Path]:
    """Return what lazy imports read: libraries of the system and of Python, and rawkit's files."""
    found = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [one for one in sys.path if one.endswith("-packages")]
    found += ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"]
    found += ["/usr/share/zoneinfo", "/etc/localtime", "/sys/devices/system/cpu"]
    return [*map(Path, found), Path(rawkit.__file__).parent, Path(sys.executable).resolve()]


def _give_up_files(read: list[Path] | None, write: list[Path]) -> int:
    landlock = _landlock()
    if landlock is None:
        return 0
    try:
        ctypes.set_errno(0)  # it takes one that was left behind for its own
        version: int = landlock.landlock_abi_version()
        access = landlock.FSAccess
        reading = access.READ_FILE | access.READ_DIR
        writing = access.all() & ~reading & ~access.EXECUTE
        rules = landlock.Ruleset(writing if read is None else access.all())
        for path in read or ():
            _allow(rules, path, reading if path.is_dir() else access.READ_FILE)
        for path in write:
            _allow(rules, path, writing if path.is_dir() else writing & access.all_file())
        ctypes.set_errno(0)
        rules.apply()
    except OSError:  # an older kernel, or one that was started without it
        return 0
    return version


def _allow(rules: Any, path: Path, access: Any) -> None:
    ctypes.set_errno(0)
    if path.exists():
        rules.allow(path, rules=access)


def _landlock() -> Any:
    """Return the library of rules for files; None where there is none."""
    if sys.platform != "linux":
        return None
    try:
        import landlock  # type: ignore[import-untyped]  # noqa: PLC0415 - Linux has it alone
    except (ImportError, OSError):
        return None
    return landlock


def _seccomp() -> Any:
    """Return the library of filters for calls; None where there is none."""
    if sys.platform != "linux":
        return None
    try:
        import pyseccomp  # type: ignore[import-untyped]  # noqa: PLC0415 - Linux has it alone
    except (ImportError, OSError, RuntimeError):  # without libseccomp it cannot be imported
        return None
    return pyseccomp


def _give_up_calls(pyseccomp: Any, calls: Calls) -> bool:
    if pyseccomp is None:
        return False
    refuse = pyseccomp.ERRNO(EPERM)
    listed = (_DECODE if calls == "decode" else _NEVER).split()
    try:
        rules = pyseccomp.SyscallFilter(refuse if calls == "decode" else pyseccomp.ALLOW)
        for name in listed:
            _rule(rules, pyseccomp.ALLOW if calls == "decode" else refuse, name)
        thread = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD)
        process = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0)
        # Threads alone. Of clone3 the flags cannot be seen: without it the C library asks clone.
        _rule(rules, pyseccomp.ERRNO(ENOSYS), "clone3")
        if calls == "decode":
            _rule(rules, pyseccomp.ALLOW, "clone", thread)
            # What a failed assertion of the C library ends itself with.
            _rule(rules, pyseccomp.ALLOW, "tgkill", pyseccomp.Arg(0, pyseccomp.EQ, os.getpid()))
        else:
            _rule(rules, refuse, "clone", process)
        rules.load()
    except OSError:
        return False
    return True


def _rule(rules: Any, action: int, name: str, *conditions: Any) -> None:
    """Add a rule for a call; one that this processor's systems do not have needs none."""
    try:
        rules.add_rule(action, name, *conditions)
    except OSError:
        if conditions:  # those are everywhere
            raise
