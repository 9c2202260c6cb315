"""An ingest beside a training: frames land while others are trained on.

`begin` starts it in a process of its own, which `child` is; `order` says what is fetched first;
`supply` is the training's end of it; `pairs` finds what has landed, `generations` says what each
epoch draws from, and `notes` and `record` hold what is needed to do it all again. Nothing here
loads torch: the first bytes are on their way before that.
"""

from rawkit.supply.begin import begin_supply, order_of, record_of, start_supply
from rawkit.supply.generations import Generations, located, located_pairs
from rawkit.supply.memory import (
    BATCH_SIZE,
    RECIPE_BATCHES,
    Share,
    check_alone,
    leads_here,
    share_memory,
)
from rawkit.supply.messages import Order, Wanted
from rawkit.supply.notes import NOTES, Notes, read_notes
from rawkit.supply.order import Arranged, arrange
from rawkit.supply.pairs import Pair, StorePairs
from rawkit.supply.planned import preview
from rawkit.supply.record import RECORD, Record, live_run, read_record, run_folder
from rawkit.supply.supply import Supply

__all__ = [
    "BATCH_SIZE",
    "NOTES",
    "RECIPE_BATCHES",
    "RECORD",
    "Arranged",
    "Generations",
    "Notes",
    "Order",
    "Pair",
    "Record",
    "Share",
    "StorePairs",
    "Supply",
    "Wanted",
    "arrange",
    "begin_supply",
    "check_alone",
    "leads_here",
    "live_run",
    "located",
    "located_pairs",
    "order_of",
    "preview",
    "read_notes",
    "read_record",
    "record_of",
    "run_folder",
    "share_memory",
    "start_supply",
]
