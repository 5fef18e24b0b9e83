"""Models: `Sequential`, and `Model` to subclass, to draw or to wrap around any module."""

from backbeat.models.architecture import model_from_json
from backbeat.models.loading import load_model
from backbeat.models.model import Model
from backbeat.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model", "model_from_json"]
