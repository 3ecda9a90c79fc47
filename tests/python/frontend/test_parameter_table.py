"""What is written once of each parameter is what the front-end and its documentation say."""

import inspect
import re

import pytest

from melpix import Frontend, presets
from melpix.frontend.parameter_table import PARAMETERS

# What a word needs beside it.
BESIDE = {
    "mel_scale": {"norm": None},
    "spectrum": {"power": 1, "compress": None},
    "tail": {"patch": 10},
    "floor": {"offset": 1},
}
TYPES = {
    "number": (int, float), "integer": (int,), "boolean": (bool,), "string": (str,),
    "array": (list,), "null": (type(None),),
}  # fmt: skip
WORDS = [name for name, parameter in PARAMETERS.items() if not parameter.types]


def test_the_table_has_every_parameter() -> None:
    assert list(PARAMETERS) == list(Frontend().params)
    for name, parameter in PARAMETERS.items():
        assert parameter.text.endswith("."), name
        assert "\n" not in parameter.text, name
        assert parameter.types or parameter.words, name


@pytest.mark.parametrize("name", [None, *presets()])
def test_what_presets_have_is_of_a_type_in_the_table(name: str | None) -> None:
    f = Frontend() if name is None else Frontend.from_preset(name)
    for key, value in f.params.items():
        types, words, _ = PARAMETERS[key]
        of_a_type = any(type(value) in TYPES[kind] for kind in types)
        assert of_a_type or value in words, (key, value)


@pytest.mark.parametrize("name", [name for name in PARAMETERS if PARAMETERS[name].words])
def test_every_word_is_taken(name: str) -> None:
    for word in PARAMETERS[name].words:
        Frontend(**{**BESIDE.get(name, {}), name: word})


@pytest.mark.parametrize("name", WORDS)
def test_no_other_word_is(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be one of .*, got 'nonsense'$"):
        Frontend(**{name: "nonsense"})


@pytest.mark.parametrize("name", WORDS)
def test_the_documentation_has_the_same_words(name: str) -> None:
    head = re.search(rf"^{name} : (.*)$", inspect.getdoc(Frontend) or "", re.M)
    assert head, name
    words = [word for word in PARAMETERS[name].words if isinstance(word, str)]
    assert re.findall(r'"(\w+)"', head[1]) == words
