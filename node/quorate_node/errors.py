"""What can be wrong with a node's surroundings, and what it refuses a caller."""

import grpc


class SetupError(Exception):
    """A file, certificate, setting or port is wrong; the message says which and what to do."""

    exit_status = 6


class DiskError(SetupError):
    """The disk takes nothing, or fails: the same start may go well once that is mended."""

    exit_status = 74
    """sysexits: EX_IOERR; the same as when it happens to a node that runs."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A call that is answered with a gRPC status; certainly nothing was done.

    Args:
        code: the gRPC status code.
        message: one line for the caller.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
