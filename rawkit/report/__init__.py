"""What people read: descriptions and pictures of what there is.

`describe` tells of a store or a collection in words, `show` draws a scene and a chart of its
frames; `camera` and `camera_page` tell of a camera's noise; `heldout` compares restored pictures
with their truth; `study` gathers what a workspace holds of runs and evaluations, and `write` makes
a page of it.

Each part is imported when it is first used: descriptions do without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.late import late

if TYPE_CHECKING:
    from rawkit.report.camera import describe_profile
    from rawkit.report.camera_page import CameraPage, draw_profile, write_camera_page
    from rawkit.report.describe import describe_entries, describe_named
    from rawkit.report.heldout import HeldOut, draw_heldout, measure_heldout
    from rawkit.report.runs import load_run
    from rawkit.report.show import (
        Chart,
        Shown,
        chart_of,
        chart_of_store,
        scene_sheet,
        shown_of_catalog,
        shown_of_scene,
        shown_of_store,
    )
    from rawkit.report.study import load_study, sheets_of, study_of
    from rawkit.report.write import write_report

__getattr__ = late(
    __name__,
    {
        "CameraPage": "camera_page",
        "Chart": "show",
        "HeldOut": "heldout",
        "Shown": "show",
        "chart_of": "show",
        "chart_of_store": "show",
        "describe_entries": "describe",
        "describe_named": "describe",
        "describe_profile": "camera",
        "draw_heldout": "heldout",
        "draw_profile": "camera_page",
        "load_run": "runs",
        "load_study": "study",
        "measure_heldout": "heldout",
        "scene_sheet": "show",
        "sheets_of": "study",
        "shown_of_catalog": "show",
        "shown_of_scene": "show",
        "shown_of_store": "show",
        "study_of": "study",
        "write_camera_page": "camera_page",
        "write_report": "write",
    },
)

__all__ = [
    "CameraPage",
    "Chart",
    "HeldOut",
    "Shown",
    "chart_of",
    "chart_of_store",
    "describe_entries",
    "describe_named",
    "describe_profile",
    "draw_heldout",
    "draw_profile",
    "load_run",
    "load_study",
    "measure_heldout",
    "scene_sheet",
    "sheets_of",
    "shown_of_catalog",
    "shown_of_scene",
    "shown_of_store",
    "study_of",
    "write_camera_page",
    "write_report",
]
