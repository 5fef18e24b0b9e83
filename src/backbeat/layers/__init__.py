"""Layers with Keras' names and arguments, thin over torch; any torch.nn module fits beside them."""

from backbeat.layers.activation import Activation
from backbeat.layers.dense import Dense
from backbeat.layers.dropout import Dropout
from backbeat.layers.embedding import Embedding
from backbeat.layers.flatten import Flatten
from backbeat.layers.keras_layout import KerasWeight, keras_weights
from backbeat.layers.layer import Layer

__all__ = [
    "Activation",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "KerasWeight",
    "Layer",
    "keras_weights",
]
