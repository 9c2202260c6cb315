"""``rawkit train COLLECTION``: an ingest beside the training, begun before torch is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rawkit.bars import TerminalProgress
from rawkit.cli._filters import selection_of
from rawkit.cli._print import fields, size
from rawkit.cli._train_options import changes_of, on_command_line

if TYPE_CHECKING:
    from rawkit.supply import Record
    from rawkit.train import TrainPlan
    from rawkit.workspace import Workspace

_OTHER_DATA = ("subset", "fraction", "store")
_FILTERS = ("iso", "shutter", "ratio", "scene", "view", "camera", "per_long", "where",
            "without_excluded", "limit")  # fmt: skip


def is_live(workspace: Workspace, options: dict[str, Any]) -> bool:
    """Tell whether frames land beside what is asked for, or did beside the run that is resumed.

    Raises
    ------
    UsageError
        If options make no sense together.
    """
    from rawkit.errors import UsageError
    from rawkit.supply import live_run

    collection, replay = options["collection"], options["replay"]
    if collection is not None and replay is not None:
        raise UsageError("a collection with --replay", expected="one of them")
    if (collection or replay) and options["resume"]:
        raise UsageError(
            f"{'--replay' if replay else 'a collection'} with --resume",
            expected="one of them", fix="A run remembers what it was begun with.",
        )  # fmt: skip
    if collection is None:
        given = [
            name
            for name in ("source", "limit")
            if options[name] and not (name == "source" and options["disk"])
        ]
        if given:
            raise UsageError(
                f"--{given[0]} without a collection",
                expected="what lies there, such as `rawkit train mid --source URL`",
            )
    if collection is not None:
        given = [f"--{name}" for name in _OTHER_DATA if options[name]]
        if given:
            raise UsageError(f"{', '.join(given)} with a collection", expected="one of them")
        return True
    if replay is not None:
        return True
    return bool(options["resume"]) and live_run(workspace, options["name"]) is not None


def planned_live(workspace: Workspace, options: dict[str, Any]) -> TrainPlan | None:
    """Settle what the options ask for; None where it is only said."""
    from rawkit.supply import live_run, order_of, start_supply

    common = {"max_ram": options["max_ram"], "device": options["device"]}
    if options["replay"] is not None:
        from rawkit.train import FETCHING, plan_replay

        if options["disk"]:
            common["max_ram"] -= FETCHING
        return plan_replay(workspace, options["replay"], name=options["name"], **common)
    progress = TerminalProgress()
    folder = live_run(workspace, options["name"]) if options["resume"] else None
    if folder is not None:
        _refuse_other_data(options)
        with start_supply(
            workspace, folder=folder, max_ram=options["max_ram"], disk=options["disk"], say=_say
        ) as supply:
            from rawkit.train import resume_live

            return resume_live(
                workspace, folder, supply, changes_of(options, given_only=True),
                recipe=options["recipe"] if on_command_line("recipe") else None,
                progress=progress, say=_say, **common,
            )  # fmt: skip
    record = _record(options)
    if options["dry_run"]:
        order = order_of(workspace, record, named=options["collection"], max_ram=options["max_ram"])
        _say_order(order, options["max_ram"])
        return None
    with start_supply(
        workspace, record, named=options["collection"], max_ram=options["max_ram"], say=_say
    ) as supply:
        from rawkit.train import plan_live

        return plan_live(
            workspace, record, supply, name=options["name"], progress=progress, say=_say, **common
        )


def _refuse_other_data(options: dict[str, Any]) -> None:
    """Refuse to resume a run on other frames; what its settings may be is said elsewhere."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in (*_OTHER_DATA, *_FILTERS)
        if on_command_line(name) and options[name]
    ]
    if given:
        from rawkit.train import other_data

        raise other_data(given)


def _record(options: dict[str, Any]) -> Record:
    from dataclasses import replace

    from rawkit.catalog import load_definition
    from rawkit.supply import record_of

    definition = load_definition(options["collection"])
    record = record_of(
        options["collection"], tuple(options["source"]), {}, changes_of(options),
        options["recipe"], options["disk"],
    )  # fmt: skip
    selection = selection_of({"split": None, "role": None, **options}, definition)
    return replace(record, selection=selection)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _say_order(order: Any, max_ram: int) -> None:
    """Say what would be fetched, in which order, and how the memory would be shared."""
    from rawkit.supply import preview, share_memory

    wanted = preview(order, TerminalProgress())
    share = share_memory(max_ram)
    pairs = ", ".join(f"{count} {split}" for split, count in wanted.pairs.items())
    click.echo(
        fields(
            {
                "collection": order.definition.title,
                "source": ", ".join(order.source),
                "store": order.store,
                "frames selected": wanted.frames,
                "pairs": pairs,
                "already in the store": wanted.here,
                "to fetch": size(wanted.bytes_in),
                "before the first step": f"{len(wanted.first)} pairs, {size(wanted.first_bytes)}",
                **({} if order.disk is None else {"disk": size(order.disk)}),
                "memory": f"{(max_ram - share.ingest) // 10**6} MB for the training, "
                f"{share.ingest // 10**6} MB for the ingest in {share.threads} threads",
            }
        ),
        err=True,
    )
