"""What files take away: judged and applied after the last block of an upload; released or discarded when asked."""

import threading
from decimal import Decimal

from daemon.children import Jobs
from daemon.errors import Refused, Stopped
from daemon.model import Claim, End
from daemon.store import Store
from daemon.store.removals import KINDS, Removal


def take_away(
    store: Store, claim: Claim, stop: threading.Event, guard: Decimal, *, blocks: int, total: int, replace: bool
) -> Removal | None:
    """Judge what the `blocks` of an upload have staged and take away what is not held; the verdict if any is held.

    Goes on where an earlier attempt has ended. Raises LeaseLost, Stopped, Surroundings.
    """
    step = max(claim.step_no, blocks)
    if step == blocks:
        step += 1
        store.judge(claim, guard, step=step, total=total, replace=replace)
    verdict = store.removal(claim.id)
    if verdict is None or verdict.state == "void":
        return None
    kinds = tuple(kind for kind in KINDS if kind not in verdict.holds)
    while kinds:
        _look(stop)
        step += 1
        if not store.take(claim, kinds, step=step, total=total):
            break
    return verdict if verdict.holds else None


class Removals:
    """Performs releases and discards of what an upload holds."""

    def __init__(self, store: Store, stop: threading.Event) -> None:
        self.store = store
        self.stop = stop

    def perform(self, claim: Claim, jobs: Jobs) -> End:
        """Bring one to its end, from the step on that it has reached. Raises LeaseLost, Stopped, Surroundings."""
        upload = str(claim.args["upload_id"])
        try:
            if claim.step_no == 0:
                self.store.end_hold(claim, upload, "releasing" if claim.kind == "release" else "discarded")
        except Refused as refusal:  # between the asking and its turn a newer file has ended the hold
            return End("rejected", refusal.code, refusal.message)
        if claim.kind == "release":
            self._release(claim, upload)
        return End("ok")

    def _release(self, claim: Claim, upload: str) -> None:
        step, total = max(claim.step_no, 1), self.store.count_held(upload)
        while True:
            _look(self.stop)
            step += 1
            if self.store.take_held(claim, upload, step=step, total=total).last:
                return


def _look(stop: threading.Event) -> None:
    if stop.is_set():
        raise Stopped
