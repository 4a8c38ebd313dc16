"""Challenges and tokens: stateless, from the cluster secret alone, valid on every node.

A challenge is the MAC of a name and a time window: nothing is stored, any name gets one. It does
not depend on the roll, so a node that lags behind gives the same one. A token is a name, a key
version and an expiry with their MAC; whether the key version is still the voter's is checked when
a command is applied.
"""

from dataclasses import dataclass
from struct import Struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TOKEN_LIFE_US = 3_600_000_000
CHALLENGE_WINDOW_US = 60_000_000  # this window's and the last one's are taken
SIGNATURE_BYTES = 64
MAX_TOKEN_BYTES = 1024
MAX_RESPONSE_BYTES = 1024

_TOKEN = Struct(">BQQ")  # version, expiry (microseconds since 1970), key version
_TOKEN_VERSION = 1
ENDED = 0
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token was made for; the key version is ENDED if its hour is over."""

    voter_name: str
    key_version: int


class Identity:
    """Makes and checks challenges and tokens.

    Args:
        secret: the cluster's, 32 random bytes.
        cluster_id: so that no two clusters' tokens are alike.
    """

    def __init__(self, secret: bytes, cluster_id: str) -> None:
        self._challenge_key = _derive(secret, cluster_id, b"quorate challenge v1")
        self._token_key = _derive(secret, cluster_id, b"quorate token v1")

    def challenge(self, name: str, now_us: int) -> bytes:
        """Return what `name` must sign now, 32 bytes."""
        return self._window(name, now_us // CHALLENGE_WINDOW_US)

    def answers(self, name: str, public_key: bytes, response: bytes, now_us: int) -> bool:
        """Tell whether `response` is the key's signature of a challenge that is still good.

        Both forms are taken: the detached signature, and the combined form (the signature
        followed by the challenge).
        """
        signature, rest = response[:SIGNATURE_BYTES], response[SIGNATURE_BYTES:]
        try:
            key = Ed25519PublicKey.from_public_bytes(public_key)
        except ValueError:
            return False
        window = now_us // CHALLENGE_WINDOW_US
        good = False
        for challenge in (self._window(name, window), self._window(name, window - 1)):
            try:
                key.verify(signature, challenge)
            except InvalidSignature:
                continue
            good |= not rest or bytes_eq(rest, challenge)
        return good

    def token(self, name: str, key_version: int, now_us: int) -> tuple[bytes, int]:
        """Return a token for the voter's present key, and when it ends (microseconds)."""
        expiry_us = now_us + TOKEN_LIFE_US
        body = _TOKEN.pack(_TOKEN_VERSION, expiry_us, key_version) + name.encode()
        return body + _mac(self._token_key, body), expiry_us

    def bearer(self, token: bytes, now_us: int) -> Bearer | None:
        """Return whom a token is for, or None if it was never ours.

        One that has ended still says whose request is repeated, with no key version that a
        voter could have: it gets a first answer, and is invalid for anything new.
        """
        if not _TOKEN.size + _MAC_BYTES < len(token) <= MAX_TOKEN_BYTES:
            return None
        body, mac = token[:-_MAC_BYTES], token[-_MAC_BYTES:]
        if not bytes_eq(mac, _mac(self._token_key, body)):
            return None
        version, expiry_us, key_version = _TOKEN.unpack_from(body)
        if version != _TOKEN_VERSION:
            return None
        name = body[_TOKEN.size :].decode()
        return Bearer(name, key_version if now_us < expiry_us else ENDED)

    def _window(self, name: str, window: int) -> bytes:
        return _mac(self._challenge_key, window.to_bytes(8) + name.encode())


def _derive(secret: bytes, cluster_id: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _MAC_BYTES, salt=cluster_id.encode(), info=purpose).derive(secret)


def _mac(key: bytes, message: bytes) -> bytes:
    mac = HMAC(key, SHA256())
    mac.update(message)
    return mac.finalize()
