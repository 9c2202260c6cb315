"""What a network takes of memory stands beside it, and agrees with the network itself."""

import pytest

from rawkit.models import BACKENDS, NETWORKS, MemoryPlan, count_parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_costs_are_those_of_the_network(name: str) -> None:
    about = NETWORKS[name]
    assert set(about.costs.tile_pixel) == set(about.costs.far_pixel) == set(BACKENDS)
    assert all((far > 0) == (about.geometry.features > 0) for far in about.costs.far_pixel.values())
    if about.costs.training is not None:
        # Networks of a family share theirs: their first and last layers differ.
        assert about.costs.training.weights == pytest.approx(4 * count_parameters(name), rel=1e-3)


def test_a_plan_adds_up_and_says_so() -> None:
    plan = MemoryPlan({"process": 3 * 10**8, "windows": 2 * 10**8}, 6 * 10**8)
    assert plan.fits
    assert plan.text() == "500 of 600 MB (process 300, windows 200)"
    assert not MemoryPlan(plan.parts, 5 * 10**8 - 1).fits
