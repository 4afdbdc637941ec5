"""What is reached over a network or the kernel: events of the inboxes, SFTP servers, the mail server, our figures."""

import http.client
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from daemon.accounts import Account, open_accounts
from daemon.clock import Clock
from daemon.config import Config, EndpointConfig, split_address
from daemon.doctor.finding import Finding, note, well, wrong
from daemon.operation.mail import Call, MailFault
from daemon.watch import Watch

PATIENCE = 10.0  # seconds for each answer
SIDE_BY_SIDE = 16


def check_watchers(config: Config, clock: Clock) -> Iterator[Finding]:
    """A canary goes through each inbox, and its event has to come."""
    roots = {name: config.drop_root / name for name in config.accounts if (config.drop_root / name / "inbox").is_dir()}
    if not roots:
        return
    watch = Watch(roots, lambda _: None, clock)
    watch.start()
    try:
        faults = watch.prove(PATIENCE)
    finally:
        watch.stop()
    for name, why in sorted(faults.items()):
        cure = (
            "raise fs.inotify.max_user_watches and max_user_instances (sysctl); until then the rescan finds all files"
        )
        yield wrong("watchers", name, f"no event came through from the inbox: {why}", cure)
    if len(faults) < len(roots):
        yield well("watchers", "events", f"a canary came through {len(roots) - len(faults)} of {len(roots)} inboxes")


def check_servers(config: Config) -> Iterator[Finding]:
    """Each SFTP server is reached, known by its key, signed in to, and has the folders."""
    if not config.sftp:
        return
    accounts = open_accounts(config)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        yield from threads.map(lambda each: _check_server(each, accounts[each.account]), config.sftp)


def _check_server(config: EndpointConfig, account: Account) -> Finding:
    from daemon.sftp.codes import CODES, EndpointFault
    from daemon.sftp.connection import connect
    from daemon.sftp.endpoint import Endpoint
    from daemon.sftp.protocol import RemoteRefused

    try:
        connection = connect(Endpoint(config, account, PATIENCE), time.monotonic)
        try:
            for path in _folders_of(config):
                try:
                    kind = connection.session.attributes(os.fsencode(path)).kind
                except RemoteRefused as refused:
                    said = f"signed in, but {path} cannot be looked at ({refused})"
                    return wrong("sftp", config.name, said, "make that folder there, or mend inbox, outbox or archive")
                if kind in ("pipe", "special"):  # a server need not tell that it is a folder
                    return wrong("sftp", config.name, f"{path} there is no folder", "mend inbox, outbox or archive")
        finally:
            connection.close()
    except EndpointFault as fault:
        cure = next((code.cure for code in CODES if code.name == fault.code), "tradepost codes")
        return wrong("sftp", config.name, f"{fault.message} ({fault.code})", cure)
    return well("sftp", config.name, f"{config.host}:{config.port} shows the right key, lets us in, has the folders")


def _folders_of(config: EndpointConfig) -> list[str]:
    inbox = [config.inbox if config.kind else f"{config.inbox.rstrip('/')}/catalog"] if config.inbox else []
    archive = [config.archive] if config.archive and config.after == "archive" else []
    return [each for each in (*inbox, config.outbox, *archive) if each]


def check_mail(config: Config) -> Iterator[Finding]:
    """The mail server is reached and signed in to; no mail is sent."""
    if config.alerts is None:
        yield note("mail", "alerts", "alerts are mailed to nobody", "write an [alerts] table (docs/operators.md)")
        return
    where = f"{config.alerts.host}:{config.alerts.port}"
    try:
        with Call(config.alerts, PATIENCE) as server:
            server.noop()
    except MailFault as fault:
        cure = "look at host, port, starttls, username and password in [alerts]"
        yield wrong("mail", "alerts", f"{where} takes no mail from us: {fault}", cure)
    else:
        yield well("mail", "alerts", f"{where} lets us in")


def check_metrics(config: Config) -> Iterator[Finding]:
    """While a daemon runs: its figures can be fetched."""
    if not config.metrics:
        return
    host, port = split_address(config.metrics)
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/metrics")
        found = b"tradepost_info" in connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        found, said = False, str(error)
    else:
        said = "something else answers there"
    finally:
        connection.close()
    if found:
        yield well("metrics", config.metrics, "the figures can be fetched")
    else:
        cure = "another program has that address, or the daemon was started before the key was set: restart it"
        yield wrong("metrics", config.metrics, f"no figures: {said}", cure)
