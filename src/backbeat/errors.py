"""Every error and warning that backbeat raises by itself, as one tree.

BackbeatError
├── ArgumentError        (ValueError)   a value that does not fit
│   ├── UnknownNameError                a name nobody registered
│   └── MonitorError                    the watched value never comes
├── ArgumentTypeError    (TypeError)    a thing of the wrong kind
├── DataError            (ValueError)   the data contradict each other or are empty
├── StateError           (RuntimeError) the right call at the wrong moment
├── MissingPackageError  (ImportError)  an optional package is not installed
└── CheckpointError      (OSError)      a file could not be written or read
    ├── CheckpointCorruptError          a file that is not what it says it is
    ├── DirectoryInUseError             another run is writing there
    └── FileInUseError                  another run is writing that file
BackbeatWarning          (RuntimeWarning)
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BackbeatError",
    "BackbeatWarning",
    "CheckpointCorruptError",
    "CheckpointError",
    "DataError",
    "DirectoryInUseError",
    "FileInUseError",
    "MissingPackageError",
    "MonitorError",
    "StateError",
    "UnknownNameError",
]


class BackbeatError(Exception):
    """The root of every error of backbeat's own."""


class ArgumentError(BackbeatError, ValueError):
    """An argument has the right kind but a value that does not fit."""


class UnknownNameError(ArgumentError):
    """A name is not registered; the message offers the nearest ones."""


class MonitorError(ArgumentError):
    """A callback with `strict=True` watches a value that does not come."""


class ArgumentTypeError(BackbeatError, TypeError):
    """An argument is the wrong kind of thing."""


class DataError(BackbeatError, ValueError):
    """The data are empty, or their parts contradict each other."""


class StateError(BackbeatError, RuntimeError):
    """The right call at the wrong moment, such as `fit` before `compile`."""


class MissingPackageError(BackbeatError, ImportError):
    """An optional package is missing; the message holds the install line."""


class CheckpointError(BackbeatError, OSError):
    """A checkpoint could not be written or read."""


class CheckpointCorruptError(CheckpointError):
    """A checkpoint is damaged, or does not fit what it is loaded into."""


class DirectoryInUseError(CheckpointError):
    """Another run is writing to the directory at this moment."""


class FileInUseError(CheckpointError):
    """Another run is writing the file at this moment."""


class BackbeatWarning(RuntimeWarning):
    """The category of every warning that backbeat gives."""
