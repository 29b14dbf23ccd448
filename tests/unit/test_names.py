"""Names that stand in two rooms, because neither imports the other, are the same names."""

from typing import get_args

from nmt.analysis.alignment import SYMMETRISATIONS
from nmt.attention_names import BUILT_IN_ATTENTIONS
from nmt.cli.align import SYMMETRISE
from nmt.model.attention.coverage import COVERAGES
from nmt.model.attention.normalizers import NORMALIZERS
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, Wiring
from nmt.model.attention.windows import WINDOWS
from nmt.model.cells import WIRINGS
from nmt.search.hypothesis import Normalization
from nmt.settings import ModelSettings, SearchSettings, TrainSettings
from nmt.training.consistency import KINDS
from nmt.training.update import LOOPS


def values(kind, name):
    return set(get_args(kind.model_fields[name].annotation))


def test_every_choice_of_a_setting_is_implemented():
    assert BUILT_IN_ATTENTIONS.keys() == REGISTERED_ATTENTIONS.keys()
    assert set(get_args(Wiring)) == WIRINGS.keys()
    assert values(ModelSettings, "wiring") == {"auto", *WIRINGS}
    assert values(ModelSettings, "window") == values(ModelSettings, "mix_window") == {"none", *WINDOWS}
    assert values(ModelSettings, "coverage") == {"none", *COVERAGES}
    assert values(ModelSettings, "normalizer") == NORMALIZERS.keys()
    assert values(TrainSettings, "loop") == LOOPS.keys()
    assert values(TrainSettings, "consistency") == {"none", *KINDS}
    assert values(SearchSettings, "normalization") == set(get_args(Normalization))
    assert tuple(SYMMETRISE.choices) == SYMMETRISATIONS
