"""The codes of files and of the surroundings: what each says, why it happens, what helps (`tradepost codes`)."""

from daemon.driver_codes import DRIVER_CODES
from daemon.errors import Code

CODES: tuple[Code, ...] = (
    Code(
        "F-FOLDER",
        "error",
        "Nothing is taken from here: {detail}.",
        "The file or folder lies where no files are taken from: directly in inbox/, or in a folder we do not know.",
        "Move it to inbox/catalog/ (regular files), inbox/catalog/manual/ (one-off uploads) or inbox/commands/.",
    ),
    Code(
        "F-LINK",
        "error",
        "This is a symbolic link, and links are not followed. Drop the file itself.",
        "A symbolic link was dropped instead of a file.",
        "Copy the file itself into the folder and remove the link.",
    ),
    Code(
        "F-HARD-LINK",
        "error",
        "This file has {value} names (hard links), so another program may still change it. Drop a copy.",
        "The file is linked from a second place, from which it could change while we read it.",
        "Drop a copy of the file (cp, not ln), or remove the other link.",
    ),
    Code(
        "F-PIPE",
        "error",
        "This is a named pipe, not a file. Drop a file.",
        "A named pipe lies in the inbox.",
        "Write the data to a file and drop that; remove the pipe.",
    ),
    Code(
        "F-SOCKET",
        "error",
        "This is a socket, not a file. Drop a file.",
        "A socket lies in the inbox.",
        "Write the data to a file and drop that; remove the socket.",
    ),
    Code(
        "F-DEVICE",
        "error",
        "This is a device, not a file. Drop a file.",
        "A device node lies in the inbox.",
        "Write the data to a file and drop that; remove the device node.",
    ),
    Code(
        "F-UNREADABLE",
        "error",
        "We have no right to read this file. Give the group the right to read it; then it is taken by itself.",
        "The file's mode keeps the daemon's user from reading it.",
        "Upload it with a mode that lets the group read (0640), or chmod it where it lies.",
    ),
    Code(
        "F-SIZE",
        "error",
        "This file has {value} bytes; at most {detail} are taken. Split it into several files.",
        "The file is larger than the limit in the configuration.",
        "Split it, or ask the operator to raise limits.bytes.",
    ),
    Code(
        "F-INCOMPLETE",
        "error",
        "This file is not whole: {detail}. It is taken by itself as soon as it is whole.",
        "The file has not changed for a long time, yet something says it is not finished.",
        "Finish or repeat the upload; end the program that still has the file open; with markers, add the .done file.",
    ),
    Code(
        "F-LEFTOVER",
        "warning",
        "No file of such a name is taken; this one has lain here for a day. Rename it if it is meant, else remove it.",
        "Names that begin with . or ~$ or end in .tmp or .part belong to uploads under way, or to broken ones.",
        "Rename the file to its final name to have it taken, or remove it.",
    ),
    Code(
        "F-CHANGING",
        "error",
        "This file was still being written while it was read, three times. Drop it again when it is whole.",
        "A program went on writing into the file after it had been quiet long enough to be taken.",
        "Write to a name ending in .part and rename it when it is whole, or raise `settle` for the account.",
    ),
    Code(
        "S-DISK",
        "error",
        "{detail}.",
        "The disk is full, fails, or cannot be written.",
        "Free space, or mend the disk or its mount. Nothing is lost, and work goes on by itself.",
    ),
    Code(
        "S-FOLDER",
        "error",
        "{detail}.",
        "A folder of an account is missing, is not a folder, or may not be used by the daemon.",
        "Give the daemon's user the right to read and write it, without the sticky bit. Work goes on by itself.",
    ),
    Code(
        "S-SYNC",
        "error",
        "{detail}.",
        "The disk reported that it could not keep what was written. Nobody can know what is on it now.",
        "Look at the disk. The daemon has ended; it goes on from what is on the disk when it is started again.",
    ),
    Code(
        "S-WATCH",
        "warning",
        "New files are noticed later than usual: {detail}.",
        "The kernel's file events were lost or cannot be had. The regular rescan still finds every file.",
        "It heals by itself. If it keeps coming: raise fs.inotify.max_queued_events, max_user_watches or _instances.",
    ),
    Code(
        "F-DUPLICATE",
        "error",
        "Upload {value} has applied the same file, and nothing has changed since: nothing was done.",
        "The same name with the same content came again, while items, rules and layouts are as they were.",
        "Nothing needs to be done. To apply it all the same, put .force before the extension: catalog.force.csv.",
    ),
    Code(
        "F-PARTIAL",
        "warning",
        "Rejected rows: {value} of {detail}. They stand in the error file with what is wrong; "
        "mend them there and drop that file back.",
        "Some rows could be applied, others not.",
        "Open the file named in error_file, mend the cells, and drop it into the inbox as it is.",
    ),
    Code(
        "F-NO-ROW-TAKEN",
        "error",
        "No row could be applied (rows in the file: {detail}). The error file says what is wrong with each; "
        "mend it there and drop that file back.",
        "Every row has a fault; often one column is mistaken for another.",
        "Look at the first rows of the error file: the codes name the column that is wrong in all of them.",
    ),
    Code(
        "F-NOTHING-REPLACED",
        "error",
        "This file is to replace the catalog, but not one of its rows says an item: nothing was withdrawn.",
        "Every row of a `replace` file asks for nothing (`action` = ignore, or a sku to delete that is unknown).",
        "Drop the whole catalog; or, to withdraw single items, name them in a column `action` with `delete`.",
    ),
    Code(
        "F-HELD",
        "warning",
        "Held: {value} items would be withdrawn or deleted, more at once than `guard` allows; all else was applied. "
        "The skus stand in the .held.csv; to let them go, drop the .release.csv into commands/ within 14 days.",
        "A `replace` file lacks many known items, or many rows say `delete`: often it is only a part of a catalog.",
        "If it is meant: release it (upload.release). If not: drop the whole catalog again, which discards the hold.",
    ),
    Code(
        "F-HELD-UNREADABLE",
        "warning",
        "Held: {value} items would be withdrawn or deleted, but {detail} rejected row(s) have no readable sku and may "
        "be about them; all else was applied. Mend those rows and drop the whole file again; or, to let the items go, "
        "drop the .release.csv into commands/ within 14 days.",
        "A `replace` withdraws items that stand in no row; a row without a sku could be the row of any of them.",
        "Mend the rows in the catalog and drop it again, or release what is held (upload.release).",
    ),
    Code(
        "F-CHECKSUM",
        "error",
        "This file is not the one its .sha256 file tells of: {detail}. Nothing was applied; upload both again.",
        "The upload was cut short or damaged on the way, or the .sha256 file belongs to another version of the file.",
        "Upload the .sha256 file first, then the file; make it with sha256sum.",
    ),
    Code(
        "C-NO-UPLOAD",
        "error",
        "This account has no upload {value}. Take the id from upload_id in history/uploads.csv.",
        "The id is mistyped, or belongs to another account.",
        "Copy the id from the history, or from the name of the file in outbox/errors/.",
    ),
    Code(
        "C-NOT-HELD",
        "error",
        "Upload {value} holds nothing: {detail}. Nothing was done.",
        "Only an upload with outcome `held` can be released or discarded, once; a newer `replace` discards it, too.",
        "Look at the newest uploads in the history: what is held now stands there.",
    ),
    Code(
        "C-LAPSED",
        "error",
        "What upload {value} held has lapsed: after 14 days nobody knows whether it is still meant. Nothing was done.",
        "A hold can be released for 14 days.",
        "Drop a new file that withdraws or deletes the items, and release that.",
    ),
    Code(
        "C-UNFINISHED",
        "error",
        "Upload {value} is not done yet; it can be repeated when it is.",
        "The file is still waiting or being read.",
        "Wait until the history says `done`.",
    ),
    Code(
        "C-NOT-ARCHIVED",
        "error",
        "The file of upload {value} is not in the archive: there is nothing to read again. Drop the file.",
        "It was never taken (a link, a folder), is no catalog, or its time in archive/ (`keep_archive`) was over.",
        "Drop the file again.",
    ),
    Code(
        "S-LOST",
        "error",
        "The file was taken and is now in none of our folders: somebody else removed it. Drop it again.",
        "Somebody other than the daemon moved or deleted a file in .taken/ or archive/ while it was in work.",
        "Drop the file again; keep other programs out of .taken/ and archive/.",
    ),
    Code(
        "S-CANCELLED",
        "error",
        "This was cancelled (process.cancel): what had been applied before stays.",
        "Somebody with the rights of this account asked for it.",
        "To do it after all, drop the file again.",
    ),
    Code(
        "S-SECRETS",
        "error",
        "The key file {value} cannot be used: {detail}. Restore it from the backup; work goes on by itself.",
        "The file with the key of the sealed credentials is damaged, unreadable, or of another installation.",
        "Put the secrets.key that belongs to this database back into data_dir, readable for the daemon alone.",
    ),
    Code(
        "S-BUG",
        "error",
        "Our program failed on this file three times ({detail}). What was applied stays; the file is in the archive.",
        "Something nobody foresaw; the log names the place.",
        "Send the file and the log lines that carry its upload id to whoever maintains this installation.",
    ),
    Code(
        "S-DATABASE",
        "error",
        "The database cannot be used ({detail}). Files wait; work goes on by itself when it can.",
        "The disk of the database is full or failing, or PostgreSQL is not there.",
        "Look at the disk of data_dir, or at the PostgreSQL server. Nothing is lost meanwhile.",
    ),
    Code(
        "S-NO-STORE",
        "error",
        "Nothing has run here yet: {detail} has no database. Start `tradepost run`.",
        "A command was given before the daemon has ever run with this configuration.",
        "Start the daemon, as the user that is to own data_dir; it makes what it needs.",
    ),
    Code(
        "S-SQLITE",
        "error",
        "SQLite {value} can damage a database in WAL mode; {detail} or later is needed.",
        "An old SQLite library is installed.",
        "Install the versions that requirements.txt names.",
    ),
    Code(
        "S-BACKUP",
        "error",
        "Backup: {detail}.",
        "The file named is no backup, is damaged or is in the way; or the database cannot be backed up like this.",
        "Do what the sentence says; a backup that is damaged cannot be restored, take an older one.",
    ),
    Code(
        "S-RUNNING",
        "error",
        "A daemon works with {detail}. Stop it first: systemctl stop tradepost.",
        "A backup is restored, or the schema is changed, only while no daemon uses the database.",
        "Stop every daemon of this installation, do it, start them again.",
    ),
    Code(
        "S-SCHEMA-OLD",
        "error",
        "The database has schema {value}, this version needs {detail}. Run `tradepost db upgrade`.",
        "The program was upgraded, the database was not.",
        "Stop the daemon, run `tradepost db upgrade` (of SQLite it makes a backup first), start it.",
    ),
    Code(
        "S-SCHEMA-NEW",
        "error",
        "The database has schema {value}, which this version does not know: it needs {detail}. Install the newer "
        "version again, or restore the backup from before it.",
        "The database was used by a newer version of the program.",
        "Install that version again, or restore the backup from before it.",
    ),
    *DRIVER_CODES,
)

_TEXTS = {code.name: code.text for code in CODES}


def sentence(name: str, value: object = "", detail: object = "") -> str:
    """The sentence of a code for one case: what is wrong and what to do."""
    return _TEXTS[name].format(value=value, detail=detail)
