"""How near restored pictures are to the truth: protocols, figures, tables.

`protocol` says which pairs count and how pictures are compared; `pairs` finds them in stores;
`methods` makes the pictures; `measure` compares one; `run` does all, journal and tables; `summary`
has the means with their intervals; `published` the figures of papers.
"""

from rawkit.evaluate.bootstrap import CONFIDENCE, RESAMPLES, Mean
from rawkit.evaluate.locate import (
    Subject,
    default_name,
    find_evaluation,
    find_evaluations,
    subject,
)
from rawkit.evaluate.measure import COLUMNS, METRICS, PictureRow, measure
from rawkit.evaluate.methods import PLAIN, NetworkMethod, PlainMethod, load_method
from rawkit.evaluate.pairs import Pair, choose_pairs
from rawkit.evaluate.pictures import save_pictures
from rawkit.evaluate.protocol import Protocol, parse_amplification, protocol, protocols
from rawkit.evaluate.published import PublishedFigure, published_figures, published_for
from rawkit.evaluate.run import (
    EvaluationPlan,
    EvaluationReport,
    evaluation_id,
    pictures_done,
    run_evaluation,
)
from rawkit.evaluate.summary import AXES, GroupSummary, summarise
from rawkit.evaluate.tables import Evaluation, load_evaluation, read_pictures

__all__ = [
    "AXES",
    "COLUMNS",
    "CONFIDENCE",
    "METRICS",
    "PLAIN",
    "RESAMPLES",
    "Evaluation",
    "EvaluationPlan",
    "EvaluationReport",
    "GroupSummary",
    "Mean",
    "NetworkMethod",
    "Pair",
    "PictureRow",
    "PlainMethod",
    "Protocol",
    "PublishedFigure",
    "Subject",
    "choose_pairs",
    "default_name",
    "evaluation_id",
    "find_evaluation",
    "find_evaluations",
    "load_evaluation",
    "load_method",
    "measure",
    "parse_amplification",
    "pictures_done",
    "protocol",
    "protocols",
    "published_figures",
    "published_for",
    "read_pictures",
    "run_evaluation",
    "save_pictures",
    "subject",
    "summarise",
]
