"""What a test may need of the machine, and the reason to skip it where that is missing."""

import pytest
import torch

from nmt.errors import UsageError
from nmt.kernels.compiled import require_compiler

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")


def skip_without_compiler() -> None:
    try:
        require_compiler(torch.device("cpu"))
    except UsageError as error:
        pytest.skip(str(error))
