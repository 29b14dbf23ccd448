"""What all sections of settings share: validation, and the largest values."""

from numbers import Integral, Real
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

MAX_SIZE = 1_000_000  # of a vector; whether memory suffices is checked before training
Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]
MAX_COUNT = 2**63 - 1  # the largest integer that arrays can hold


def split_names(value: Any) -> Any:
    """The names in a string, which has commas between them; other values as they are."""
    is_names = isinstance(value, str) and not value.startswith("[")
    return tuple(name.strip() for name in value.split(",")) if is_names else value


COMMAS = BeforeValidator(split_names)  # lets a list of names be one string


class Settings(BaseModel):
    """A section of settings. The values are validated and cannot be changed. Numbers may be those of NumPy."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_number_of_python(cls, value: Any) -> Any:
        if isinstance(value, int | float):
            return value
        if isinstance(value, Integral):
            return int(value)
        return float(value) if isinstance(value, Real) else value

    @field_validator("*")
    @classmethod
    def _fits_in_64_bits(cls, value: Any) -> Any:
        if isinstance(value, int) and value > MAX_COUNT:
            raise PydanticCustomError("less_than_equal", "", {"le": MAX_COUNT})
        return value
