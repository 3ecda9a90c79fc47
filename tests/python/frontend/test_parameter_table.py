"""What is written once of each parameter is what the front-end and its documentation say."""

import inspect
import math
import pickle
import re
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, ParameterError, presets
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


def test_the_signature_has_the_same_names_and_defaults() -> None:
    signature = inspect.signature(Frontend).parameters
    assert list(signature) == list(PARAMETERS)
    for name, parameter in signature.items():
        assert parameter.default == PARAMETERS[name].default, name
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, name


def test_the_documentation_has_the_same_names_in_order() -> None:
    section = re.split(r"\nParameters\n-+\n", inspect.getdoc(Frontend) or "")[1]
    heads = re.findall(r"^([a-z]\w*(?:, \w+)*) : ", section.split("\nAttributes\n")[0], re.M)
    assert [name for head in heads for name in head.split(", ")] == list(PARAMETERS)


@pytest.mark.parametrize(
    "name", [n for n, p in PARAMETERS.items() if p.kind in ("number", "count")]
)
def test_the_limits_are_the_documented_ones(name: str) -> None:
    parameter = PARAMETERS[name]
    least, most, above_least, below_most = parameter.limits
    for limit, left_out, beyond in ((least, above_least, -1), (most, below_most, 1)):
        if not math.isfinite(limit):
            continue
        number = int(limit) if limit.is_integer() else limit
        outside = number if left_out else number + beyond * max(1, number // 1000)
        with pytest.raises(ParameterError) as caught:
            Frontend(**{name: outside})
        assert caught.value.parameter == name
        assert str(caught.value) == f"{name}{caught.value.reason}"


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"sr": "16000"}, "sr"),
        ({"n_fft": True}, "n_fft"),
        ({"n_fft": 512.0}, "n_fft"),
        ({"n_fft": "512"}, "n_fft"),
        ({"hop_length": 512.0}, "hop_length"),
        ({"periodic": "true"}, "periodic"),
        ({"flip": 1}, "flip"),
        ({"gain": np.True_}, "gain"),
        ({"norm": True}, "norm"),
        ({"level": "none"}, "level"),
        ({"fmax": "none"}, "fmax"),
        ({"window": "kaiser,14"}, "window"),
        ({"window": "hann n_fft=8"}, "window"),
        ({"window": []}, "window"),
        ({"compress": ("pcen,1,2,3,4", 5)}, "compress"),
        ({"compress": "power,2"}, "compress"),
        ({"normalise": "1,2"}, "normalise"),
        ({"range": "0,1"}, "range"),
        ({"mel_scale": "tf"}, "norm"),
        ({"fmin": 9000, "sr": 16000}, "fmin"),
        ({"stack": [{"n_fft": 0}]}, "stack"),
        ({"normalise": ([1, 2], 1)}, "normalise"),
    ],
)
def test_text_is_no_way_around_types(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Frontend(**given)
    assert caught.value.parameter == parameter
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.parameter, str(again)) == (parameter, str(caught.value))


def test_scalars_of_numpy_are_numbers() -> None:
    f = Frontend(sr=np.float32(16000), n_fft=np.int64(512), flip=np.True_, top_db=np.float16(80))
    assert f == Frontend(sr=16000, n_fft=512, flip=True, top_db=80)
    assert [type(v) for v in (f.sr, f.n_fft, f.flip, f.top_db)] == [int, int, bool, int]


@pytest.mark.parametrize("number", [5e-324, 1e-300, 0.1, 1 / 3, 16000.000000000002, 1.5e300])
def test_every_bit_of_a_number_arrives(number: float) -> None:
    f = Frontend(bin_offset=number)
    assert f.bin_offset == number
    assert Frontend(mel_sr=16000, fmax=16000 / 3, bin_offset=0).fmax == 16000 / 3
    assert Frontend(sr=16000 / 3).fmax == 16000 / 3 / 2


@pytest.mark.parametrize("name", [None, *presets()])
def test_what_presets_have_is_of_a_type_in_the_table(name: str | None) -> None:
    f = Frontend() if name is None else Frontend.from_preset(name)
    for key, value in f.params.items():
        parameter = PARAMETERS[key]
        of_a_type = any(type(value) in TYPES[kind] for kind in parameter.types)
        assert of_a_type or value in parameter.words, (key, value)


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


def test_an_unknown_parameter_is_said_to_be_none_of_a_front_ends() -> None:
    with pytest.raises(TypeError, match=r"^Frontend\.__init__\(\) got .* 'hop_size'"):
        Frontend(hop_size=1)  # type: ignore[call-arg]
