"""How much room is left where we write, and when that is too little."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from daemon.config import Config

SHARE = 0.1  # of the disk …
PLENTY = 20 << 30  # … unless so many bytes are free
INODES = 0.05  # of the disk


class Room(NamedTuple):
    """Of one file system, for users that are not root."""

    device: int
    free: int  # bytes
    size: int
    inodes_free: int
    inodes: int  # 0 where there is no limit


def places_of(config: Config) -> dict[str, Path]:
    """The folders of ours that may lie on disks of their own."""
    return {"data_dir": config.data_dir, "drop_root": config.drop_root}


def measure(folder: Path) -> Room:
    """The file system of a folder. Raises OSError."""
    told = os.statvfs(folder)
    size, free = told.f_frsize * told.f_blocks, told.f_frsize * told.f_bavail
    return Room(folder.stat().st_dev, free, size, told.f_favail, told.f_files)


def find_lack(room: Room, slack: float = 1.0) -> str:
    """What there is too little of; "" if there is enough. `slack` above 1 asks for more, so that none flutters."""
    if room.free < room.size * SHARE * slack and room.free < PLENTY * slack:
        return f"only {show_bytes(room.free)} of {show_bytes(room.size)} are free"
    if room.inodes and room.inodes_free < room.inodes * INODES * slack:
        return f"only {room.inodes_free} of {room.inodes} inodes are free, so that soon no more files can be made"
    return ""


def measure_all(places: Mapping[str, Path]) -> dict[str, Room]:
    """The rooms by name; those that cannot be looked at are missing."""
    rooms = {}
    for name, folder in places.items():
        try:
            rooms[name] = measure(folder)
        except OSError:
            continue
    return rooms


def show_bytes(number: int) -> str:
    """A number of bytes for people."""
    unit = 0
    value = float(number)
    while value >= 1024 and unit < 4:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB')[unit]}"
