"""How near restored pictures are to the truth: protocols, figures, tables.

`protocol` says which pairs count and how pictures are compared; `pairs` finds them in stores;
`videos` puts those together that follow each other; `methods` makes the pictures, `clips` by a
network that takes clips, `plain` without one; `measure` compares one picture, or planes as `raw`
makes them, `video_figures` whole videos; `run` does all, journal and tables; `films` saves videos
to be looked at; `summary` has the means with their intervals; `published` the figures of papers.
"""

from rawkit.evaluate.bootstrap import CONFIDENCE, RESAMPLES, Mean
from rawkit.evaluate.films import FILM_FOLDER, FILM_INDEX, save_films
from rawkit.evaluate.locate import Subject, default_name, find_evaluation, find_evaluations, subject
from rawkit.evaluate.measure import COLUMNS, METRICS, PictureRow, measure
from rawkit.evaluate.memory import MAX_RAM
from rawkit.evaluate.methods import NetworkMethod, load_method
from rawkit.evaluate.pairs import Pair, choose_pairs
from rawkit.evaluate.pictures import PICTURE_FOLDER, PICTURE_INDEX, PICTURE_KINDS, save_pictures
from rawkit.evaluate.plain import EQUALISED, PLAIN, EqualisedMethod, PlainMethod
from rawkit.evaluate.plan import plan_evaluation
from rawkit.evaluate.protocol import (
    Protocol,
    changes_of,
    listed_splits,
    parse_amplification,
    protocol,
    protocols,
)
from rawkit.evaluate.published import PublishedFigure, published_figures, published_for
from rawkit.evaluate.run import (
    EvaluationPlan,
    EvaluationReport,
    evaluation_id,
    pictures_done,
    run_evaluation,
)
from rawkit.evaluate.summary import AXES, NOMINAL, GroupSummary, ordered, summarise
from rawkit.evaluate.tables import (
    PICTURES_TABLE,
    SUMMARY_JSON,
    Evaluation,
    encode_csv,
    load_evaluation,
    means_rows,
    read_pictures,
    summary_values,
)
from rawkit.evaluate.video_figures import VIDEO_METRICS, CurveRow, VideoRow
from rawkit.evaluate.videos import Video, videos_of
from rawkit.late import callable_as

callable_as(__name__, "rawkit.api:evaluate")

__all__ = [
    "AXES",
    "COLUMNS",
    "CONFIDENCE",
    "EQUALISED",
    "FILM_FOLDER",
    "FILM_INDEX",
    "MAX_RAM",
    "METRICS",
    "NOMINAL",
    "PICTURES_TABLE",
    "PICTURE_FOLDER",
    "PICTURE_INDEX",
    "PICTURE_KINDS",
    "PLAIN",
    "RESAMPLES",
    "SUMMARY_JSON",
    "VIDEO_METRICS",
    "CurveRow",
    "EqualisedMethod",
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
    "Video",
    "VideoRow",
    "changes_of",
    "choose_pairs",
    "default_name",
    "encode_csv",
    "evaluation_id",
    "find_evaluation",
    "find_evaluations",
    "listed_splits",
    "load_evaluation",
    "load_method",
    "means_rows",
    "measure",
    "ordered",
    "parse_amplification",
    "pictures_done",
    "plan_evaluation",
    "protocol",
    "protocols",
    "published_figures",
    "published_for",
    "read_pictures",
    "run_evaluation",
    "save_films",
    "save_pictures",
    "subject",
    "summarise",
    "summary_values",
    "videos_of",
]
