"""The list of bad pairs: what is written is read, and mistakes are told."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rawkit.catalog import BadPair, read_bad_pairs, selection_of, write_bad_pairs
from rawkit.errors import DefinitionError

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
bad_pairs = st.builds(
    BadPair, texts, texts, st.lists(texts, max_size=3).map(tuple), texts, st.booleans()
)


@settings(max_examples=50)
@given(st.lists(bad_pairs, max_size=5, unique_by=lambda one: one.frame), texts)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[BadPair], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "sid.toml"
    write_bad_pairs(path, name, pairs, {"max_shift": 0.35})
    assert read_bad_pairs(path) == (name, tuple(sorted(pairs, key=lambda one: one.frame)))


def test_no_list_holds_no_pairs(tmp_path: Path) -> None:
    assert read_bad_pairs(tmp_path / "sid.toml") == ("sid", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pair = 3", "no collection"),
        ("collection = 'sid'\n[[pair]]\nlong = 'a'", "without a frame"),
        ("collection = 'sid'\n[[pair]]\nframe = 'a'\nkept = true", "kept, which no pair has"),
        ("collection = 'sid'\n[[pair]]\nframe = 'a'\nkeep = 1", "keep = 1"),
        ("collection =", "Invalid value"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sid.toml"
    path.write_text(text)
    with pytest.raises(DefinitionError, match=said) as raised:
        read_bad_pairs(path)
    assert str(path) in str(raised.value)


def test_only_pairs_that_are_not_kept_are_left_out_and_only_if_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mid.toml"
    write_bad_pairs(path, "mid", [BadPair("a"), BadPair("b", keep=True)], {})
    assert selection_of(without_excluded=True, bad_pairs=[path]).bad == ("mid:a",)
    assert selection_of(bad_pairs=[path]).bad == ()
