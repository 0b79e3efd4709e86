"""Run a function as a user who is not root: root may read and delete everything."""

import os

from forks import in_a_fork

# Number of a user that has no files; Linux reserves it.
OTHER = 65534


def _as_other(function, arguments):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(OTHER)
        os.setuid(OTHER)
    return function(*arguments)


def as_other_user(function, *arguments):
    """Return what a function returns in a child process that is not root.

    The child may be unable to read the installed packages, so the caller imports what the function needs.
    """
    return in_a_fork(_as_other, function, arguments)()
