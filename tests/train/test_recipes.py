"""Recipes: every value is one of the settings, has its source, and is on its page."""

from __future__ import annotations

from dataclasses import fields

import pytest

from rawkit.errors import UsageError
from rawkit.train import RECIPES, TrainSettings, find_recipe
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "reference" / "training.md"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_makes_settings_and_says_where_each_value_is_from(name: str) -> None:
    recipe = find_recipe(name)
    assert set(recipe.values) <= {field.name for field in fields(TrainSettings)}
    assert set(recipe.sources) == set(recipe.values) | {"steps"}
    made = TrainSettings(subset="x", **{"steps": 1, **recipe.values})
    for field, value in recipe.values.items():
        assert getattr(made, field) == value
    assert ("steps" in recipe.values) != bool(recipe.crops_per_long)


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_of_recipes_has_every_value_with_its_source(name: str) -> None:
    text = PAGE.read_text("utf-8").split(f"### `{name}`")[1].split("\n##")[0]
    recipe = find_recipe(name)
    for field, source in recipe.sources.items():
        value = recipe.values.get(field, f"{recipe.crops_per_long} for each long")
        shown = (
            ", ".join(f"{one:g}" for one in value)
            if isinstance(value, tuple)
            else (f"{value:g}" if isinstance(value, float) else str(value))
        )
        assert f"| `{field}` | {shown} | {source} |" in text, field


def test_a_recipe_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(UsageError, match="lamba2021, sid"):
        find_recipe("unet")
