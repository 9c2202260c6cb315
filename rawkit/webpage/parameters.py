"""What a network knows beside its weights, as the page's scripts read it: ``network.json``."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from rawkit.errors import UsageError
from rawkit.models import STRIP_ROWS, describe
from rawkit.pictures import icc_profile, profile_name
from rawkit.sensor import BAYER, MAX_RATIO, TARGET_MEAN, bin_edges, bin_weights

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rawkit.restore import Restorer


def parameters_of(restorer: Restorer, stages: Iterable[str]) -> dict[str, Any]:
    """Return what a page must know to restore as `rawkit restore` does, plain values.

    Parameters
    ----------
    restorer
        The network and what is known of its weights. Weights that do not say which grey they make
        neutral are asked, which takes some seconds once.
    stages
        Names of the stages that the page has.

    Raises
    ------
    UsageError
        If the network reads no Bayer mosaics, or equalised ones.
    """
    network = describe(restorer.network)
    if network.cell != BAYER or network.takes_clips:
        raise UsageError(
            f"{network.name}, which reads {'clips' if network.takes_clips else network.cell.name}",
            expected="a network for photos of Bayer sensors",
        )
    if restorer.gives_mosaic:
        raise UsageError(
            f"{network.name}, which gives mosaics", expected="a network that gives pictures"
        )
    if restorer.amplification.kind == "equalise":
        raise UsageError(
            "weights trained on equalised planes", expected="weights trained on amplified ones"
        )
    learned, geometry = restorer.learned(), network.geometry
    neutral = learned.neutral() if learned.cameras or learned.wanted else None
    return {
        "network": network.name,
        "title": network.title,
        "reference": network.reference,
        "licence": restorer.licence,
        "weights": restorer.identity,
        "stages": sorted(stages),
        "multiple": geometry.multiple,
        "squeezeHalo": geometry.squeeze_halo,
        "stripRows": STRIP_ROWS,
        "renderMultiple": geometry.render_multiple,
        "renderHalo": geometry.render_halo,
        "renderTile": geometry.render_tile,
        "amplification": {
            "kind": restorer.amplification.kind,
            "value": restorer.amplification.value,
            "ratioToEstimate": restorer.ratio_to_estimate,
        },
        "learned": {
            "cameras": sorted(learned.cameras),
            "neutral": neutral,
            "wanted": learned.wanted,
            "published": learned.published,
        },
        "amplifier": {
            "edges": bin_edges().tolist(),
            "weights": bin_weights().tolist(),
            "target": TARGET_MEAN,
            "most": MAX_RATIO,
        },
        "profile": {
            "name": profile_name(),
            "bytes": base64.b64encode(icc_profile()).decode("ascii"),
        },
    }
