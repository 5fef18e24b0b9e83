"""One callback, one file, the seed's names; each is loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backbeat.lazy import lazily

if TYPE_CHECKING:
    from backbeat.callbacks.backup_and_restore import BackupAndRestore
    from backbeat.callbacks.base_logger import BaseLogger
    from backbeat.callbacks.csv_logger import CSVLogger
    from backbeat.callbacks.early_stopping import EarlyStopping
    from backbeat.callbacks.history import History
    from backbeat.callbacks.lambda_callback import LambdaCallback
    from backbeat.callbacks.learning_rate_scheduler import LearningRateScheduler
    from backbeat.callbacks.model_checkpoint import ModelCheckpoint
    from backbeat.callbacks.progbar_logger import ProgbarLogger
    from backbeat.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
    from backbeat.callbacks.remote_monitor import RemoteMonitor
    from backbeat.callbacks.tensorboard_v1 import TensorBoard
    from backbeat.callbacks.terminate_on_nan import TerminateOnNaN
    from backbeat.hooks.callback import Callback
    from backbeat.hooks.callback_list import CallbackList

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
]

_HOMES = {
    "BackupAndRestore": "backbeat.callbacks.backup_and_restore",
    "BaseLogger": "backbeat.callbacks.base_logger",
    "CSVLogger": "backbeat.callbacks.csv_logger",
    "Callback": "backbeat.hooks.callback",
    "CallbackList": "backbeat.hooks.callback_list",
    "EarlyStopping": "backbeat.callbacks.early_stopping",
    "History": "backbeat.callbacks.history",
    "LambdaCallback": "backbeat.callbacks.lambda_callback",
    "LearningRateScheduler": "backbeat.callbacks.learning_rate_scheduler",
    "ModelCheckpoint": "backbeat.callbacks.model_checkpoint",
    "ProgbarLogger": "backbeat.callbacks.progbar_logger",
    "ReduceLROnPlateau": "backbeat.callbacks.reduce_lr_on_plateau",
    "RemoteMonitor": "backbeat.callbacks.remote_monitor",
    "TensorBoard": "backbeat.callbacks.tensorboard_v1",
    "TerminateOnNaN": "backbeat.callbacks.terminate_on_nan",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
