"""What a test may need of the machine, and the reason to skip it where that is missing."""

import pytest
import torch

from nmt.devices import has_int8

needs_int8 = pytest.mark.skipif(not has_int8(), reason="sums of 8-bit products overflow on this CPU: it lacks VNNI")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use")
