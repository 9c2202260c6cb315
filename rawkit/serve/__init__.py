"""The page and the HTTP API: raw files dropped into a browser become pictures.

`server` runs it, `app` says which request is answered by what, `guard` who may ask. `uploads` takes
files in, `board` knows how far each is, `darkroom` works on them in threads, `preview` draws what
somebody looks at. What the pages are made of lies in `assets`.

It needs the extra ``web``, so that its parts are imported late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rawkit.late import late
from rawkit.serve.settings import KEEP_SECONDS, PORT, Limits, ServeSettings

if TYPE_CHECKING:
    from rawkit.serve.app import make_app
    from rawkit.serve.room import Room
    from rawkit.serve.server import serve

__getattr__ = late(__name__, {"Room": "room", "make_app": "app", "serve": "server"})

__all__ = ["KEEP_SECONDS", "PORT", "Limits", "Room", "ServeSettings", "make_app", "serve"]
