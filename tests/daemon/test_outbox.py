"""The way out: an account whose folders cannot be used keeps nothing from the others, however much of it waits."""

from pathlib import Path

import pytest

from daemon.accounts import Account, open_accounts
from daemon.config import Config
from daemon.model import End
from daemon.outbox import Outbox
from daemon.sftp.delivery import Copies
from daemon.store import Store, postings
from tests.factories import make_process


@pytest.fixture
def accounts(tmp_path: Path, store: Store) -> dict[str, Account]:
    """acme, whose folders are away, before nordwind in every order."""
    config = Config.model_validate(
        {
            "drop_root": str(tmp_path / "drop"),
            "data_dir": str(tmp_path / "data"),
            "accounts": {"acme": {}, "nordwind": {}},
        }
    )
    opened = open_accounts(config)
    for account in opened.values():
        account.folders.ensure()
    (tmp_path / "drop/acme").rename(tmp_path / "away")
    store.set_accounts("here", ["acme", "nordwind"])
    return opened


@pytest.fixture
def outbox(tmp_path: Path, store: Store, accounts: dict[str, Account]) -> Outbox:
    return Outbox(store, accounts, Copies(tmp_path / "data"), lambda: None)


def put_file(store: Store, account: int, number: int) -> None:
    store.database.write(lambda c: postings.put(c, account, f"orders/{number:04}.csv", b"order\n"))


def test_uploads_of_an_account_that_is_away_wait_and_those_of_others_are_published(
    store: Store, outbox: Outbox
) -> None:
    many = 600  # more than are read at a time
    store.admit([make_process(number) for number in range(many)])
    store.admit([make_process(number, "nordwind") for number in (many, many + 1)])
    while claims := store.claim("one"):
        store.settle(claims, [End("ok") for _ in claims])
    outbox.turn()
    assert store.finished(without={"acme"}) == []
    assert store.find_open() == {"acme"}
    assert outbox.owing.is_set()


def test_files_for_an_account_that_is_away_wait_and_those_of_others_are_published(
    tmp_path: Path, store: Store, outbox: Outbox
) -> None:
    for number in range(50):
        put_file(store, 1, number)
    for number in range(30):
        put_file(store, 2, number)
    outbox.turn()
    assert len(list((tmp_path / "drop/nordwind/outbox/orders").iterdir())) == 30
    assert outbox.owing.is_set()
    assert not (tmp_path / "drop/acme").exists()
    (tmp_path / "away").rename(tmp_path / "drop/acme")
    outbox.turn()
    assert len(list((tmp_path / "drop/acme/outbox/orders").iterdir())) == 50
    assert store.connections.postings() == []
    assert not outbox.owing.is_set()


def test_what_waits_for_an_account_that_was_taken_out_of_the_configuration_holds_nobody_up(
    tmp_path: Path, store: Store, outbox: Outbox, accounts: dict[str, Account]
) -> None:
    for number in range(50):
        put_file(store, 1, number)
    put_file(store, 2, 1)
    del accounts["acme"]
    outbox.turn()
    assert [each.name for each in (tmp_path / "drop/nordwind/outbox/orders").iterdir()] == ["0001.csv"]
    assert not outbox.owing.is_set()
