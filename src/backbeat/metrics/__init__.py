"""Metrics by Keras' names: functions of (y_true, y_pred), and objects that run through an epoch."""

from backbeat.losses import (
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    categorical_crossentropy,
    hinge,
    kullback_leibler_divergence,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from backbeat.metrics.accuracy import (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from backbeat.metrics.functions import cosine_similarity
from backbeat.metrics.lookup import direction_of, get, is_stateful
from backbeat.metrics.metric import BatchMetric, Direction, Metric
from backbeat.metrics.names import name_of, names_of, unique_names
from backbeat.metrics.running import RunningMetric
from backbeat.metrics.running_state import load_counts, read_counts

__all__ = [
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "BatchMetric",
    "Direction",
    "Metric",
    "RunningMetric",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "cosine_proximity",
    "cosine_similarity",
    "direction_of",
    "get",
    "hinge",
    "is_stateful",
    "kullback_leibler_divergence",
    "load_counts",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "name_of",
    "names_of",
    "poisson",
    "read_counts",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
    "unique_names",
]

cosine_proximity = cosine_similarity
