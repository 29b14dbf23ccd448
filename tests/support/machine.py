"""What a test may need of the machine, and the reason to skip it where that is missing."""

import pytest
import torch

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
