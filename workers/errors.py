"""
CommandError                 a command ends with a sentence and an exit code, never a traceback
 ├── Refused       exit 1    refused or denied
 ├── WrongUse      exit 2    the command or its input is wrong
 ├── CannotReach   exit 3    a server does not answer
 └── CannotOpen    exit 1    sealed bytes cannot be opened here
"""

from __future__ import annotations


class CommandError(Exception):
    """What happened, to what, and what to do next, in one line."""

    exit_code = 1


class Refused(CommandError):
    """The answer is no."""

    exit_code = 1


class WrongUse(CommandError):
    """The person at the terminal can mend it."""

    exit_code = 2


class CannotReach(CommandError):
    """Something that should run does not answer."""

    exit_code = 3


class CannotOpen(CommandError):
    """Sealed bytes that this machine's key ring does not open; says why."""

    exit_code = 1
