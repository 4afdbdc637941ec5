"""The store's contract for what files take away: staged, judged once, taken in steps, held, given up; on both."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.errors import Cancelled, LeaseLost, Refused
from daemon.model import Claim, Counts, End
from daemon.store import Store, listing, removals
from daemon.store.holds import LAPSE
from daemon.store.removals import KINDS
from tests.clock import FakeClock
from tests.factories import make_block, make_process, request

COLUMNS = ["sku", "title", "digest"]
GUARD = Decimal("0.3")


class Files:
    """Files of one account, each a claimed upload with one block."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.number = 0
        store.set_accounts("here", ["acme", "other"])
        store.enter("one", "here", "host", 1)
        store.enter("two", "here", "host", 2)

    def claim(self) -> Claim:
        """A new upload."""
        self.number += 1
        self.store.admit([make_process(self.number)])
        (claim,) = self.store.claim("one")
        return claim

    def block(
        self,
        claim: Claim,
        number: int = 1,
        *,
        new: Sequence[str] = (),
        known: Sequence[str] = (),
        gone: Sequence[str] = (),
        missing: Sequence[str] = (),
        named: Sequence[str] = (),
        unreadable: int = 0,
        title: str = "T",
    ) -> Counts:
        """Apply a block of these skus."""
        rows = {"new": new, "known": known}
        tables = {name: [{"sku": sku, "title": title, "digest": 1} for sku in skus] for name, skus in rows.items()}
        folder = self.folder / claim.id
        folder.mkdir(exist_ok=True)
        block = make_block(
            self.store,
            folder,
            number,
            new=tables["new"],
            known=tables["known"],
            gone=gone,
            missing=missing,
            named=named,
            columns=COLUMNS,
            rejected=unreadable,
            unreadable=unreadable,
        )
        return self.store.step(claim, block, self.store.merge(COLUMNS, partial=False), COLUMNS, 100).counts

    def judge(self, claim: Claim, *, replace: bool = True, guard: Decimal = GUARD) -> removals.Removal | None:
        """Judge after one block."""
        self.store.judge(claim, guard, step=2, total=100, replace=replace)
        return self.store.removal(claim.id)

    def take(self, claim: Claim, kinds: tuple[str, ...] = KINDS, step: int = 3) -> Counts:
        """Take away all that is staged, and settle."""
        while self.store.take(claim, kinds, step=step, total=100):
            step += 1
        counts = self.store.counts(claim.id)
        self.store.settle([claim], [End("ok")])
        return counts

    def begin(self, count: int) -> None:
        """The items s00, s01, …"""
        claim = self.claim()
        self.block(claim, new=[f"s{number:02}" for number in range(count)])
        self.store.settle([claim], [End("ok")])

    def hold(self, missing: Sequence[str], gone: Sequence[str] = ()) -> str:
        """An upload that names s00 and holds the rest."""
        claim = self.claim()
        self.block(claim, known=["s00"], missing=missing, gone=gone, title=f"T{self.number}")
        verdict = self.judge(claim)
        assert verdict is not None
        assert verdict.state == "held"
        self.store.settle([claim], [End("held")])
        self.store.finish(self.store.finished())
        return claim.id

    def withdrawn(self) -> list[str]:
        """Skus with the mark."""
        return [item["sku"] for item in self.store.items("acme") if item["withdrawn"]]

    def release(self, upload: str) -> None:
        """Ask for a release and perform it."""
        request(self.store, "release", "acme", upload)
        (claim,) = self.store.claim("one")
        self.store.end_hold(claim, upload, "releasing")
        step = 2
        while not self.store.take_held(claim, upload, step=step, total=9).last:
            step += 1
        self.store.settle([claim], [End("ok")])


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Files:
    """An account without items."""
    return Files(store, tmp_path)


def refusal(work: Callable[[], object]) -> str:
    """The code with which `work` is refused."""
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.code


def test_what_is_staged_is_judged_as_a_whole_and_taken_with_exact_counts(files: Files) -> None:
    files.begin(20)
    claim = files.claim()
    before = files.store.items_version("acme")
    assert files.block(claim, known=["s00"], missing=["s01", "s02", "nobody"], gone=["s03", "nobody"]).rows == 2
    assert files.withdrawn() == []
    verdict = files.judge(claim)
    assert (verdict and verdict.state, verdict and verdict.holds) == ("judged", ())
    counts = files.take(claim)
    assert (counts.rows, counts.deleted, counts.ignored, counts.unchanged, counts.withdrawn) == (3, 1, 1, 1, 2)
    assert files.withdrawn() == ["s01", "s02"]
    assert files.store.digests("acme", ["s01", "s03", "s04"]) == {"s01": None, "s04": 1}
    assert files.store.removal(claim.id) is None
    assert files.store.items_version("acme") > before


def test_a_removal_goes_on_after_a_take_over_and_takes_nothing_twice(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removals, "BATCH", 2)
    files.begin(20)
    frozen = files.claim()
    files.block(frozen, known=["s00"], missing=["s01", "s02", "s03"], gone=["s04", "s05", "s06"])
    files.judge(frozen, guard=Decimal("0.5"))
    files.store.take(frozen, KINDS, step=3, total=9)
    files.store.recover(["one"])
    (heir,) = files.store.claim("two")
    assert heir.step_no == 3
    with pytest.raises(LeaseLost):
        files.store.take(frozen, KINDS, step=4, total=9)
    with pytest.raises(LeaseLost):
        files.store.judge(heir, Decimal(0), step=2, total=9, replace=True)
    counts = files.take(heir, step=4)
    assert (counts.rows, counts.deleted, counts.withdrawn) == (4, 3, 3)
    assert files.withdrawn() == ["s01", "s02", "s03"]


GUARDED = {  # items before, created, missing, deleted, guard -> held
    "as many as the guard allows": (20, 0, 3, 3, "0.3", False),
    "one more": (20, 0, 4, 3, "0.3", True),
    "a share that no binary float hits": (100, 0, 29, 0, "0.29", False),
    "what the file creates does not count": (20, 19, 7, 0, "0.3", True),
    "three of four": (4, 0, 3, 0, "0.3", False),
    "all three": (3, 5, 3, 0, "0.3", True),
    "four of many with a guard of nothing": (90, 0, 4, 0, "0", True),
    "three of many with a guard of nothing": (90, 0, 3, 0, "0", False),
    "everything with a guard of all": (5, 0, 0, 5, "1", False),
}


@pytest.mark.parametrize("case", GUARDED)
def test_the_guard_measures_by_the_items_that_were_there_before(files: Files, case: str) -> None:
    before, created, missing, deleted, guard, held = GUARDED[case]
    files.begin(before)
    skus = [f"s{number:02}" for number in range(before)]
    claim = files.claim()
    files.block(
        claim,
        new=[f"n{number}" for number in range(created)],
        known=skus[missing + deleted :],
        missing=skus[:missing],
        gone=skus[missing : missing + deleted],
    )
    verdict = files.judge(claim, guard=Decimal(guard))
    assert verdict is not None
    assert (verdict.state == "held") is held
    if held:
        assert files.store.counts(claim.id).ignored == deleted


def test_withdrawn_items_are_no_measure_and_are_not_withdrawn_again(files: Files) -> None:
    files.begin(20)
    claim = files.claim()
    files.block(claim, known=["s00"], missing=[f"s{number:02}" for number in range(10, 20)])
    files.judge(claim, guard=Decimal(1))
    files.take(claim)
    claim = files.claim()
    files.block(
        claim, known=["s00"], missing=["s01", "s02", "s03", "s04", *[f"s{number:02}" for number in range(10, 20)]]
    )
    assert files.store.count_held(claim.id) == 4
    verdict = files.judge(claim)
    assert verdict is not None
    assert verdict.state == "held"  # four of ten


def test_rejected_rows_without_a_sku_hold_what_is_missing_alone(files: Files) -> None:
    files.begin(20)
    claim = files.claim()
    files.block(claim, known=["s00"], missing=["s01"], gone=["s02"], unreadable=2)
    verdict = files.judge(claim)
    assert verdict is not None
    assert (verdict.holds, verdict.unreadable) == (("missing",), 2)
    counts = files.take(claim, ("delete",))
    assert (counts.deleted, counts.withdrawn) == (1, 0)
    files.release(claim.id)
    assert files.withdrawn() == ["s01"]


def test_a_replace_without_a_good_row_withdraws_nothing_and_discards_nothing(files: Files) -> None:
    files.begin(20)
    held = files.hold([f"s{number:02}" for number in range(1, 20)])
    claim = files.claim()
    files.block(claim, missing=["s01", "s02"], named=["s03"], unreadable=1)
    verdict = files.judge(claim)
    assert verdict is not None
    assert verdict.state == "void"
    files.store.settle([claim], [End("rejected")])
    files.store.lapse()
    assert files.store.count_held(claim.id) == 0
    files.release(held)
    assert "s03" not in files.withdrawn()
    assert len(files.withdrawn()) == 18


def test_a_release_spares_what_a_later_file_has_named_in_any_way(files: Files) -> None:
    files.begin(20)
    held = files.hold([f"s{number:02}" for number in range(1, 15)], ["s15", "s16"])
    assert files.store.digests("acme", ["s00", "s01", "s15", "s17"]) == {"s00": 1, "s01": None, "s15": None, "s17": 1}
    later = files.claim()
    files.block(later, known=["s01", "s15"], named=["s02"], new=["s99"])
    files.store.settle([later], [End("ok")])
    assert files.store.digests("acme", ["s01", "s15"]) == {"s01": 1, "s15": 1}
    files.release(held)
    assert files.withdrawn() == [f"s{number:02}" for number in range(3, 15)]
    assert files.store.digests("acme", ["s15", "s16"]) == {"s15": 1}
    assert refusal(lambda: request(files.store, "release", "acme", held)) == "C-NOT-HELD"


def test_the_export_hides_the_digest_of_what_is_held(files: Files, tmp_path: Path) -> None:
    files.begin(5)
    files.hold(["s01", "s02", "s03"], ["s04"])
    files.store.export_digests("acme", tmp_path / "known")
    if files.store.database.blocks == "sqlite":
        import pysqlite3

        with pysqlite3.connect(tmp_path / "known") as export:
            rows = export.execute("select sku, digest from known").fetchall()
        assert rows == [("s00", 1), *((f"s{number:02}", None) for number in range(1, 5))]
    else:
        assert (tmp_path / "known").read_text() == "s00,1\ns01,\ns02,\ns03,\ns04,\n"


def test_a_newer_replace_discards_an_older_hold(files: Files) -> None:
    files.begin(20)
    first = files.hold([f"s{number:02}" for number in range(1, 20)])
    second = files.hold([f"s{number:02}" for number in range(2, 20)])
    assert refusal(lambda: request(files.store, "release", "acme", first)) == "C-NOT-HELD"
    request(files.store, "discard", "acme", second)
    (claim,) = files.store.claim("one")
    assert (claim.kind, claim.args) == ("discard", {"upload_id": second})
    files.store.end_hold(claim, second, "discarded")
    files.store.settle([claim], [End("ok")])
    assert refusal(lambda: request(files.store, "discard", "acme", second)) == "C-NOT-HELD"
    assert refusal(lambda: request(files.store, "release", "other", second)) == "C-NO-UPLOAD"
    assert files.withdrawn() == []
    files.store.lapse()
    assert (files.store.count_held(first), files.store.count_held(second)) == (0, 0)


def test_a_hold_lapses_after_fourteen_days_also_when_it_was_asked_for_before(files: Files, clock: FakeClock) -> None:
    files.begin(20)
    held = files.hold([f"s{number:02}" for number in range(1, 20)])
    clock.advance(LAPSE / 1e6)
    files.store.lapse()
    request(files.store, "release", "acme", held)
    clock.advance(1)
    (claim,) = files.store.claim("one")
    assert refusal(lambda: files.store.end_hold(claim, held, "releasing")) == "C-LAPSED"
    assert refusal(lambda: request(files.store, "release", "acme", held)) == "C-LAPSED"
    files.store.lapse()
    assert refusal(lambda: request(files.store, "release", "acme", held)) == "C-LAPSED"
    assert files.store.count_held(held) == 0


def test_what_a_cancelled_release_has_not_taken_yet_is_given_up(files: Files) -> None:
    files.begin(20)
    held = files.hold([f"s{number:02}" for number in range(1, 20)])
    process = request(files.store, "release", "acme", held)
    (claim,) = files.store.claim("one")
    files.store.end_hold(claim, held, "releasing")
    files.store.lapse()
    assert files.store.count_held(held) == 19  # it goes on
    files.store.database.write(lambda connection: listing.stop(connection, process))
    with pytest.raises(Cancelled):
        files.store.take_held(claim, held, step=2, total=19)
    files.store.settle([claim], [End("failed", "S-CANCELLED")])
    files.store.lapse()
    assert (files.store.count_held(held), files.withdrawn()) == (0, [])
    assert refusal(lambda: request(files.store, "release", "acme", held)) == "C-NOT-HELD"


def test_a_retry_is_a_new_upload_that_leads_to_the_first_file(files: Files) -> None:
    claim = files.claim()
    assert refusal(lambda: request(files.store, "retry", "acme", claim.id)) == "C-UNFINISHED"
    files.store.settle([claim], [End("ok")])
    files.store.finish(files.store.finished())
    second = request(files.store, "retry", "acme", claim.id)
    (retry,) = files.store.claim("one")
    assert (retry.id, retry.kind, retry.via, retry.force) == (second, "retry", f"retry:{claim.id}", True)
    assert (retry.name, retry.args["retry_of"]) == (claim.name, claim.id)
    files.store.settle([retry], [End("ok")])
    (finished,) = files.store.finished()
    assert finished.retried
    files.store.finish([finished])
    request(files.store, "retry", "acme", second)
    (third,) = files.store.claim("one")
    assert (third.via, third.args["retry_of"], third.args["received_at"]) == (
        f"retry:{second}",
        claim.id,
        claim.received_at,
    )
    files.store.admit([make_process(99, refused=("F-LINK", "a link"))])
    assert refusal(lambda: request(files.store, "retry", "acme", f"{99:026d}")) == "C-NOT-ARCHIVED"
    assert refusal(lambda: request(files.store, "retry", "acme", "nothing")) == "C-NO-UPLOAD"
