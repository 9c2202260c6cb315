"""Where a network in stages may be cut."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes that tiled inference must respect, all in pixels of the mosaic; see `Staged`."""

    multiple: int
    """What sides of a whole picture, and borders of strips that are squeezed, must be multiples
    of; also the side of a squeezed cell."""
    features: int
    """Channels that `look_far` gives; 0 if no part of the network sees beyond `render_halo`."""
    squeeze_halo: int
    """What `squeeze` must see above and below a strip; a multiple of `multiple`."""
    render_multiple: int
    """What borders of tiles must be multiples of; also the side of a feature's cell."""
    render_halo: int
    """What `render` must see around a tile."""
    render_tile: int
    """Side of a tile's core when none is given."""
    frames_halo: int = 0
    """Frames that `render` must see before and after those it gives; of a network for clips."""
    render_frames: int = 1
    """Frames that it gives at a time when no number is given; of a network for clips."""
