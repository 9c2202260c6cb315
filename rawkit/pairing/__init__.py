"""Whether the two frames of a pair fit: shift, moved things, exposure, and the long itself.

`measure_pair` compares two frames, `judge` says whether what it found is too much, and
`verify_pairs` does both for all pairs of a store, with a journal, and writes the list that
``--without-excluded`` reads. `write_page` makes a page of pictures of those that were found.
"""

from rawkit.pairing.exposed import Exposed
from rawkit.pairing.judge import (
    REASONS,
    PairLimits,
    Reason,
    State,
    Verdict,
    exposure_error,
    judge,
)
from rawkit.pairing.measure import Measured, PreparedLong, measure_pair
from rawkit.pairing.page import write_page
from rawkit.pairing.pairs import StoredPair, pairs_of
from rawkit.pairing.run import MAX_RAM, CheckedPair, PairReport, verify_pairs

__all__ = [
    "MAX_RAM",
    "REASONS",
    "CheckedPair",
    "Exposed",
    "Measured",
    "PairLimits",
    "PairReport",
    "PreparedLong",
    "Reason",
    "State",
    "StoredPair",
    "Verdict",
    "exposure_error",
    "judge",
    "measure_pair",
    "pairs_of",
    "verify_pairs",
    "write_page",
]
