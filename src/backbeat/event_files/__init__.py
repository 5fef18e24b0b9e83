"""Event files: what TensorBoard reads, written without TensorFlow and without torch."""

from backbeat.event_files.graph import Node
from backbeat.event_files.histograms import Histogram, Tally, count
from backbeat.event_files.projector import Embedding
from backbeat.event_files.records import read_records
from backbeat.event_files.report import Report
from backbeat.event_files.writer import EventFileWriter

__all__ = [
    "Embedding",
    "EventFileWriter",
    "Histogram",
    "Node",
    "Report",
    "Tally",
    "count",
    "read_records",
]
