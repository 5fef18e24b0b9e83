"""The one door to the disk: whole files and directories, locks, and files that grow by rows.

Everything goes through `files.disk.current`, which tests swap for a disk that fails.
"""

from backbeat.files.directories import (
    free_bytes,
    probe_directory,
    remove_tree,
    rename_directory,
    sweep,
    whole_directory,
)
from backbeat.files.disk import Disk, PathLike
from backbeat.files.inside import open_inside, read_inside
from backbeat.files.locks import Lock, lock_directory, lock_file
from backbeat.files.names import exists, link, remove
from backbeat.files.places import make_parents, place_of, probe, trial_path
from backbeat.files.rows import Rows, open_rows
from backbeat.files.whole import whole

__all__ = [
    "Disk",
    "Lock",
    "PathLike",
    "Rows",
    "exists",
    "free_bytes",
    "link",
    "lock_directory",
    "lock_file",
    "make_parents",
    "open_inside",
    "open_rows",
    "place_of",
    "probe",
    "probe_directory",
    "read_inside",
    "remove",
    "remove_tree",
    "rename_directory",
    "sweep",
    "trial_path",
    "whole",
    "whole_directory",
]
