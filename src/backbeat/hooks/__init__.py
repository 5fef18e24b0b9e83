"""START HERE: the moments of a training run, and who hears them."""

from backbeat.hooks.averages import Averages
from backbeat.hooks.callback import Callback
from backbeat.hooks.callback_list import CallbackList
from backbeat.hooks.cost import Cost, CostTable
from backbeat.hooks.host import Capturable, Host, Inspectable, Snapshot, as_host
from backbeat.hooks.inspection import GraphLayer, GraphNode, GraphRecording, Inspection, ModelGraph
from backbeat.hooks.later import Later
from backbeat.hooks.logs import Fetch, Logs
from backbeat.hooks.plan import Plan
from backbeat.hooks.stop import Stop, StopLatch
from backbeat.hooks.waits import Waits

__all__ = [
    "Averages",
    "Callback",
    "CallbackList",
    "Capturable",
    "Cost",
    "CostTable",
    "Fetch",
    "GraphLayer",
    "GraphNode",
    "GraphRecording",
    "Host",
    "Inspectable",
    "Inspection",
    "Later",
    "Logs",
    "ModelGraph",
    "Plan",
    "Snapshot",
    "Stop",
    "StopLatch",
    "Waits",
    "as_host",
]
