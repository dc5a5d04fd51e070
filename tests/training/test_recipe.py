"""Recipes: the shipped ones, overrides, and what a wrong one is told."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from mien.errors import RecipeError
from mien.training.recipe import Recipe, keys, load_recipe, shipped_recipes


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_shipped_recipe_loads_by_its_name_and_describes_itself(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name.removesuffix("-refined").removesuffix("-robust")  # what goes on keeps its bundle's name
    assert recipe.description


def test_the_default_recipe_is_shipped() -> None:
    assert "mien" in shipped_recipes()


def test_every_key_is_described() -> None:
    descriptions = keys()
    assert {"epochs", "augment.mixup", "network.stem", "input.size"} <= set(descriptions)
    assert [key for key, description in descriptions.items() if not description.strip()] == []


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("epochs=7", None, "epochs", 7),  # an integer
        ("ema = 0.5", None, "ema", 0.5),  # spaces around
        ("compile=false", None, "compile", False),
        ('name="my-model"', None, "name", "my-model"),  # a TOML string
        ("name=mine", None, "name", "mine"),  # a plain word
        ("description=a=b", None, "description", "a=b"),  # only the first = counts
        ("augment.mixup=0.4", "augment", "mixup", 0.4),
        ("optimizer.name=sgd", "optimizer", "name", "sgd"),
        ("optimizer.learning_rate=1e-3", "optimizer", "learning_rate", 1e-3),
        ("stopping.monitor=val_fer2013_macro_f1", "stopping", "monitor", "val_fer2013_macro_f1"),
        ("input.size=40", "input", "size", 40),
        ("mixup=0.4", "augment", "mixup", 0.4),  # a word that only one section has
    ],
)
def test_an_override_sets_its_key(override: str, section: str | None, key: str, value: object) -> None:
    recipe = load_recipe("mien", [override])
    assert getattr(getattr(recipe, section) if section else recipe, key) == value


def test_an_override_sets_a_network_option_and_leaves_the_others() -> None:
    before, after = load_recipe("mien"), load_recipe("mien", ["network.widths=[8, 8, 16, 16]"])
    assert after.network.options == before.network.options | {"widths": [8, 8, 16, 16]}


def test_the_last_override_of_a_key_wins() -> None:
    assert load_recipe("mien", ["epochs=1", "epochs=2"]).epochs == 2


@pytest.mark.parametrize(
    ("override", "key", "near"),
    [
        ("epoch=3", "epoch", "epochs"),  # of the top level
        ("augmnt.mixup=0.1", "augmnt", "augment"),  # a section
        ("augment.mixpu=0.1", "augment.mixpu", "augment.mixup"),  # in a section
        ("network.stme=8", "network.stme", "network.stem"),  # the network's own option
        ("mixpu=0.1", "mixpu", "augment.mixup"),  # that and misspelt
        ("nmae=x", "nmae", "name"),  # a word of several sections, at the top
        ("optimizer.nmae=x", "optimizer.nmae", "optimizer.name"),  # and in one of them
        ("network.nmae=x", "network.nmae", "network.name"),
        ("augment.epochs=3", "augment.epochs", "epochs"),  # in the wrong section
    ],
)
def test_an_unknown_key_suggests_the_nearest(override: str, key: str, near: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("mien", [override])
    assert f"unknown key {key!r}; did you mean {near!r}?" in str(caught.value)


def test_an_unknown_key_that_resembles_none_lists_them() -> None:
    with pytest.raises(RecipeError, match=r"unknown key 'qqq'; known keys: .*epochs.*augment\.mixup"):
        load_recipe("mien", ["qqq=1"])
    with pytest.raises(RecipeError) as caught:
        load_recipe("mien", ["qqq=1", "zzz=2"])
    assert str(caught.value).startswith("recipe 'mien', qqq=1, zzz=2: unknown key")
    assert str(caught.value).count("known keys: ") == 1


@pytest.mark.parametrize(
    ("override", "key", "got"),
    [
        ("epochs=0", "epochs", "0"),
        ("epochs=many", "epochs", "'many'"),
        ("batch_size=1", "batch_size", "1"),
        ("seed=-1", "seed", "-1"),
        ("ema=1.0", "ema", "1.0"),
        ("precision=8-true", "precision", "'8-true'"),
        ("augment.flip=1.5", "augment.flip", "1.5"),
        ("augment=3", "augment", "3"),
        ("optimizer.name=adagrad", "optimizer.name", "'adagrad'"),
        ("optimizer.learning_rate=0", "optimizer.learning_rate", "0"),
        ("data.folds=1", "data", "got 1"),
        ("data.fold=3", "data", "got 3"),
        ("swa=0.2", "recipe", "got both: set one of them to 0"),
        ("input.size=45", "input", "45"),
        ("input.std=0", "input", "0.0"),
        ("network.name=se-resent", "network.name", "'se-resent'; did you mean 'se-resnet'?"),
        ("network.stem=0", "network.stem", "0"),
        ("network.activation=gelu", "network.activation", "'gelu'"),
        ("network.widths=[8, 16]", "network", "2, 4 and 4"),
        ("network.widths=[8, 8, 8, 0]", "network.widths.3", "0"),
        ("name=a/b", "name", "'a/b'"),
        ("schedule.small_size=3", "recipe", "(44)"),
        ("schedule.small_size=46", "recipe", "(44)"),
        ("stopping.monitor=val_loss", "stopping", "'min'"),
    ],
)
def test_a_bad_value_is_told_with_its_key_and_what_came(override: str, key: str, got: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("mien", [override])
    message = str(caught.value)
    assert f": {key}: " in message
    assert message.endswith(got)


def test_every_complaint_is_told_at_once() -> None:
    with pytest.raises(RecipeError, match=r"epochs: .*; .*batch_size: "):
        load_recipe("mien", ["epochs=0", "batch_size=0"])


@pytest.mark.parametrize(
    ("override", "message"),
    [("epochs", "expected key=value"), ("epochs.more=1", "'epochs' is a value, not a section")],
)
def test_an_override_that_cannot_be_applied_is_refused(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("mien", [override])


@pytest.mark.parametrize(
    "content", [b"epochs = = 3", b"[augment\nflip = 0", b"name = '\xff'"], ids=["value", "section", "not UTF-8"]
)
def test_broken_toml_is_told_with_its_path(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"broken\.toml: expected TOML, got "):
        load_recipe(path)


def test_a_missing_file_is_told_with_the_shipped_names(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"no recipe '.*nowhere\.toml': neither a \.toml file nor one of .*mien"):
        load_recipe(tmp_path / "nowhere.toml")


def test_a_file_without_a_name_takes_the_files(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text("epochs = 2\n")
    assert load_recipe(path) == Recipe(name="small", epochs=2)


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_a_recipe_written_as_toml_loads_as_itself(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, ["seed=5", "optimizer.momentum=0.1"])
    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(recipe.to_dict()))
    again = load_recipe(path)
    assert again == recipe
    assert tomllib.loads(path.read_text())["optimizer"]["momentum"] == 0.1
