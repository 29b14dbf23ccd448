"""The settings of training, and which of them may change when a run is resumed. Import them from nmt.settings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.settings_base import COMMAS, Settings

PartName = Literal["source-embeddings", "target-embeddings", "encoder", "bridge", "attention", "decoder", "output"]
TokenizerName = Literal[
    "auto", "none", "zh", "13a", "intl", "char", "ja-mecab", "ko-mecab", "spm", "flores101", "flores200", "spBLEU-1K"
]


class TrainSettings(Settings):
    """How the model is trained. Used by nmt.training."""

    max_tokens: int = Field(
        default=1024, ge=1, description="largest number of target tokens in a batch, without padding"
    )
    accumulate: int = Field(default=1, ge=1, description="batches in an update")
    optimizer: Literal["adam", "adamw"] = Field(
        default="adam", description="Adam, or AdamW with decoupled weight decay"
    )
    learning_rate: float = Field(default=2e-3, gt=0, description="learning rate at its peak")
    weight_decay: float = Field(
        default=0.0, ge=0, description="weight decay of AdamW, which is multiplied by the learning rate"
    )
    beta2: float = Field(default=0.999, gt=0, lt=1, description="decay rate of Adam's average of squared gradients")
    schedule: Literal["constant", "inverse-sqrt", "plateau", "cosine"] = Field(
        default="inverse-sqrt",
        description="learning rate after warm-up; cosine reaches zero at the update or epoch limit",
    )
    warmup: int = Field(default=200, ge=0, description="updates until the learning rate reaches its peak")
    decay: float = Field(
        default=0.5, gt=0, lt=1, description="factor that multiplies the learning rate at each plateau"
    )
    plateau: int = Field(default=2, ge=1, description="validations without improvement that make a plateau")
    clip: float = Field(default=1.0, ge=0, description="largest norm of the gradients; 0 for no clipping")
    max_unchanged: int = Field(
        default=10,
        ge=0,
        description="updates in a row that change nothing, as with gradients that are not finite, before training "
        "stops; 0 for no limit",
    )
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="probability that is spread evenly over all words"
    )
    both_epochs: int = Field(
        default=0,
        ge=0,
        description="first passes over the corpus that read each pair in both directions (Ding et al. 2021), for which "
        "both languages need one vocabulary; 0 for none",
    )
    max_epochs: int = Field(default=20, ge=0, description="largest number of passes over the corpus; 0 for no limit")
    max_updates: int = Field(default=0, ge=0, description="largest number of updates; 0 for no limit")
    max_minutes: float = Field(
        default=0.0,
        ge=0,
        description="minutes after which training saves and stops, counted anew when resumed; 0 for no limit",
    )
    validate_every: int = Field(
        default=0,
        ge=0,
        description="updates between validations; 0 for one an epoch, and more in the first epochs if long",
    )
    metric: Literal["bleu", "chrf", "accuracy", "f1", "perplexity"] = Field(
        default="bleu",
        description="validation score that selects the best checkpoint; accuracy and f1 (the mean over labels) are of "
        "whole lines; perplexity decides between equal scores, and where BLEU is below 1 or perplexity is halved",
    )
    tokenize: TokenizerName = Field(
        default="auto",
        description="sacreBLEU's tokenizer for BLEU in validation; auto: the one for the target language",
    )
    validation_beam: int = Field(
        default=1, ge=1, le=1000, description="hypotheses for each sentence of the validation set"
    )
    patience: int = Field(
        default=0, ge=0, description="validations without improvement before training stops; 0 for no limit"
    )
    keep: int = Field(default=3, ge=0, description="numbered checkpoints to keep, one for each of the last validations")
    seed: int = Field(default=1, ge=0, description="random seed for initial weights, batch order and dropout")
    average: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of a moving average of the weights, such as 0.999; the average is validated, saved and "
        "translated with, and training goes on without it; 0 for none",
    )
    sample_source: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="divide source lines into other pieces each time: alpha of unigram models (Kudo 2018; often 0.2, "
        "and smaller ones vary more), or the probability of BPE-dropout (often 0.1); 0 for the pieces of nmt prepare",
    )
    sample_target: float = Field(
        default=0.0, ge=0, le=1000, description="the same for target lines, on which the model is trained"
    )
    guided_weight: float = Field(
        default=0.0, ge=0, description="weight of the loss of attention against word alignments"
    )
    guided_decay: float = Field(
        default=1.0, gt=0, le=1, description="factor that multiplies guided_weight after each epoch"
    )
    consistency: Literal["none", "simcut", "r-drop"] = Field(
        default="none",
        description="read each batch twice and make both passes predict alike: simcut cuts tokens from the second one, "
        "r-drop relies on dropout; an update takes up to twice the time",
    )
    consistency_weight: float = Field(
        default=3.0,
        ge=0,
        description="weight of the divergence of both passes: 3 in the paper of simcut, 2.5 in that of r-drop",
    )
    cut: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="probability that simcut sets a token's embedding to zero in the second pass",
    )
    freeze: Annotated[tuple[PartName, ...], COMMAS] = Field(
        default=(),
        strict=False,
        description="parts that are not trained, but keep the values that they start with: source-embeddings, "
        "target-embeddings, encoder, bridge, attention, decoder, output",
    )
    loop: Literal["auto", "fused", "reference"] = Field(
        default="auto", description="how the recurrence is computed; fused is fast"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="number format of matrix products"
    )
    compile: Literal["auto", True, False] = Field(
        default="auto",
        description="compile element-wise operations, which needs a C++ compiler; auto: in long trainings",
    )
    cuda_graphs: bool = Field(
        default=True, description="on a GPU, record the kernels of each shape of batch once, and start them together"
    )
    threads: int = Field(
        default=0, ge=0, description="threads on a CPU; 0 for the number that is fastest when training starts"
    )
    deterministic: bool = Field(
        default=False, description="repeat to the bit: measure nothing, and refuse what may not repeat"
    )

    @model_validator(mode="after")
    def _cosine_has_an_end(self) -> "TrainSettings":
        if self.schedule == "cosine" and not (self.max_epochs or self.max_updates):
            raise ValueError("the cosine schedule needs a limit: set train.max_epochs or train.max_updates")
        return self

    @model_validator(mode="after")
    def _only_the_fused_loop_is_compiled(self) -> "TrainSettings":
        if self.compile is True and self.loop == "reference":
            raise ValueError("the reference loop cannot be compiled: leave out train.compile or train.loop")
        return self


# settings of training that may change when a run is resumed; all others stay as they are, so that it remains one run
RESUMABLE = (
    *("max_epochs", "max_updates", "max_minutes", "learning_rate", "clip", "max_unchanged", "patience", "metric"),
    *("tokenize", "validate_every", "validation_beam", "keep", "precision", "compile", "cuda_graphs", "threads"),
    "deterministic",
)
