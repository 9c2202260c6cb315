"""What a notebook holds in its hands: an open store, frames of it, pairs, batches, pictures.

Thin views of what the packages below offer, with reprs for people; `rawkit.api` hands them out.
Pixels are read when they are asked for.
"""

from rawkit.notebook.epochs import Epochs
from rawkit.notebook.frames import Frames, Shot, StoredPair
from rawkit.notebook.given import restore_input
from rawkit.notebook.live import plan_beside
from rawkit.notebook.picture import Picture
from rawkit.notebook.store import OpenStore
from rawkit.notebook.streams import stream_chosen

__all__ = [
    "Epochs",
    "Frames",
    "OpenStore",
    "Picture",
    "Shot",
    "StoredPair",
    "plan_beside",
    "restore_input",
    "stream_chosen",
]
