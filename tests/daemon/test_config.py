"""The configuration: what it may say, and that everything wrong with it is told at once, with key and cure."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daemon.config import (
    AccountConfig,
    AlertsConfig,
    Config,
    EndpointConfig,
    LimitsConfig,
    Secret,
    data_file,
    parse_duration,
)
from daemon.config_file import find_path, keys_of, load, write_account
from daemon.errors import ConfigurationFault


def write(folder: Path, text: str, name: str = "tradepost.toml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(path: Path) -> list[str]:
    with pytest.raises(ConfigurationFault) as caught:
        load(path)
    return list(caught.value.faults)


SERVER = """
[accounts.acme]
[[sftp]]
name = "acme-server"
account = "acme"
host = "sftp.acme.example"
username = "tradepost"
private_key = "file:/etc/tradepost/acme.key"
host_key = "ssh-ed25519 AAAA"
inbox = "/inbox"
archive = "/archive"
"""


# -- what is right ----------------------------------------


def test_an_empty_file_is_a_configuration_with_all_defaults(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""))
    assert config.model_dump() == Config().model_dump()
    assert config.drop_root == Path("/srv/tradepost")
    assert (config.settle, config.rescan, config.incomplete_after) == (1.0, 30.0, 600.0)
    assert config.path == tmp_path / "tradepost.toml"


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    config = load(
        write(
            tmp_path,
            'drop_root = "/a"\ndata_dir = "/b"\nsettle = "500ms"\n'
            "[limits]\nrows = 5\n"
            '[accounts.acme]\nname = "Acme Ltd"\nmode = "partial"\nguard = 1\ndecimal = ","\nsettle = "10s"\n'
            "[accounts.Nord-Wind_2]\n" + SERVER.replace("[accounts.acme]", ""),
        )
    )
    assert config.accounts["acme"].guard == 1.0
    assert config.settle_of("acme") == 10.0
    assert config.settle_of("Nord-Wind_2") == 0.5
    assert (config.limits.rows, config.limits.columns) == (5, 1000)
    assert config.sftp[0].every == 30.0
    assert config.sftp[0].after == "archive"


def test_accounts_beside_the_file_are_read_with_it(tmp_path: Path) -> None:
    path = write(tmp_path, "[accounts.one]\n")
    write(tmp_path, '[accounts.two]\nname = "Two"\n', "accounts.d/two.toml")
    write(tmp_path, "[accounts.three", "accounts.d/three.toml.bak")
    assert sorted(load(path).accounts) == ["one", "two"]


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tradepost.toml"
    path.write_bytes(b'\xef\xbb\xbfsettle = "2s"\r\n')
    assert load(path).settle == 2.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("1s", 1), ("1.5 s", 1.5), ("10m", 600), ("2h", 7200), ("1d", 86400), ("0s", 0)],
)
def test_lengths_of_time_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_the_file_given_wins_over_the_environment_and_that_over_etc(tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    assert find_path(given, {"TRADEPOST_CONFIG": "/x.toml"}) == given
    assert find_path(None, {"TRADEPOST_CONFIG": "/x.toml"}) == Path("/x.toml")
    assert find_path(None, {}) == Path("/etc/tradepost/tradepost.toml")


# -- what is wrong ----------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('setle = "1s"', 'setle: there is no such key. Did you mean "settle"?'),
        ("path = 1", "path: there is no such key."),
        ("settle = 1", "settle: a length of time needs a number and a unit"),
        ('settle = "soon"', "settle: a length of time needs"),
        ('rescan = "0s"', "rescan: it must be longer than nothing"),
        ('drop_root = "here"', "drop_root: write the whole path"),
        ('drop_root = "/a/../b"', "drop_root: write the whole path"),
        ('data_dir = "/srv/tradepost/data"', "data_dir: it and drop_root must stand apart"),
        ('database = "mysql://u:hunter2@h/d"', "database: what stands there does not fit; write postgresql+psycopg://"),
        ("[limits]\nrows = 0", "limits.rows: 0 does not fit; write a number of rows from 1."),
        ("[limits]\nrowz = 1", 'limits.rowz: there is no such key. Did you mean "rows"?'),
        ("accounts = 3", "accounts: 3 does not fit"),
        ("sftp = 3", "sftp: 3 does not fit"),
        ("[accounts]\nacme = 1", "accounts.acme: 1 does not fit"),
        ("[accounts.acme]\ngurad = 0.3", 'accounts.acme.gurad: there is no such key. Did you mean "guard"?'),
        ("[accounts.acme]\nguard = 2", "accounts.acme.guard: 2 does not fit; write a share from 0 to 1"),
        ("[accounts.acme]\nguard = nan", "accounts.acme.guard: NaN does not fit"),
        (
            '[accounts.acme]\nmode = "merg"',
            'accounts.acme.mode: "merg" does not fit; write "merge", "partial" or "replace".',
        ),
        ('[accounts.acme]\nmarkers = "yes"', 'accounts.acme.markers: "yes" does not fit; write true or false'),
        (
            '[accounts.acme]\ncurrency = "Euro"',
            'accounts.acme.currency: "Euro" does not fit; write three capital letters',
        ),
        ('[accounts.acme]\ntimezone = "Mars/X"', "accounts.acme.timezone: no time zone has this name"),
        ('[accounts.acme]\nencoding = "hex"', "accounts.acme.encoding: no text encoding has this name"),
        ('[accounts."a b"]', "accounts.a b: the name does not fit; it may have 1 to 40 letters"),
        (f"[accounts.{'a' * 41}]", "the name does not fit"),
        ("[accounts.acme]\n[accounts.ACME]", '"ACME": there is the account "acme" already'),
        ("settle = 1s", "is not valid TOML"),
        ("[accounts.acme]\n[accounts.acme]", "is not valid TOML"),
    ],
)
def test_a_fault_is_told_with_its_key_and_cure(tmp_path: Path, text: str, said: str) -> None:
    faults = faults_of(write(tmp_path, text + "\n"))
    assert len(faults) == 1
    assert said in faults[0]
    assert "hunter2" not in faults[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('account = "acme"', 'account = "acm"', 'sftp "acme-server": there is no account "acm". Did you mean "acme"?'),
        ('host_key = "ssh-ed25519 AAAA"', "", 'sftp "acme-server": write either host_key or known_hosts'),
        ('host_key = "ssh-ed25519 AAAA"', 'host_key = "hello"', 'sftp "acme-server".host_key: "hello" does not fit'),
        ('archive = "/archive"', "", 'after = "archive" needs archive = '),
        ('inbox = "/inbox"', "", "neither inbox nor outbox"),
        ('inbox = "/inbox"', 'outbox = "/o"', "send and outbox go together"),
        ('inbox = "/inbox"', 'inbox = "inbox"', 'sftp "acme-server".inbox: "inbox" does not fit'),
        ('name = "acme-server"', "", "sftp number 1.name is missing: write 1 to 40 letters"),
        ('username = "tradepost"', "", 'sftp "acme-server".username is missing: write the user to sign in as.'),
        ('"file:/etc/tradepost/acme.key"', '"hunter2"', 'sftp "acme-server".private_key: a secret is not written here'),
        ('"file:/etc/tradepost/acme.key"', "7", 'sftp "acme-server".private_key: what stands there does not fit'),
        ('host_key = "ssh', 'password = "env:X"\nhost_key = "ssh', "write private_key or password, not both"),
    ],
)
def test_a_fault_of_a_server_is_told_with_its_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    faults = faults_of(write(tmp_path, SERVER.replace(old, new)))
    assert any(said in fault for fault in faults), faults
    assert not any("hunter2" in fault for fault in faults)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, 'settle = 3\nsetle = "1s"\n[accounts.acme]\nguard = 7\nmode = "x"\n[accounts.ACME]\n')
    write(tmp_path, "colour = 1\n[accounts.two]\nerors = 1\n[accounts.acme]\n", "accounts.d/two.toml")
    write(tmp_path, "[accounts", "accounts.d/three.toml")
    said = "\n".join(faults_of(path))
    for part in (
        "settle:",
        "setle:",
        "acme.guard:",
        "acme.mode:",
        '"ACME"',
        "two.toml: colour",
        "three.toml is not valid",
    ):
        assert part in said
    assert "accounts.d/two.toml: accounts.two.erors: there is no such key" in said
    assert "accounts.d/two.toml: accounts.acme stands in tradepost.toml too" in said


def test_a_configuration_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path / "none.toml")
    assert "There is no configuration at" in fault
    assert "tradepost init" in fault


def test_a_configuration_in_another_encoding_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tradepost.toml"
    path.write_bytes("[accounts.acme]\nname = 'Müller'".encode("cp1252"))
    assert any("is not UTF-8" in fault for fault in faults_of(path))


# -- secrets ----------------------------------------


def test_a_secret_is_read_from_where_it_is_kept_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_text("hunter2\n")
    monkeypatch.setenv("KEPT", "hunter2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for reference in (f"file:{tmp_path}/kept", "env:KEPT", "credential:kept"):
        secret = Secret(reference)
        assert secret.reveal() == "hunter2"
        assert f"{secret} {secret!r}" == "*** ***"


def test_what_prints_a_configuration_prints_no_secret(tmp_path: Path) -> None:
    path = write(tmp_path, 'database = "postgresql+psycopg://u:hunter2@h/d"\n' + SERVER)
    config = load(path)
    assert "hunter2" not in repr(config)
    assert "acme.key" not in repr(config)
    assert config.database == "postgresql+psycopg://u:hunter2@h/d"


# -- adding an account ----------------------------------------


def test_an_account_is_added_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    name = 'Ac"me \\ \u20ac \x7f Ltd'
    assert (
        write_account(load(path), "acme", name=name, guard=0.5, markers=True) == tmp_path / "accounts.d" / "acme.toml"
    )
    assert load(path).accounts["acme"] == AccountConfig(name=name, guard=0.5, markers=True)


@pytest.mark.parametrize("name", ["acme", "ACME", "a/b", "..", "", "x" * 41])
def test_an_account_whose_name_is_taken_or_no_name_is_not_added(tmp_path: Path, name: str) -> None:
    config = load(write(tmp_path, "[accounts.acme]\n"))
    with pytest.raises(ConfigurationFault):
        write_account(config, name)
    assert not (tmp_path / "accounts.d").exists()


def test_an_account_with_a_fault_is_not_added(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""))
    with pytest.raises(ConfigurationFault, match=r'accounts\.acme\.mode: "x" does not fit'):
        write_account(config, "acme", mode="x")
    assert not (tmp_path / "accounts.d").exists()


# -- figures and alerts ----------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1:9464", "127.1.2.3:1", "[::1]:9464"])
def test_figures_are_given_on_addresses_of_this_machine(tmp_path: Path, address: str) -> None:
    assert load(write(tmp_path, f'metrics = "{address}"')).metrics == address


@pytest.mark.parametrize(
    "address", ["0.0.0.0:9464", "[::]:9464", "192.168.0.1:9464", "localhost:9464", "9464", "127.0.0.1", "127.0.0.1:0"]
)
def test_figures_are_given_on_no_other_address(tmp_path: Path, address: str) -> None:
    (fault,) = faults_of(write(tmp_path, f'metrics = "{address}"'))
    assert fault.startswith("metrics: write an address of this machine itself and a port")


MAIL = '[alerts]\nhost = "mail.example"\nfrom = "us@example.com"\nto = ["you@example.com"]\n'


def test_alerts_need_a_server_and_two_addresses(tmp_path: Path) -> None:
    alerts = load(write(tmp_path, MAIL)).alerts
    assert alerts
    assert (alerts.port, alerts.starttls, alerts.sender, alerts.to) == (
        587,
        True,
        "us@example.com",
        ("you@example.com",),
    )
    assert faults_of(write(tmp_path, "[alerts]\nform = 1\n")) == [
        "alerts.host is missing: write the name of the mail server.",
        'alerts.from is missing: write an address, for example "tradepost@example.com".',
        'alerts.to is missing: write addresses: ["operator@example.com"].',
        'alerts.form: there is no such key. Did you mean "from"?',
    ]


@pytest.mark.parametrize("address", ["a@b\\r\\nBcc: c@d", "a b@c", "a@b,c@d", "ä@example.com", "nobody"])
def test_an_address_can_bring_no_other_header(tmp_path: Path, address: str) -> None:
    (fault,) = faults_of(write(tmp_path, MAIL.replace("us@example.com", address)))
    assert fault.startswith("alerts.from: ")


def test_a_password_for_mail_goes_with_a_user_and_never_out_readable(tmp_path: Path) -> None:
    assert len(faults_of(write(tmp_path, MAIL + 'username = "u"\n'))) == 1
    (fault,) = faults_of(write(tmp_path, MAIL + 'username = "u"\npassword = "env:P"\nstarttls = false\n'))
    assert "readable" in fault


def test_hosts_of_our_own_network_are_known_whatever_the_case_of_their_letters(tmp_path: Path) -> None:
    assert load(write(tmp_path, 'private_hosts = ["Shop.Internal"]')).private_hosts == ("shop.internal",)


# -- the documented file ----------------------------------------


def documented(*, all_keys: bool) -> dict[str, Any]:
    text = data_file("config/tradepost.toml").read_text(encoding="utf-8")
    return tomllib.loads(re.sub(r"(?m)^#(?=\S)", "", text) if all_keys else text)


def test_the_documented_file_is_read_as_it_is_and_says_the_defaults() -> None:
    assert Config.model_validate(documented(all_keys=False)) == Config()


def test_the_documented_file_has_every_key_and_no_other() -> None:
    data = documented(all_keys=True)
    assert data.keys() == Config.model_fields.keys()
    assert data["alerts"].keys() == keys_of(AlertsConfig).keys()
    assert data["limits"].keys() == LimitsConfig.model_fields.keys()
    assert data["accounts"]["acme"].keys() == AccountConfig.model_fields.keys()
    assert data["sftp"][0].keys() == EndpointConfig.model_fields.keys()


def test_the_documented_file_says_the_defaults_of_accounts_and_servers() -> None:
    data = documented(all_keys=True)
    account = AccountConfig.model_validate(data["accounts"]["acme"])
    examples = {"currency", "decimal", "settle"}  # no default: an example stands there
    assert account.model_dump(exclude=examples) == AccountConfig().model_dump(exclude=examples)
    server = EndpointConfig.model_validate(data["sftp"][0])
    for name in ("port", "after", "every", "match"):
        assert getattr(server, name) == EndpointConfig.model_fields[name].default


def test_every_key_of_the_documented_file_says_why_it_is_there() -> None:
    lines = data_file("config/tradepost.toml").read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match(r"#?\[|#?\w+ = ", line) and not re.match(r"#(account|host|port|username) = ", line):
            assert before.startswith("# "), line
