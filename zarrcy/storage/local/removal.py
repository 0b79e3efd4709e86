"""Delete a directory with everything in it, or leave everything where it is.

A directory is renamed first, so that all its keys disappear at once, and emptied under the new name. What would
prevent this is checked before. If the first deletion fails nevertheless, the directory gets its name back. If a later
one fails, the keys are deleted already; what remains has a temporary name, which `zarrcy.verify` reports.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from zarrcy.storage.local.atomic_files import PARTIAL, explained, partial_of
from zarrcy.sync.thread_pool import text_of

# The documents without which a directory is not a node. They are deleted first, so a directory that has one is whole.
NODE_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", "attributes.json")
_PASSES = 20
_PAUSE = 0.005
# Names that a file system gives to a deleted file while a process has it open.
_HELD = (".nfs", ".fuse_hidden")
# Errors after which a repetition can succeed: another process deleted or wrote a file at the same time.
_RACES = (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST)


class _Remove(Protocol):
    def __call__(self, path: str, *, dir_fd: int | None) -> None: ...


def remove_folder(folder: str) -> None:
    """Delete a directory with everything in it.

    A symbolic link to a directory, a mount point, and a directory in a parent that can't be changed are emptied, and
    stay.

    Parameters
    ----------
    folder : str
        Path of the directory. Nothing happens if it does not exist.

    Raises
    ------
    OSError
        If it can't be deleted. Everything is then where it was.

    Warns
    -----
    RuntimeWarning
        If the directory is deleted, but some of its files could not be removed from the disk.
    """
    check_removable(folder)
    if not os.path.islink(folder):
        doomed, deletion = partial_of(folder), _Deletion()
        try:
            try:
                os.rename(folder, doomed)
            except FileNotFoundError:
                return
            except OSError:
                # a mount point, a directory in a read-only parent, or one of a lower layer of overlayfs
                pass
            else:
                _discard(doomed, folder, lambda: _rename_back(doomed, folder), deletion)
                return
        except BaseException:
            # an interrupt may come between the renaming and the deletion
            if deletion.n_deleted == 0:
                _rename_back(doomed, folder)
            raise
    _empty(folder)


def check_removable(folder: str) -> None:
    """Raise an error if a directory can't be deleted with everything in it.

    Parameters
    ----------
    folder : str
        Path of the directory, which need not exist.

    Raises
    ------
    PermissionError
        If a directory that is not empty can't be changed.
    OSError
        If another file system is mounted in the directory.
    """
    inside = os.path.join(os.path.realpath(folder), "")
    for mounted in _mount_points():
        if mounted.startswith(inside):
            problem = f"{folder!r} can't be deleted, because it contains the mount point {mounted!r}"
            raise explained(OSError(errno.EBUSY, os.strerror(errno.EBUSY)), problem, folder)
    pending = [folder]
    while pending:
        place = pending.pop()
        try:
            with os.scandir(place) as entries:
                pending += _folders_in(entries, place, folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as exc:
            raise explained(exc, f"{folder!r} can't be deleted: {place!r} can't be listed", place) from exc


def _folders_in(entries: Iterator[os.DirEntry[str]], place: str, folder: str) -> Iterator[str]:
    """Iterate over the directories among the entries of `place`; raise PermissionError if an entry can't be deleted."""
    is_first, owned_only = True, False
    for entry in entries:
        if is_first:
            owned_only = _deletes_owned_only(place)
            if not os.access(place, os.W_OK | os.X_OK):
                if not os.path.isdir(place):
                    # another process deleted it just now
                    return
                raise _denied(folder, f"the directory {place!r} is read-only")
            is_first = False
        if owned_only and entry.stat(follow_symlinks=False).st_uid != os.geteuid():
            raise _denied(folder, f"{entry.path!r} belongs to another user, and its directory is sticky")
        if entry.is_dir(follow_symlinks=False):
            yield entry.path


def _deletes_owned_only(place: str) -> bool:
    """Return whether this user may delete only its own files in a directory."""
    if os.name != "posix" or os.geteuid() == 0:
        return False
    status = os.stat(place)
    return bool(status.st_mode & stat.S_ISVTX) and status.st_uid != os.geteuid()


def _denied(folder: str, problem: str) -> OSError:
    cause = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return explained(cause, f"{folder!r} can't be deleted: {problem}. Nothing was changed", folder)


def _mount_points() -> list[str]:
    """Return the paths at which file systems are mounted; empty where the system does not list them."""
    try:
        paths = [line.split(" ", 5)[4] for line in text_of("/proc/self/mountinfo").split("\n") if line]
    except IndexError:
        return []
    return [re.sub(r"\\([0-7]{3})", _unescaped, path) if "\\" in path else path for path in paths]


def _unescaped(octal: re.Match[str]) -> str:
    return chr(int(octal[1], 8))


def _empty(folder: str) -> None:
    """Delete everything in a directory: move it to a temporary directory inside, and delete that."""
    trash, deletion = partial_of(os.path.join(folder, "")), _Deletion()
    undo: list[Callable[[], None]] = [lambda: _remove_if_there(trash)]
    left: list[str] = []
    try:
        os.mkdir(trash)
        for name in sorted(os.listdir(folder), key=_documents_first):
            if name != os.path.basename(trash):
                _move(os.path.join(folder, name), os.path.join(trash, name), undo, left)
        _discard(trash, folder, lambda: _run_all(undo), deletion)
    except BaseException:
        if deletion.n_deleted == 0:
            _run_all(undo)
        raise
    for place in [folder, *left][::-1]:
        if not os.path.islink(place):
            try:
                os.rmdir(place)
            except OSError:
                # a mount point, a directory in a read-only parent, or one that another process uses again
                continue


def _documents_first(name: str) -> tuple[bool, str]:
    return name not in NODE_DOCUMENTS, name


def _move(source: str, target: str, undo: list[Callable[[], None]], left: list[str]) -> None:
    """Move a file or directory; if a directory can't be renamed, move what it contains and leave it empty."""
    # before it is moved, because an interrupt may come after that
    undo.append(lambda: _rename_back(target, source))
    try:
        os.rename(source, target)
    except FileNotFoundError:
        return
    except OSError as exc:
        if exc.errno != errno.EXDEV or os.path.islink(source) or not os.path.isdir(source):
            raise explained(exc, "it can't be deleted. Nothing was changed", source) from exc
        undo[-1] = lambda: _remove_if_there(target)
        os.mkdir(target)
        left.append(source)
        for name in sorted(os.listdir(source), key=_documents_first):
            _move(os.path.join(source, name), os.path.join(target, name), undo, left)


def _rename_back(moved: str, original: str) -> None:
    """Give something its name back, if it was moved."""
    if os.path.lexists(moved) and not os.path.lexists(original):
        os.rename(moved, original)


def _remove_if_there(folder: str) -> None:
    with suppress(FileNotFoundError):
        os.rmdir(folder)


def _run_all(undo: list[Callable[[], None]]) -> None:
    while undo:
        undo.pop()()


def _discard(doomed: str, folder: str, put_back: Callable[[], None], deletion: _Deletion) -> None:
    """Delete a renamed directory; put it back and raise an error if nothing of it can be deleted."""
    try:
        for _ in range(_PASSES):
            try:
                errors = deletion.run(doomed)
            except FileNotFoundError as exc:
                # another process moved the directory, or one above it, to delete that
                errors = [exc]
            if not errors or not os.path.lexists(doomed):
                return
            if all(error.errno not in _RACES for error in errors):
                break
            time.sleep(_PAUSE)
    except BaseException as exc:
        if deletion.n_deleted == 0:
            try:
                put_back()
            except OSError as second:
                exc.add_note(
                    f"{folder!r} could not get its name back ({second}); its files are in {doomed!r}"
                )
                raise
        if isinstance(exc, OSError):
            raise explained(exc, f"{folder!r} can't be deleted. Nothing was changed", folder) from exc
        raise
    warnings.warn(
        f"{folder!r} is deleted, but some of its files can't be removed from the disk yet ({errors[0]}). They are in "
        f"{doomed!r}; remove that directory when no process uses them",
        RuntimeWarning,
        stacklevel=4,
    )


class _Deletion:
    """Deletes a directory tree, and counts what it deleted."""

    def __init__(self) -> None:
        self.n_deleted = 0

    def run(self, top: str) -> list[OSError]:
        """Delete what can be deleted, and return the errors. Raise the first error if nothing was deleted before."""
        errors: list[OSError] = []
        for name in NODE_DOCUMENTS:
            path = os.path.join(top, name)
            if os.path.lexists(path) and not os.path.isdir(path):
                self._delete(os.unlink, path, None, errors)
        # bottom-up: a directory comes after what it contains
        for folder, folders, names, fd in _walk_up(top):
            for name in sorted(names, key=_held_last):
                self._delete(os.unlink, os.path.join(folder, name), fd, errors)
            for name in folders:
                self._delete(_remove_folder_or_link, os.path.join(folder, name), fd, errors)
        self._delete(os.rmdir, top, None, errors)
        return errors

    def _delete(self, call: _Remove, path: str, fd: int | None, errors: list[OSError]) -> None:
        name = os.path.basename(path)
        # counted before, because an interrupt may come after the deletion
        self.n_deleted += 1
        try:
            call(path if fd is None else name, dir_fd=fd)
        except FileNotFoundError:
            self.n_deleted -= 1
        except OSError as exc:
            self.n_deleted -= 1
            if self.n_deleted == 0 and not name.startswith(_HELD) and exc.errno not in _RACES:
                raise
            errors.append(exc)


def _walk_up(top: str) -> Iterator[tuple[str, list[str], list[str], int | None]]:
    """Iterate over the directories of a tree, the deepest first, with a descriptor where the system has it.

    A name below a descriptor can't lead through a link that another user put in the place of a directory.
    """
    if hasattr(os, "fwalk"):
        yield from os.fwalk(top, topdown=False)
    else:
        yield from ((*step, None) for step in os.walk(top, topdown=False))


def _remove_folder_or_link(path: str, *, dir_fd: int | None) -> None:
    try:
        os.rmdir(path, dir_fd=dir_fd)
    except NotADirectoryError:
        os.unlink(path, dir_fd=dir_fd)


def _held_last(name: str) -> tuple[bool, str]:
    return name.startswith(_HELD), name


# -- directories whose deletion was interrupted ----------------------------------------------------------


def is_empty_tree(folder: str) -> bool:
    """Return whether a directory contains only directories."""
    return not any(names for _, _, names in os.walk(folder))


def is_whole(folder: str) -> bool:
    """Return whether the deletion of a directory stopped before it began: the document of its node still exists."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in NODE_DOCUMENTS)


def restore(doomed: str) -> None:
    """Undo the first step of `remove_folder`: give a directory its name back.

    Parameters
    ----------
    doomed : str
        Path of the directory, for which `can_be_restored` is true.
    """
    folder = original_of(doomed)
    if not folder.endswith(os.sep):
        os.rename(doomed, folder)
        return
    # documents last: a reader sees no node until it is complete
    for name in sorted(os.listdir(doomed), key=_documents_first)[::-1]:
        os.rename(os.path.join(doomed, name), os.path.join(folder, name))
    os.rmdir(doomed)


def can_be_restored(doomed: str) -> bool:
    """Return whether a directory is whole and nothing took its place since."""
    folder = original_of(doomed)
    if not is_whole(doomed):
        return False
    if not folder.endswith(os.sep):
        return not os.path.lexists(folder)
    return not any(os.path.lexists(os.path.join(folder, name)) for name in os.listdir(doomed))


def original_of(doomed: str) -> str:
    """Return the name that a directory had before it got a temporary name; with a slash if that is its own parent.

    >>> original_of("/data/x." + "0" * 32 + ".partial"), original_of("/data/." + "0" * 32 + ".partial")
    ('/data/x', '/data/')
    """
    return PARTIAL.sub("", doomed)
