"""Do locks of files exclude processes on other nodes? What the kernel says about the file system decides.

Linux lists the mounts of a process with their options in ``/proc/self/mountinfo``. Where it does not exist, locks
count as reaching all nodes.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import NamedTuple

from zarrcy.errors import LockWarning
from zarrcy.sync.thread_pool import text_of

MOUNTS = "/proc/self/mountinfo"
# Local file systems in user space. Others show files of servers.
_LOCAL_FUSE = frozenset(
    (
        "fuseblk",
        "fuse.fuse-overlayfs",
        "fuse.mergerfs",
        "fuse.unionfs",
        "fuse.encfs",
        "fuse.gocryptfs",
        "fuse.cryfs",
    )
    + (
        "fuse.bindfs",
        "fuse.portal",
        "fuse.lxcfs",
        "fuse.squashfuse",
        "fuse.ntfs-3g",
        "fuse.zfs-fuse",
        "fusectl",
    )
)
# Options of NFS with which POSIX locks, and those of open files, stay on the node.
_NFS = ("nolock", "local_lock=posix", "local_lock=all")


class Mount(NamedTuple):
    """One mount of a file system.

    Attributes
    ----------
    at, root : str
        The mount point, and the directory of the file system that is there, each with a slash at its end.
    device : str
        Major and minor number of the device.
    kind : str
        Type of the file system.
    options : frozenset of str
        Options of the mount and of the file system.
    """

    at: str
    root: str
    device: str
    kind: str
    options: frozenset[str]


def mount_of(path: str, text: str) -> Mount | None:
    """Return the mount that holds a real path, from the text of ``mountinfo``; None if no mount is listed.

    Examples
    --------
    >>> text = "25 1 8:1 / / rw,noatime - ext4 /dev/sda1 rw\\n40 25 0:35 / /data rw - nfs4 server:/data rw,vers=4.2"
    >>> mount_of("/data/a", text).kind, mount_of("/database", text).kind
    ('nfs4', 'ext4')
    """
    found = None
    for line in text.splitlines():
        head, separator, tail = line.partition(" - ")
        fields, of_file_system = head.split(" "), tail.split(" ")
        if not separator or len(fields) < 6:
            continue
        at = os.path.join(_unescaped(fields[4]), "")
        # later mounts hide earlier ones
        if (path + "/").startswith(at) and (found is None or len(at) >= len(found.at)):
            options = frozenset([*fields[5].split(","), *(of_file_system[-1].split(","))])
            found = Mount(at, os.path.join(_unescaped(fields[3]), ""), fields[2], of_file_system[0], options)
    return found


def _unescaped(path: str) -> str:
    """Return a path of the list of mounts without the octal codes of white space."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), path)


def problem_at(path: str, text: str | None = None) -> str:
    """Return why locks of files below a directory do not reach the other nodes that have it; empty if they do.

    Parameters
    ----------
    path : str
        Path of the directory.
    text : str, optional
        The text of ``mountinfo``; by default that of this process.

    Examples
    --------
    >>> problem_at("/data", "40 1 0:35 / / rw - nfs server:/data rw,vers=3,nolock,local_lock=all")
    'NFS, mounted at / with nolock'
    """
    mount = mount_of(os.path.realpath(path), text_of(MOUNTS) if text is None else text)
    if mount is None:
        return ""
    kind, options = mount.kind, mount.options
    if kind in ("nfs", "nfs4"):
        bad = [option for option in sorted(options) if option in _NFS]
        return _mounted("NFS", mount, f"with {bad[-1]}") if bad else ""
    if kind == "lustre":
        if "localflock" in options:
            return _mounted("Lustre", mount, "with localflock")
        return "" if "flock" in options else _mounted("Lustre", mount, "without flock")
    if kind in ("cifs", "smb3") and "nobrl" in options:
        return _mounted("SMB", mount, "with nobrl")
    if kind == "beegfs":
        return _mounted("BeeGFS", mount, "which has such locks only with tuneUseGlobalFileLocks")
    if kind.startswith("fuse") and kind not in _LOCAL_FUSE:
        return _mounted(kind, mount, "whose locks are those of this node")
    return ""


def _mounted(name: str, mount: Mount, how: str) -> str:
    return f"{name}, mounted at {mount.at.rstrip('/') or '/'} {how}"


# What is known of devices, by the place of the list of mounts and the number of the device; and which of them have been
# warned of.
_known: dict[tuple[str, int], str] = {}
_warned: set[tuple[str, int]] = set()


def known_problem(path: str) -> tuple[str, tuple[str, int]]:
    """Return what `problem_at` returns, and a name of the file system; it is looked up once for each file system."""
    at = path
    while True:
        try:
            name = (MOUNTS, os.stat(at).st_dev)
            break
        except OSError:
            # a directory that does not exist yet
            above = os.path.dirname(at.rstrip("/"))
            if above == at:
                return "", (MOUNTS, 0)
            at = above or "."
    if name not in _known:
        _known[name] = problem_at(path)
    return _known[name], name


def warn_of_reach(path: str) -> None:
    """Warn, once for each file system, that locks do not reach the other nodes that have a directory."""
    problem, name = known_problem(path)
    if problem and name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"locks of files in {path!r} do not exclude processes on other nodes: the file system is {problem}. If "
            "several nodes write to this array at the same time, write whole chunks (see Array.pieces) or pass a "
            "synchronizer",
            LockWarning,
            stacklevel=4,
        )
