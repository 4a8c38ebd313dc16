"""A node's life: start, say when it is ready, stop gracefully."""

import asyncio
import errno
import logging
import signal
import time
from contextlib import AsyncExitStack

from quorate_node.application import Application
from quorate_node.closer import announce_members, close_on_time
from quorate_node.config import NodeConfig
from quorate_node.credentials import Credentials, load_credentials
from quorate_node.data_folder import open_data_folder
from quorate_node.errors import DiskError, SetupError
from quorate_node.identity import Identity
from quorate_node.own_status import OwnStatus
from quorate_node.peers import Peers
from quorate_node.secrets_file import read_secret
from quorate_node.server import Servers, check_address
from quorate_replication import Replica
from quorate_replication.errors import DiskFailure, EngineStartError
from quorate_replication.memory import calm_collector
from quorate_replication.options import PeerTls, RaftOptions
from quorate_replication.raft.thread import RaftEngine

log = logging.getLogger(__name__)

GRACE_S = 5.0  # for calls under way when the node is told to stop
DRAIN_S = 0.5  # before that, new calls are sent elsewhere: closed connections tell callers less
READINESS_S = 0.1  # how often readiness is looked at


def clock_us() -> int:
    """Return this machine's clock, microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def check(config: NodeConfig) -> tuple[bytes, Credentials]:
    """Return the cluster secret and this node's credentials. Raises SetupError."""
    return read_secret(config.secret_file), load_credentials(config.tls, config.name)


async def serve(config: NodeConfig, *, replace: bool = False) -> None:
    """Run a node until SIGTERM or SIGINT.

    Args:
        config: the node's settings.
        replace: its disk was lost, and its data folder is empty: it catches up before it votes.

    Raises:
        SetupError: a file, certificate, setting or port is wrong; nothing was started.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    checked = check(config)
    options = _raft_options(config, replace=replace)
    with open_data_folder(config.data_dir):
        async with AsyncExitStack() as stack:
            await _run(config, options, checked, stop, stack)
    log.info("stopped")


async def _run(
    config: NodeConfig,
    options: RaftOptions,
    checked: tuple[bytes, Credentials],
    stop: asyncio.Event,
    stack: AsyncExitStack,
) -> None:
    secret, credentials = checked
    check_address(config.listen.peer, "peers")
    others = [member for member in config.members if member.name != config.name]
    dialling = None if config.lab else credentials.for_dialling()
    peers = Peers(others, dialling, clock_us, int(config.max_clock_offset_s * 1e6))
    stack.push_async_callback(peers.close)
    replica = Replica(lambda applied: RaftEngine(options, applied), config.name, peers.reading_us)
    own = OwnStatus(config, replica, peers, clock_us)
    identity = Identity(secret, config.cluster_id)
    application = Application(replica, identity, clock_us, peers.clock_is_sane)
    servers = Servers(config, credentials, application, own, peers)
    try:
        await replica.start()
    except EngineStartError as flaw:
        kind = DiskError if _is_of_the_disk(flaw.__cause__) else SetupError
        raise kind(str(flaw)) from None
    stack.push_async_callback(replica.stop)
    await servers.start()
    calm_collector()
    _say_hello(config)
    members = [member.name for member in config.members]
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(announce_members(replica, members, peers), name="members"),
            tasks.create_task(close_on_time(replica, config.name, peers), name="closer"),
            tasks.create_task(peers.run(), name="peers"),
            tasks.create_task(_tell_readiness(own, servers), name="readiness"),
        ]
        await stop.wait()
        log.info("stopping: no new calls, %g s for those under way", GRACE_S)
        own.stopping = True
        await servers.set_ready(ready=False)
        await asyncio.sleep(DRAIN_S)
        await servers.stop(GRACE_S)
        for task in running:
            task.cancel()


def _is_of_the_disk(cause: BaseException | None) -> bool:
    """Tell a disk that is full, or fails, from a path that is wrong."""
    failing = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
    return isinstance(cause, DiskFailure) or (isinstance(cause, OSError) and cause.errno in failing)


async def _tell_readiness(own: OwnStatus, servers: Servers) -> None:
    said: str | None = None
    while True:
        reason = own.not_ready_reason()
        if reason != said:
            log.info("ready" if not reason else f"not ready: {reason}")
            await servers.set_ready(ready=not reason)
            said = reason
        await asyncio.sleep(READINESS_S)


def _raft_options(config: NodeConfig, *, replace: bool) -> RaftOptions:
    return RaftOptions(
        cluster_id=config.cluster_id,
        name=config.name,
        peers={member.name: member.peer for member in config.members},
        bind=config.listen.peer,
        data=config.data_dir,
        tls=PeerTls(ca=config.tls.ca, certificate=config.tls.certificate, key=config.tls.key),
        replace=replace,
        snapshot_entries=config.raft.snapshot_entries,
        election_timeout_s=(
            config.raft.election_timeout_min_s,
            config.raft.election_timeout_max_s,
        ),
        heartbeat_s=config.raft.heartbeat_s,
    )


def _say_hello(config: NodeConfig) -> None:
    log.info(
        "node %s of cluster %s: clients at %s, officers at %s, peers at %s",
        config.name,
        config.cluster_id,
        config.listen.client,
        config.listen.officer or "the same",
        config.listen.peer,
    )
    if config.lab:
        log.warning(
            "LAB MODE: clients in plaintext, and anyone may register voters. "
            "Never hold a real election here."
        )
