"""One callback, one file, the seed's names."""

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
