"""The one door to the disk: whole files, probes, and files that grow row by row.

Everything goes through `files.disk.current`, which tests swap for a disk that fails.
"""

from backbeat.files.disk import Disk, PathLike
from backbeat.files.places import make_parents, probe
from backbeat.files.rows import Rows, open_rows
from backbeat.files.whole import whole

__all__ = ["Disk", "PathLike", "Rows", "make_parents", "open_rows", "probe", "whole"]
