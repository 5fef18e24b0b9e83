"""Layers with Keras' names and arguments, thin over torch; any torch.nn module fits beside them."""

from backbeat.layers.activation import Activation
from backbeat.layers.advanced_activations import LeakyReLU, ReLU, Softmax
from backbeat.layers.batch_normalization import BatchNormalization
from backbeat.layers.conv import Conv1D, Conv2D
from backbeat.layers.dense import Dense
from backbeat.layers.dot import Dot, dot
from backbeat.layers.dropout import Dropout
from backbeat.layers.embedding import Embedding
from backbeat.layers.flatten import Flatten
from backbeat.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
)
from backbeat.layers.input_layer import Input, InputLayer
from backbeat.layers.keras_layout import keras_weights
from backbeat.layers.keras_weight import KerasWeight
from backbeat.layers.lambda_layer import Lambda
from backbeat.layers.layer import Layer
from backbeat.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from backbeat.layers.pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
from backbeat.layers.reshape import Reshape
from backbeat.layers.zero_padding import ZeroPadding2D

__all__ = [
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "KerasWeight",
    "Lambda",
    "Layer",
    "LeakyReLU",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "ReLU",
    "Reshape",
    "Softmax",
    "Subtract",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "dot",
    "keras_weights",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
