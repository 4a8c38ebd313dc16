"""Making a new cluster's folder: plan it, lay it out, write it at once."""

import datetime as dt
from pathlib import Path

from quorate_client.provision.folder import check_target, write_cluster
from quorate_client.provision.hosts import plan_hosts
from quorate_client.provision.layout import OFFICERS, PROFILE, NewCluster, lay_out
from quorate_client.provision.plan import NodePlan, Plan, plan_cluster

__all__ = [
    "OFFICERS",
    "PROFILE",
    "NewCluster",
    "NodePlan",
    "Plan",
    "plan_cluster",
    "plan_hosts",
    "provision",
]


def provision(directory: Path, plan: Plan) -> NewCluster:
    """Make the cluster of `plan` in `directory`, which must not exist or be empty.

    Raises LocalError with a one-line message; then nothing has been left behind.
    """
    target = directory.absolute()
    check_target(target)  # before the work of making keys
    cluster = lay_out(plan, dt.datetime.now(dt.UTC))
    write_cluster(target, cluster)
    return cluster
