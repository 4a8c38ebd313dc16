"""What can go wrong, as one hierarchy.

    QuorateError             anything below; its text is one line: what is wrong; what to do
    +-- LocalError           a file, profile, key or port of this machine is wrong; nothing was sent
    +-- Unauthenticated      the voter's signature was refused
    +-- PermissionDenied     this is an officer's business
    +-- InvalidRequest       the cluster could not make sense of the request; nothing was done
    +-- NotFound             there is no such thing
    +-- NotDone              definite: the cluster was not reached or refused, nothing was changed
    +-- Unknown              indefinite: it may have been done; repeating it under the same request
                             id is safe
        +-- Interrupted      so ended by Ctrl-C

A *rejection* (election closed, ballot already cast, ...) is not an error but an answer: the methods
return it as a value of the proto outcome enums.
"""

from typing import ClassVar


class QuorateError(Exception):
    """Anything that this package raises on purpose; `str()` of it is one line for a person."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "internal"


class LocalError(QuorateError):
    """A file, profile, key or port of this machine is wrong; nothing was sent."""

    exit_code = 6
    code = "local"


class Unauthenticated(QuorateError):  # noqa: N818 - an outcome's name
    """The voter's signature was refused: wrong key, or a name that is not on the roll."""

    exit_code = 7
    code = "unauthenticated"


class PermissionDenied(QuorateError):  # noqa: N818 - an outcome's name
    """The call is for officers, and their certificate was missing or of the wrong role."""

    exit_code = 7
    code = "permission_denied"


class InvalidRequest(QuorateError):  # noqa: N818 - an outcome's name
    """The cluster could not make sense of the request; nothing was done."""

    exit_code = 2
    code = "invalid_request"


class NotFound(QuorateError):  # noqa: N818 - an outcome's name
    """There is no such election."""

    exit_code = 3
    code = "not_found"


class NotDone(QuorateError):  # noqa: N818 - an outcome's name
    """Definite: the cluster was not reached or refused; nothing was changed."""

    exit_code = 4
    code = "not_done"


class Unknown(QuorateError):  # noqa: N818 - an outcome's name
    """Indefinite: it may have been done. Repeat it with `request_id`: it is done at most once."""

    exit_code = 5
    code = "unknown"

    def __init__(self, message: str, request_id: bytes) -> None:
        super().__init__(message)
        self.request_id = request_id


class Interrupted(Unknown):
    """Ctrl-C came while the request was under way."""

    exit_code = 130
    code = "interrupted"
