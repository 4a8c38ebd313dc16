"""`quorate demo`: a real cluster, a real election, and its leader killed in the middle of it."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from quorate_client.demo.report import Report
from quorate_client.demo.run import Options, run_demo
from quorate_client.demo.stage import Stage
from quorate_client.up.supervisor import LOGS
from quorate_client.up.waits import signals

__all__ = ["Options", "Report", "Stage", "demo"]


async def demo(options: Options, stage: Stage, *, keep: bool) -> Report:
    """Run the demo in a temporary folder, which is removed unless it failed or `keep` says so.

    Raises QuorateError if it could not be carried out, KeyboardInterrupt at SIGINT, SIGTERM or
    SIGHUP. Nothing runs any more in any case.
    """
    asked: list[str] = []
    task: asyncio.Task[Report] | None = None

    def stop(name: str) -> None:
        asked.append(name)
        if task is not None:
            task.cancel()

    with signals(stop):  # before there is anything to clean up
        root = Path(tempfile.mkdtemp(prefix="quorate-demo-"))
        task = asyncio.create_task(run_demo(root / "cluster", options, stage))
        removable = False
        try:
            report = await task
            removable = report.passed
        except asyncio.CancelledError:
            removable = True
            if asked:
                raise KeyboardInterrupt from None
            raise
        finally:
            if keep or not removable:
                folder = root / "cluster"
                stage.say(f"the cluster's folder is {folder}, the logs are in {folder / LOGS}")
            else:
                shutil.rmtree(root, ignore_errors=True)
    return report
