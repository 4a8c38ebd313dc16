"""The cluster secret's file."""

from pathlib import Path

from quorate_node.errors import SetupError

SECRET_BYTES = 32


def read_secret(path: Path) -> bytes:
    """Read 64 hex digits. Raises SetupError; the content is never in its message."""
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as flaw:
        raise SetupError(f"cannot read the cluster secret {path}: {flaw.strerror}") from None
    except ValueError:
        raise SetupError(f"the cluster secret {path} must be 64 hexadecimal digits") from None
    if len(secret) != SECRET_BYTES:
        raise SetupError(f"the cluster secret {path} must be 64 hexadecimal digits")
    if path.stat().st_mode & 0o077:
        raise SetupError(f"others can read the cluster secret: run chmod 600 {path}")
    return secret
