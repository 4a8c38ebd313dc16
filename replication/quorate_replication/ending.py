"""How a node ends when it must."""

import logging
import os
from typing import NoReturn

from quorate_replication.errors import FailStop

log = logging.getLogger(__name__)


def end_process(flaw: FailStop) -> NoReturn:
    """End this process at once: a node that may be wrong must not go on.

    What was acknowledged is on disk; the others go on without us.
    """
    log.critical("this node stops: %s", flaw)
    logging.shutdown()
    os._exit(flaw.exit_status)
