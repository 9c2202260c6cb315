"""``rawkit models`` lists every network with what is true of it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from rawkit.cli import main
from rawkit.models import NETWORKS, build


def test_every_network_is_listed_with_its_real_number_of_parameters() -> None:
    result = CliRunner().invoke(main, ["models", "--json"])
    assert result.exit_code == 0
    listed = {one["name"]: one for one in json.loads(result.stdout)}
    assert listed.keys() == NETWORKS.keys()
    for name, one in listed.items():
        count = sum(parameter.numel() for parameter in build(name).parameters())
        assert one["parameters"] == count


def test_the_list_for_people_names_the_licence() -> None:
    result = CliRunner().invoke(main, ["models"])
    assert "non-commercial" in result.stdout
    assert "7,760,748" in result.stdout
