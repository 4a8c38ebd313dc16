"""A client of the course, as a student writes it from the contract: it knows nothing of Quorate.

The messages are built here from the written contract (proto2, every singular field required) in
a descriptor pool of their own, so that a slip in Quorate's .proto cannot hide itself.
"""

from collections.abc import Sequence
from typing import Any, Self

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

TIMEOUT_S = 20.0  # never a measurement

_CONTRACT = {
    "Voter": ["required string name 1", "required string group 2", "required bytes public_key 3"],
    "VoterName": ["required string name 1"],
    "ElectionName": ["required string name 1"],
    "Status": ["required int32 code 1"],
    "Challenge": ["required bytes value 1"],
    "Response": ["required bytes value 1"],
    "AuthToken": ["required bytes value 1"],
    "AuthRequest": ["required VoterName name 1", "required Response response 2"],
    "Election": [
        "required string name 1",
        "repeated string groups 2",
        "repeated string choices 3",
        "required google.protobuf.Timestamp end_date 4",
        "required AuthToken token 5",
    ],
    "Vote": [
        "required string election_name 1",
        "required string choice_name 2",
        "required AuthToken token 3",
    ],
    "VoteCount": ["required string choice_name 1", "required int32 count 2"],
    "ElectionResult": ["required int32 status 1", "repeated VoteCount counts 2"],
}
_REPLIES = {
    "PreAuth": "Challenge",
    "Auth": "AuthToken",
    "CreateElection": "Status",
    "CastVote": "Status",
    "GetResult": "ElectionResult",
    "RegisterVoter": "Status",
    "UnregisterVoter": "Status",
}
_ANSWERS = (  # not worth asking another server
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
)
_OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]


def _field(text: str) -> descriptor_pb2.FieldDescriptorProto:
    label, kind, name, number = text.split()
    field = descriptor_pb2.FieldDescriptorProto(name=name, number=int(number))
    field.label = field.Label.Value(f"LABEL_{label.upper()}")
    if kind in ("string", "bytes", "int32"):
        field.type = field.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{kind}" if "." in kind else f".voting.{kind}"
    return field


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name="contract.proto",
        package="voting",
        syntax="proto2",
        dependency=["google/protobuf/timestamp.proto"],
        message_type=[
            descriptor_pb2.DescriptorProto(name=name, field=map(_field, fields))
            for name, fields in _CONTRACT.items()
        ],
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()


def message(kind: str, **fields: object) -> Any:
    """Make a message of the contract."""
    made = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"voting.{kind}"))
    return made(**fields)


def parse(kind: str, raw: bytes) -> Any:
    """Parse as proto2 parsers of other languages do: a required field must be there."""
    parsed = message(kind)
    parsed.ParseFromString(raw)
    missing = parsed.FindInitializationErrors()
    if missing:
        raise ValueError(f"{kind} without {', '.join(missing)}: {raw!r}")
    return parsed


class Student:
    """A voter and her key."""

    def __init__(self, name: str, group: str = "students") -> None:
        self.name = name
        self.group = group
        self.key = Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> bytes:
        """The raw 32 bytes."""
        return self.key.public_key().public_bytes_raw()


class CourseClient:
    """Talks to the first server that answers, and goes on to the next when it fails.

    Args:
        servers: host:port of each.
        credentials: TLS; None for plaintext.
        timeout_s: for one try on one server.
    """

    def __init__(
        self,
        *servers: str,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._channels = [
            grpc.insecure_channel(server, options=_OPTIONS)
            if credentials is None
            else grpc.secure_channel(server, credentials, options=_OPTIONS)
            for server in servers
        ]
        self._current = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels:
            channel.close()

    def raw(self, rpc: str, request: bytes) -> bytes:
        """Call with bytes and return bytes, with failover."""
        for more in reversed(range(len(self._channels))):
            channel = self._channels[self._current]
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                f"/voting.eVoting/{rpc}"
            )
            try:
                return call(request, timeout=self._timeout_s)
            except grpc.RpcError as error:
                if not more or error.code() in _ANSWERS:
                    raise
                self._current = (self._current + 1) % len(self._channels)
        raise AssertionError("no servers")

    def call(self, rpc: str, request: Any) -> Any:
        """Call and parse strictly."""
        return parse(_REPLIES[rpc], self.raw(rpc, request.SerializeToString()))

    # ------------------------------------------------------------------ the seven calls

    def register(self, student: Student) -> int:
        """RegisterVoter."""
        return self.register_key(student.name, student.group, student.public_key)

    def register_key(self, name: str, group: str, public_key: bytes) -> int:
        """RegisterVoter, with whatever key."""
        voter = message("Voter", name=name, group=group, public_key=public_key)
        return int(self.call("RegisterVoter", voter).code)

    def unregister(self, name: str) -> int:
        """UnregisterVoter."""
        return int(self.call("UnregisterVoter", message("VoterName", name=name)).code)

    def pre_auth(self, name: str) -> bytes:
        """PreAuth."""
        return bytes(self.call("PreAuth", message("VoterName", name=name)).value)

    def auth(self, name: str, response: bytes) -> bytes:
        """Auth."""
        request = message("AuthRequest", name={"name": name}, response={"value": response})
        return bytes(self.call("Auth", request).value)

    def auth_code(self, name: str, response: bytes) -> grpc.StatusCode | None:
        """Auth: the gRPC status that refused it, or None."""
        try:
            self.auth(name, response)
        except grpc.RpcError as error:
            return error.code()
        return None

    def login(self, student: Student) -> bytes:
        """PreAuth and Auth; return the token."""
        return self.auth(student.name, student.key.sign(self.pre_auth(student.name)))

    def create(
        self, token: bytes, name: str, groups: Sequence[str], choices: Sequence[str], end_s: float
    ) -> int:
        """CreateElection, ending `end_s` seconds after 1970."""
        end = {"seconds": int(end_s // 1), "nanos": int(end_s % 1 * 1e9)}
        request = message(
            "Election",
            name=name,
            groups=groups,
            choices=choices,
            end_date=end,
            token={"value": token},
        )
        return int(self.call("CreateElection", request).code)

    def vote(self, token: bytes, election: str, choice: str) -> int:
        """CastVote."""
        request = message(
            "Vote", election_name=election, choice_name=choice, token={"value": token}
        )
        return int(self.call("CastVote", request).code)

    def result(self, election: str) -> tuple[int, list[tuple[str, int]]]:
        """GetResult: the code, and each choice with its count, in the order that they came."""
        reply = self.call("GetResult", message("ElectionName", name=election))
        return reply.status, [(each.choice_name, each.count) for each in reply.counts]
