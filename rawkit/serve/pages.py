"""The pages, filled from templates."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from rawkit.serve.schemas import Wanted

if TYPE_CHECKING:
    from rawkit.serve.room import Room
    from rawkit.serve.schemas import FrameLine, Holdings, StoreDetails


@cache
def _templates() -> Environment:
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        loader=FunctionLoader(_asset),
    )  # fmt: skip


def _asset(name: str) -> str | None:
    path = files("rawkit.serve") / "assets" / name
    return path.read_text("utf-8") if path.is_file() else None


def page_of(room: Room, work: str) -> str:
    """Return the page of a work; of one that is gone, too, which says so."""
    known = work in room.board.works
    return _render(
        room, "page.html.j2", "photos", work if known else "", known=known,
        accept=",".join(f".{one}" for one in _SUFFIXES),
    )  # fmt: skip


def workspace_page(room: Room, work: str, found: Holdings) -> str:
    """Return the page of what the workspace holds."""
    return _render(room, "workspace.html.j2", "workspace", _known(room, work), found=found)


def store_page(
    room: Room, work: str, store: StoreDetails, scene: str, frames: list[FrameLine]
) -> str:
    """Return the page of a store, and of a scene of it if one is named."""
    known = _known(room, work)
    return _render(room, "store.html.j2", "workspace", known, store=store, scene=scene,
                   frames=frames)  # fmt: skip


def api_page(room: Room, work: str, address: str, described: dict[str, Any]) -> str:
    """Return the page for who writes scripts."""
    settings = {name: one.description for name, one in Wanted.model_fields.items()}
    return _render(room, "api.html.j2", "api", _known(room, work), address=address,
                   described=described, settings=settings,
                   token=room.settings.token is not None)  # fmt: skip


def _known(room: Room, work: str) -> str:
    return work if work in room.board.works else ""


def _render(room: Room, template: str, here: str, work: str, **values: Any) -> str:
    settings = room.settings
    minutes = settings.keep_seconds / 60
    kept = f"{minutes:g} minutes" if minutes < _LONG else f"{minutes / 60:.3g} hours"
    return _templates().get_template(template).render(
        about=room.about(), here=here, work=work, local=settings.is_local,
        more=f"?work={work}" if work else "",
        kept={"60 minutes": "an hour", "1 minutes": "a minute"}.get(kept, kept), **values,
    )  # fmt: skip


_LONG = 90
_SUFFIXES = ("dng", "arw", "cr2", "cr3", "crw", "nef", "nrw", "raf", "orf", "rw2", "pef", "srw",
             "kdc", "dcr", "raw", "3fr", "iiq", "erf", "mrw", "x3f", "rwl")  # fmt: skip
