"""The options of sacreBLEU's metrics, with sacreBLEU's names and defaults.

This module does not import sacrebleu, so that the command line can list the options quickly.
"""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from nmt.errors import Option, UsageError
from nmt.settings import Settings
from nmt.validation import check


class MetricSettings(Settings):
    """How BLEU, chrF and TER are computed. What sets a score apart is part of its signature or, for beta, its name."""

    smooth_method: Literal["exp", "floor", "add-k", "none"] = Field(
        default="exp", description="smoothing of BLEU, for orders of n-grams without a match"
    )
    smooth_value: float | None = Field(
        default=None, ge=0, description="value of smoothing for floor (0.1 unless it is given) and add-k (1)"
    )
    chrf_char_order: int = Field(default=6, ge=0, description="longest n-grams of characters in chrF")
    chrf_word_order: int = Field(default=0, ge=0, description="longest n-grams of words in chrF; 2 is chrF++")
    chrf_beta: int = Field(default=2, ge=0, description="weight of recall against precision in chrF")
    chrf_whitespace: bool = Field(default=False, description="count white space in the n-grams of chrF")
    chrf_lowercase: bool = Field(default=False, description="ignore case in chrF alone")
    chrf_eps_smoothing: bool = Field(default=False, description="smooth chrF as chrF++.py, NLTK and Moses do")
    ter_case_sensitive: bool = Field(default=False, description="let case count in TER")
    ter_normalized: bool = Field(default=False, description="tokenize before TER, and resolve entities such as &amp;")
    ter_no_punct: bool = Field(default=False, description="remove punctuation before TER")
    ter_asian_support: bool = Field(
        default=False,
        description="let tokenization and removal of punctuation before TER apply to Chinese and Japanese too, which "
        "are then split into characters",
    )

    def select(self, prefix: str) -> dict[str, Any]:
        """The settings of one metric, "smooth", "chrf" or "ter", by the names that sacreBLEU's class gives them."""
        values = self.model_dump(include={name for name in type(self).model_fields if name.startswith(f"{prefix}_")})
        return values if prefix == "smooth" else {name.removeprefix(f"{prefix}_"): values[name] for name in values}


AUTO = "auto"  # where a tokenizer is named: the one for the language
METRIC_OF = {"smooth": "bleu", "chrf": "chrf", "ter": "ter"}  # by the first part of a setting's name


def check_metric_settings(values: dict[str, Any], metrics: Sequence[str]) -> MetricSettings:
    """The settings with these values. The others have their defaults.

    Raises SettingsError for unknown names and wrong values; UsageError for settings without effect on `metrics`.
    """
    settings = check(MetricSettings, values, "the options of metrics")
    for name, value in values.items():
        metric = METRIC_OF[name.partition("_")[0]]
        if value == MetricSettings.model_fields[name].default:
            continue
        if metric not in metrics and not (metric == "chrf" and "chrf++" in metrics and name != "chrf_word_order"):
            raise UsageError(Option(name), f" has no effect without {metric}, which is not among ", Option("metrics"))
        if name == "chrf_word_order" and "chrf++" in metrics and value != 2:
            raise UsageError(
                f"chrf++ has a word order of 2, not {value}\n  Leave out ", Option(name), ", or choose chrf without ++"
            )
    if settings.smooth_value is not None and settings.smooth_method not in ("floor", "add-k"):
        raise UsageError(
            *(Option("smooth_value"), f' has no effect with the smoothing "{settings.smooth_method}"\n  Choose '),
            *(Option("smooth_method", "floor"), " or ", Option("smooth_method", "add-k"), ", or leave it out"),
        )
    if not settings.chrf_char_order + settings.chrf_word_order and "chrf" in metrics:
        raise UsageError(
            *("chrF without characters and words counts nothing\n  Raise ", Option("chrf_char_order"), " or "),
            Option("chrf_word_order"),
        )
    return settings


def refuse_without_bleu(metrics: Sequence[str], tokenize: str, language: str | None) -> None:
    """Raise UsageError for a tokenizer, or a language that chooses one, where no metric has a tokenizer."""
    for name, is_given in (("tokenize", tokenize != AUTO), ("language", language is not None)):
        if is_given and "bleu" not in metrics:
            raise UsageError(Option(name), " has no effect without bleu, which is not among ", Option("metrics"))
