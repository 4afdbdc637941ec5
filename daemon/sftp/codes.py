"""The codes of SFTP servers, and the exception that carries them: one for every way in which a server can fail us."""

from daemon.errors import Code

_HEALS = "The daemon tries again by itself, with growing pauses."

CODES: tuple[Code, ...] = (
    Code(
        "F-NAME",
        "error",
        "A file of such a name is not taken: {detail}. Rename it.",
        "The name could lead out of a folder, breaks lines, is no UTF-8, or is longer than a name may be.",
        "Give the file a name of letters, digits, dots, dashes and underscores.",
    ),
    Code(
        "F-SPECIAL",
        "error",
        "This is no plain file but {detail}. Put the file itself there.",
        "A pipe, a socket or a device lies in the inbox of the server.",
        "Remove it, and upload a plain file.",
    ),
    Code(
        "S-HOST-KEY",
        "error",
        "{value} is not who it should be: {detail}. Nothing is exchanged with it until the configuration is reloaded.",
        "The server shows a host key that is not the one in the configuration, or none is known for it.",
        "Ask its operator for the fingerprint. If the new key is right, write it to host_key or known_hosts, reload.",
    ),
    Code(
        "S-SFTP-SECRET",
        "error",
        "The secret for {value} cannot be read ({detail}).",
        "The file, variable or credential that the configuration names for a password, key or passphrase is not there.",
        "Put it where private_key, password or passphrase says, readable for the daemon's user. " + _HEALS,
    ),
    Code(
        "S-SFTP-KEY",
        "error",
        "The private key for {value} cannot be used: {detail}.",
        "It is no ed25519, ECDSA or RSA key (from 2,048 bits), or its passphrase is missing or wrong.",
        "Write the passphrase's place to `passphrase`, or make a new key with ssh-keygen -t ed25519. " + _HEALS,
    ),
    Code(
        "S-SFTP-AGENT",
        "error",
        "There is no key for {value}: neither private_key nor password is set, and {detail}.",
        "The SSH agent is asked when the configuration names no secret; it is not running or holds no key.",
        "Set private_key or password, or start the daemon with SSH_AUTH_SOCK of an agent that holds a key.",
    ),
    Code(
        "S-SFTP-NAME",
        "error",
        "The name of {value} leads to no address ({detail}).",
        "The host name is misspelt, or the name service does not answer.",
        "Look at `host`, and at the name service of this machine. " + _HEALS,
    ),
    Code(
        "S-SFTP-CONNECT",
        "error",
        "No connection to {value} ({detail}).",
        "The server is down, the port is wrong, or a firewall refuses.",
        "Look at `host`, `port` and the way there. " + _HEALS,
    ),
    Code(
        "S-SFTP-SILENT",
        "error",
        "{value} does not answer ({detail}).",
        "The server or the network swallows what is sent, or is so slow that it cannot be worked with.",
        "Ask the server's operator, and look at the way there. " + _HEALS,
    ),
    Code(
        "S-SFTP-NO-SSH",
        "error",
        "What answers for {value} does not speak SSH.",
        "The port belongs to another service, to FTP for example, or the server hangs up before its greeting.",
        "Look at `host` and `port`. SFTP is SSH's; FTP and FTPS are something else.",
    ),
    Code(
        "S-SFTP-SHA1",
        "error",
        "{value} only speaks SHA-1 ({detail}), which is broken and therefore not spoken here.",
        "The server's software is from before 2017, or was set up to be that old.",
        "Its operator has to upgrade it, or to allow rsa-sha2-256, SHA-2 MACs and a SHA-2 key exchange.",
    ),
    Code(
        "S-SFTP-WEAK",
        "error",
        "{value} and we have no method in common that is strong enough ({detail}).",
        "The server only offers ciphers that are weak today: CBC modes, 3DES, RC4.",
        "Its operator has to allow AES in CTR or GCM mode.",
    ),
    Code(
        "S-SFTP-LOGIN",
        "error",
        "{value} does not let us in: it refuses {detail}.",
        "The user name, the password or the key is not the one the server knows, or the account there is locked.",
        "Compare username and password, or give the operator our public key (ssh-keygen -y). " + _HEALS,
    ),
    Code(
        "S-SFTP-METHOD",
        "error",
        "{value} wants to be signed in to in another way ({detail}).",
        "The server does not take this kind of secret, or wants a second one besides.",
        "Set private_key instead of password or the other way round, or have the second factor taken off this user.",
    ),
    Code(
        "S-SFTP-NO-SFTP",
        "error",
        "{value} lets us in but offers no SFTP.",
        "The user may use a shell or nothing there, or the server has no SFTP subsystem.",
        "Its operator has to allow SFTP for this user.",
    ),
    Code(
        "S-SFTP-CUT",
        "error",
        "The connection to {value} broke off ({detail}).",
        "The server, or something on the way, ended the connection.",
        "Nothing is lost: files are fetched whole or not at all. " + _HEALS,
    ),
    Code(
        "S-SFTP-SPEECH",
        "error",
        "{value} answers what no SFTP server answers ({detail}).",
        "Its software is faulty, prints text at sign-in, or means harm.",
        "Sign in with sftp by hand; a text that a login script prints has to go. " + _HEALS,
    ),
    Code(
        "S-SFTP-FOLDER",
        "error",
        "On {value} the folder {detail}.",
        "The folder in the configuration is missing there, or this user has no right to it.",
        "Make it there for the user to list, or mend `inbox`; set `kind` if the files lie in `inbox` itself. " + _HEALS,
    ),
    Code(
        "S-SFTP-LISTING",
        "error",
        "{value} lists more than {detail} files in one folder; only so many are looked at.",
        "Files heap up there, or the server never ends its list.",
        "Clear the folder, or let after = \"archive\" or \"delete\" keep it small.",
    ),
    Code(
        "S-SFTP-REFUSALS",
        "warning",
        "{value} has brought {detail} things in a day that cannot be taken; no more of them are told until tomorrow.",
        "Its folders are full of links, odd names or changing files, or it invents names. Good files are still taken.",
        "Look at the refused files in the history and clear the folder, or name the files that are meant in `match`.",
    ),
    Code(
        "S-SFTP-TIDY",
        "warning",
        "{value} does not let us tidy up: {detail}. The files were taken, and are not taken again.",
        "The user has no right to rename or remove files there, or the archive folder is missing.",
        "Give the user these rights, make the archive folder, or write after = \"leave\". It is tried again by itself.",
    ),
    Code(
        "S-SFTP-ANSWER",
        "error",
        "{value} does not take our answers: {detail}.",
        "The outbox folder there is missing or full, or the user has no right to write or rename in it.",
        "Make the folder and give the user the right to write there. The answers wait. " + _HEALS,
    ),
)  # fmt: skip

_TEXTS = {code.name: code.text for code in CODES}


def sentence(name: str, value: object = "", detail: object = "") -> str:
    """The sentence of a code for one case; `value` names the server."""
    return _TEXTS[name].format(value=value, detail=detail)


class EndpointFault(Exception):
    """A server cannot be worked with now; `code` and `message` say why, without any secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
