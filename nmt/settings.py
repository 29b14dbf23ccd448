"""Settings: type, default, bounds, unit and meaning, each declared once.

They are read from recipes, TOML files and strings `section.key=value`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from nmt.attention_names import BUILT_IN_ATTENTIONS, KNOWN_ATTENTIONS, AttentionName, MixedName
from nmt.errors import Option, SettingsError
from nmt.metadata import add_line_of_checksum, parse_toml
from nmt.prepare_settings import SUBWORD_SETTINGS as SUBWORD_SETTINGS
from nmt.prepare_settings import PrepareSettings as PrepareSettings
from nmt.recipes import drop_recipe, read_recipe
from nmt.recipes import list_recipes as list_recipes
from nmt.settings_base import COMMAS, Size
from nmt.settings_base import Settings as Settings
from nmt.train_settings import RESUMABLE as RESUMABLE
from nmt.train_settings import PartName as PartName
from nmt.train_settings import TokenizerName as TokenizerName
from nmt.train_settings import TrainSettings as TrainSettings
from nmt.validation import check, find_sections, read_toml, write_value

WindowName = Literal["none", "monotonic", "predictive"]


class ModelSettings(Settings):
    """The network. Used by nmt.model."""

    attention: AttentionName = Field(
        default="luong-concat", description="score of source positions; none for no attention"
    )
    wiring: Literal["auto", "before", "after"] = Field(
        default="auto",
        description="attend before or after the decoder's GRU update; auto as in the paper of the attention",
    )
    heads: Size = Field(default=1, description="attention heads, each with its own share of the dimensions")
    window: WindowName = Field(
        default="none", description="attend only near the target position, or near a predicted one"
    )
    window_width: Size = Field(default=10, description="source positions on each side of a window's centre")
    normalizer: Literal["softmax", "sparsemax", "entmax"] = Field(
        default="softmax",
        description="how scores become weights; sparsemax and entmax give most positions exactly zero",
    )
    content_gate: Literal["none", "plain", "renormalised"] = Field(
        default="none",
        description="multiply weights by a gate of the source state; renormalised: then divide by their sum",
    )
    coverage: Literal["none", "linguistic", "neural"] = Field(
        default="none", description="tell the score which source words have been attended to: by fertility, or by a GRU"
    )
    coverage_size: Size = Field(default=10, description="dimensions of neural coverage for each source position")
    mix: Annotated[tuple[MixedName, ...], COMMAS] = Field(
        default=(), strict=False, description="further attentions; a gate of the decoder state mixes their weights"
    )
    mix_window: WindowName = Field(default="none", description="window of the attentions in mix")
    input_feeding: bool = Field(default=True, description="feed what attention computed into the decoder's GRU")
    embedding_size: Size = Field(default=256, description="dimensions of a token's embedding")
    encoder_size: Size = Field(default=256, description="dimensions of an encoder state, in each direction")
    encoder_layers: int = Field(
        default=1, ge=0, le=100, description="bidirectional GRU layers, 0 to attend to embeddings"
    )
    encoder_cell: Literal["gru", "mingru", "lrn"] = Field(
        default="gru",
        description="recurrence of the encoder; mingru and lrn have no recurrent products, and train faster",
    )
    encoder_transitions: int = Field(
        default=0, ge=0, le=100, description="further GRUs, without input, from one source position to the next"
    )
    decoder_size: Size = Field(default=512, description="dimensions of the decoder state")
    decoder_layers: int = Field(
        default=1, ge=1, le=100, description="decoder layers; the first attends, for all of them"
    )
    decoder_transitions: int = Field(
        default=0, ge=0, le=100, description="further GRUs, without input, from one target position to the next"
    )
    residual: bool = Field(
        default=False,
        description="add what a stacked layer of encoder or decoder reads to what it computes (second layer on)",
    )
    attention_size: Size = Field(default=512, description="dimensions in which additive and scaled scores compare")
    readout_size: Size = Field(
        default=512, description="dimensions of the readout that predicts words, when tie is none"
    )
    bridge: Literal["final", "mean", "zeros"] = Field(
        default="final", description="source of the decoder's first state"
    )
    tie: Literal["none", "target", "all"] = Field(
        default="target", description="shared embeddings: target in and out, or all"
    )
    dropout: float = Field(
        default=0.3, ge=0, lt=1, description="dropout of embeddings, layer inputs, memory and readout"
    )
    variational: bool = Field(
        default=False, description="draw one dropout mask for a sentence instead of one for a position"
    )
    weight_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="dropout of the recurrent weights of the GRUs, one mask for a batch"
    )
    word_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="probability that a token's embedding is set to zero"
    )
    lexical: bool = Field(
        default=False, description="score words by the embeddings of attended source words too (Nguyen and Chiang 2018)"
    )
    layer_norm: bool = Field(
        default=False, description="normalise encoder outputs, the decoder's gates and the readout"
    )
    encoder_heads: int = Field(
        default=0, ge=0, le=1000, description="self-attention heads on top of the encoder, 0 for none"
    )

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "ModelSettings":
        memory, problems = 2 * self.encoder_size, []
        kinds = self.attention, *self.mix
        for kind in dict.fromkeys(kinds):
            check_sizes = KNOWN_ATTENTIONS[kind]
            try:
                if check_sizes is not None:
                    check_sizes(self)
            except SettingsError as error:
                problems.append(f"{kind} {error}")
        if not self.encoder_layers and self.embedding_size != memory:
            problems.append(
                f"without encoder_layers, embedding_size needs to be twice encoder_size, not {self.embedding_size} and "
                f"{self.encoder_size}"
            )
        if not self.encoder_layers and self.encoder_cell != "gru":
            problems.append(f"without encoder_layers there is no {self.encoder_cell}: leave encoder_cell out")
        if not self.encoder_layers and self.encoder_transitions:
            problems.append("without encoder_layers there are no encoder_transitions: leave encoder_transitions out")
        if self.encoder_transitions and self.encoder_cell != "gru":
            problems.append(f"encoder_transitions need encoder_cell to be gru, not {self.encoder_cell}")
        if self.residual and self.encoder_layers < 2 and self.decoder_layers < 2:
            problems.append(
                "residual connects stacked layers, and neither side has two: raise encoder_layers or decoder_layers, "
                "or leave residual out"
            )
        if self.attention == "none" and self.is_composite:
            problems.append(
                'attention = "none" has no weights: leave out heads, window, normalizer, content_gate, coverage and mix'
            )
        if self.attention == "none" and self.bridge == "zeros":
            problems.append('attention = "none" with bridge = "zeros" hides the source from the decoder: change one')
        if self.attention == "none" and self.lexical:
            problems.append('attention = "none" attends to no words: leave lexical out')
        windowed = [(self.attention, self.window), *((kind, self.mix_window) for kind in self.mix)]
        if len(set(windowed)) < len(windowed):
            problems.append("mix names an attention twice: a copy with the same window adds nothing")
        if self.mix_window != "none" and not self.mix:
            problems.append("mix_window applies to the attentions in mix, and mix is empty: set window, or mix")
        spaces = {"twice encoder_size": memory}
        spaces |= {size: getattr(self, size) for kind, size in BUILT_IN_ATTENTIONS.items() if kind in kinds}
        for space, size in spaces.items() if self.heads > 1 else ():
            if size % self.heads:
                problems.append(f"{self.heads} heads cannot share {space}, which is {size}, evenly")
        if self.encoder_heads and memory % self.encoder_heads:
            problems.append(f"{self.encoder_heads} encoder_heads cannot share twice encoder_size, {memory}, evenly")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def is_composite(self) -> bool:
        """Whether attention has more parts than one score and softmax."""
        parts = self.window, self.content_gate, self.coverage
        return self.heads > 1 or self.normalizer != "softmax" or bool(self.mix) or any(one != "none" for one in parts)

    @property
    def scored_size(self) -> int:
        """Size of the readout, which is multiplied with a vector of each word: the embedding's size when it is tied."""
        return self.readout_size if self.tie == "none" else self.embedding_size


class SearchSettings(Settings):
    """How to search for translations, in validation and by default when translating. Used by nmt.translation."""

    beam: int = Field(default=5, ge=1, le=1000, description="hypotheses kept for each sentence; 1 is greedy search")
    normalization: Literal["wu", "average", "none"] = Field(
        default="wu", description="length normalization of scores: Wu et al. 2016, log-probability per token, or none"
    )
    alpha: float = Field(default=1.0, ge=0, le=100, description="exponent of Wu's length penalty")
    beta: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="weight of Wu's coverage penalty, which prefers translations that leave nothing out",
    )
    max_length_ratio: float = Field(
        default=2.0, gt=0, le=100, description="longest translation, in pieces per source piece"
    )
    max_length_extra: int = Field(
        default=10, ge=0, le=10_000, description="pieces added to what max_length_ratio allows"
    )
    min_length: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="shortest translation, in pieces; raises the limit on the longest where it must",
    )
    no_repeat: int = Field(
        default=0, ge=0, le=10_000, description="forbid repeating any sequence of this many pieces; 0 allows all"
    )
    groups: int = Field(default=1, ge=1, description="groups of a diverse beam, which avoid each other's pieces")
    diversity: float = Field(
        default=0.5, ge=0, le=1000, description="log-probability a piece loses for each earlier hypothesis with it"
    )
    sample: bool = Field(default=False, description="draw translations at random instead of searching for the best")
    temperature: float = Field(
        default=1.0, ge=0.01, le=100, description="temperature of sampling; below 1 favours likely pieces"
    )
    top_k: int = Field(default=0, ge=0, description="sample from this many likeliest pieces; 0 for all")
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="sample from the fewest likeliest pieces with this total probability"
    )
    seed: int = Field(
        default=1, ge=0, lt=2**63, description="random seed of sampling; draws depend on it, the line and its number"
    )
    mbr: Literal["none", "chrf", "bleu"] = Field(
        default="none", description="choose the candidate most like the others by this metric (minimum Bayes risk)"
    )
    candidates: int = Field(
        default=0, ge=0, le=1000, description="candidates for minimum Bayes risk; 0 for all hypotheses of the beam"
    )
    replace_unk: bool = Field(
        default=False,
        description="replace a word with unknown characters by the source word with most of its attention",
    )
    keep_symbols: bool = Field(
        default=False,
        description="keep each symbol of the source (a piece that nmt prepare was given) as often as it is there",
    )
    split_long: bool = Field(default=False, description="translate long lines sentence by sentence")
    longest: int = Field(
        default=150,
        ge=1,
        le=1000,
        description="pieces above which split_long splits a line; training keeps 150 by default",
    )

    @model_validator(mode="after")
    def _figures_fit_together(self) -> "SearchSettings":
        if self.beam % self.groups and not self.sample:
            raise ValueError(
                f"{self.groups} groups cannot share a beam of {self.beam} evenly: change ",
                *(Option("groups"), " or ", Option("beam")),
            )
        if self.candidates > self.beam and not self.sample:
            raise ValueError(
                f"a beam of {self.beam} cannot find {self.candidates} candidates: raise ",
                *(Option("beam"), ", or use ", Option("sample", True)),
            )
        if self.sample and self.groups > 1:
            raise ValueError(
                Option("groups"), " applies to beam search: leave it out, or leave out ", Option("sample", True)
            )
        return self


class RunSettings(Settings):
    """All settings of a run."""

    model: ModelSettings = Field(default_factory=ModelSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)

    @model_validator(mode="after")
    def _passes_differ(self) -> "RunSettings":
        if self.train.consistency == "r-drop" and not (self.model.dropout or self.model.word_dropout):
            raise ValueError(
                "r-drop compares two passes with different dropout, and there is none: set model.dropout, or "
                'train.consistency = "simcut"'
            )
        return self

    @model_validator(mode="after")
    def _only_attention_is_guided(self) -> "RunSettings":
        if self.train.guided_weight and self.model.attention == "none":
            raise ValueError(
                'model.attention = "none" has no attention to guide: set train.guided_weight to 0, or another attention'
            )
        return self

    @model_validator(mode="after")
    def _coverage_is_of_attention(self) -> "RunSettings":
        if self.search.beta and self.model.attention == "none":
            raise ValueError(
                'model.attention = "none" has no attention, which the coverage penalty needs: set search.beta to 0, or '
                "another attention"
            )
        return self

    @model_validator(mode="after")
    def _frozen_parts_are_parts(self) -> "RunSettings":
        frozen, tie = set(self.train.freeze), self.model.tie
        if tie == "all" and len(frozen & {"source-embeddings", "target-embeddings"}) == 1:
            raise ValueError(
                'model.tie = "all" has one embedding for both languages: train.freeze needs both source-embeddings and '
                "target-embeddings, or neither"
            )
        if tie != "none" and "output" in frozen and "target-embeddings" not in frozen:
            raise ValueError(
                f'with model.tie = "{tie}" the output layer has the target embeddings: train.freeze needs '
                "target-embeddings beside output, or neither"
            )
        return self


def resolve_settings(
    recipe: str | None = None, config: Path | str | None = None, overrides: Sequence[str] = ()
) -> RunSettings:
    """The defaults, overridden by the recipe, then by the TOML file, then by strings `section.key=value`.

    Raises SettingsError that lists every problem. For an unknown name it suggests the most similar one.
    """
    values, origin = collect_settings(recipe, config, overrides)
    return check(RunSettings, values, *(origin or ["the defaults"]))


def collect_settings(
    recipe: str | None = None, config: Path | str | None = None, overrides: Sequence[str] = ()
) -> tuple[dict[str, Any], list[str | Option]]:
    """The values that recipe, file and strings give by section and name, unchecked, and where they come from."""
    if isinstance(overrides, str):  # a sequence too, of its characters
        raise SettingsError("overrides is one string, and must be several\n  For a single one write: overrides=[...]")
    values: dict[str, Any] = {}
    origin: list[str | Option] = []
    if recipe is not None:
        _, settings = read_recipe(recipe)
        origin += [f"recipe {recipe}"]
        merge(values, settings)
    if config is not None:
        origin += [" and "] * bool(origin) + [str(config)]
        merge(values, drop_recipe(read_toml(Path(config))))
    if overrides:
        origin += [" and "] * bool(origin) + [Option("overrides")]
        for word in overrides:
            merge(values, parse_override(word))
    return values, origin


def parse_override(word: str) -> dict[str, Any]:
    """`train.clip=0.5` -> {"train": {"clip": 0.5}}. A value that is not TOML is read as a string."""
    if not isinstance(word, str):
        raise SettingsError(f"{write_value(word)} is {type(word).__name__}, not a string section.key=value")
    name, equals, value = word.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot and key):
        known = find_sections(RunSettings, name.strip()) if equals else ""
        guess = f"; did you mean {known}?" if known else ""
        raise SettingsError(
            f"{write_value(word)} is not section.key=value{guess}\n  For example: ",
            Option("overrides", ["train.clip=0.5"]),
        )
    try:
        return {section: {key: parse_toml(f"value = {value.strip()}")["value"]}}
    except ValueError:
        return {section: {key: value.strip()}}


def merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Update each section of `values` with that of `more`."""
    for section, entries in more.items():
        if isinstance(entries, Mapping) and isinstance(values.get(section, {}), dict):
            values.setdefault(section, {}).update(entries)
        else:
            values[section] = entries


def to_toml(settings: RunSettings) -> str:
    """The settings as TOML, which `resolve_settings` reads, each with its description as a comment.

    The first line is a comment with the checksum of the others, which is compared when a run is read.
    """
    lines = []
    for section, entries in settings:
        lines.append(f"[{section}]")
        for key, value in entries:
            lines.append(f"{key} = {json.dumps(value)}  # {type(entries).model_fields[key].description}")
        lines.append("")
    return add_line_of_checksum("\n".join(lines))
