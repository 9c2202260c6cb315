"""Memory is planned before it is spent, and the plan holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rawkit.errors import UsageError
from rawkit.models import BACKENDS, NETWORKS, plan_inference
from tests.support.fixtures_cli import REPOSITORY

MEGAPIXELS_12, MEGAPIXELS_100 = (2848, 4256), (8736, 11648)

sides = st.integers(40, 12_000)


def test_the_promised_budgets_suffice() -> None:
    assert plan_inference("lamba2021", *MEGAPIXELS_12, 700 * 10**6).total <= 700 * 10**6
    assert plan_inference("lamba2021", *MEGAPIXELS_100, 1200 * 10**6).total <= 1200 * 10**6


@given(
    network=st.sampled_from(sorted(NETWORKS)), height=sides, width=sides,
    budget=st.integers(10**8, 4 * 10**9), backend=st.sampled_from(BACKENDS),
)  # fmt: skip
def test_a_plan_fits_or_the_least_that_would_is_named_and_does(
    network: str, height: int, width: int, budget: int, backend: str
) -> None:
    others = {"picture": 3 * height * width}
    try:
        plan = plan_inference(network, height, width, budget, backend=backend, others=others)  # type: ignore[arg-type] # one of BACKENDS
    except UsageError as error:
        found = re.search(r"([\d.]+)GB", error.fix or "")
        assert found
        least = round(float(found[1]) * 1e9)
        assert least > budget
        plan = plan_inference(network, height, width, least, backend=backend, others=others)  # type: ignore[arg-type] # as above
        assert plan.total <= least
    else:
        assert plan.total <= budget
        assert plan.tile % NETWORKS[network].geometry.render_multiple == 0
        assert plan.parts["picture"] == 3 * height * width


def test_more_memory_never_makes_a_smaller_tile() -> None:
    tiles = [
        plan_inference("lamba2021", *MEGAPIXELS_12, budget * 10**6).tile
        for budget in range(450, 900, 50)
    ]
    assert tiles == sorted(tiles)
    assert tiles[0] < tiles[-1] == NETWORKS["lamba2021"].geometry.render_tile


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UsageError, match="backend 'tensorrt'"):
        plan_inference("lamba2021", 64, 64, 10**9, backend="tensorrt")  # type: ignore[arg-type] # what is refused


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_process_stays_within_its_plan() -> None:
    height, width = 1504, 2048
    plan = plan_inference("lamba2021", height, width, 10**9)
    found = subprocess.run(
        [sys.executable, "-m", "tests.bench.network_child", "lamba2021", "torch",
         str(height), str(width), "0", str(plan.tile)],
        check=True, capture_output=True, text=True, cwd=REPOSITORY,
    )  # fmt: skip
    peak = json.loads(found.stdout)["peak"]
    assert 0.5 * plan.total < peak < plan.total
