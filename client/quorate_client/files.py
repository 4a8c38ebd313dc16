"""Reading the small files that people name: keys, certificates, profiles."""

import os
import stat
from pathlib import Path

from quorate_client.errors import LocalError

MAX_BYTES = 64 * 1024  # of a cluster.toml with hundreds of nodes; a key has a few hundred


def read_file(path: Path, *, missing: str = "no such file") -> bytes:
    """Return the content of a regular file of at most MAX_BYTES; else LocalError, at once.

    `missing` is what to say if there is no such file.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for someone to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:  # noqa: PTH123  a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise LocalError(f"{path}: cannot be read: not a regular file")
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise LocalError(f"{path}: {missing}") from error
    except IsADirectoryError as error:
        raise LocalError(f"{path}: cannot be read: not a regular file") from error
    except OSError as error:
        raise LocalError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise LocalError(f"{str(path)!r}: not the name of a file") from error
    if len(content) > MAX_BYTES:
        raise LocalError(f"{path}: larger than {MAX_BYTES // 1024} KiB; is it the right file?")
    return content
