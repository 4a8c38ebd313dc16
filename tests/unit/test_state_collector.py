"""The garbage collector leaves alone what was there when the node had started."""

import gc

from quorate_replication.memory import calm_collector


def test_what_exists_is_out_of_every_later_collection() -> None:
    kept = [["a list in a list"]]
    try:
        calm_collector()
        assert not any(found is kept for found in gc.get_objects())
        assert gc.isenabled()
    finally:
        gc.unfreeze()
    assert any(found is kept for found in gc.get_objects())
