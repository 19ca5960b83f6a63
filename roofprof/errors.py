"""The errors that users see: what went wrong with which file, and what to do about it."""


class RoofprofError(Exception):
    """An error to be shown as `error: message` and `hint: hint`, without a traceback.

    Attributes:
        message: what is wrong, naming the file or the argument.
        hint: what the user can do, or None.
        exit_code: 1, or 2 when the command line itself is wrong.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def crash(error: Exception) -> RoofprofError:
    """What users are told of an exception that is none of ours: a fault of roofprof itself."""
    return RoofprofError(f"roofprof failed: {type(error).__name__}: {error}", "rerun with --debug and open an issue")


class UsageError(RoofprofError):
    """The command line asks for something that does not exist or is out of range."""

    exit_code = 2


class ReportError(RoofprofError):
    """A file is not a report, or a damaged one."""
