"""The faults, by the names that they have in the report; see `kinds.py` for when and to whom."""

from collections.abc import Mapping

from chaos.deed import Fault
from chaos.faults import clocks, disks, links, partitions, power, processes, snapshots, tails

FAULTS: Mapping[str, Fault] = {
    "kill-follower": processes.kill,
    "kill-leader": processes.kill,
    "kill-majority": processes.kill,
    "kill-all": processes.kill,
    "pause-follower": processes.pause,
    "pause-leader": processes.pause,
    "restart-storm": processes.restart_storm,
    "rolling-restart": processes.rolling_restart,
    "leader-transfer": processes.leader_transfer,
    "partition-leader": partitions.by_relay(partitions.leader),
    "partition-halves": partitions.by_relay(partitions.halves),
    "partition-bridge": partitions.by_relay(partitions.bridge),
    "partition-one-way": partitions.by_relay(partitions.one_way),
    "partition-flapping": partitions.flapping(by_packets=False),
    "packets-leader": partitions.by_packets(partitions.leader),
    "packets-halves": partitions.by_packets(partitions.halves),
    "packets-bridge": partitions.by_packets(partitions.bridge),
    "packets-one-way": partitions.by_packets(partitions.one_way),
    "packets-flapping": partitions.flapping(by_packets=True),
    "packet-loss": links.loss,
    "latency": links.latency,
    "connection-resets": links.resets,
    "clock-jump": clocks.jump,
    "clock-skew": clocks.skew,
    "slow-disk": disks.slow,
    "stalled-disk": disks.stalled,
    "full-disk": disks.full,
    "truncated-tail": tails.truncate,
    "power-cut-one": power.cut,
    "power-cut-all": power.cut,
    "power-cut-in-snapshot": snapshots.power_cut,
    "kill-in-snapshot": snapshots.kill,
}
