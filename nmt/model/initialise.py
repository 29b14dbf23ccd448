"""Initial parameters: orthogonal recurrences, Xavier projections, embeddings of standard deviation 0.1."""

from torch import Tensor, nn

from nmt.ids import PAD


def draw_parameters(module: nn.Module) -> None:
    """Draw the parameters of a module, then those of its children, in their order.

    A child with a method `initialise` draws its own. Layer normalisation stays as torch initialises it.
    """
    if isinstance(module, nn.LayerNorm):
        return
    for name, parameter in module.named_parameters(recurse=False):
        if isinstance(module, nn.Embedding):
            # Xavier scale would shrink as the vocabulary grows.
            nn.init.normal_(parameter, std=0.1)
            nn.init.zeros_(parameter[PAD])
        elif parameter.dim() == 1:
            nn.init.zeros_(parameter)
        elif "weight_hh" in name:
            draw_recurrence(parameter)
        else:
            nn.init.xavier_uniform_(parameter)
    for name, child in module.named_children():
        initialise = getattr(child, "initialise", None)
        if initialise is not None:
            initialise()
        elif name == "from_hidden" and isinstance(child, nn.Linear):
            draw_recurrence(child.weight)
            nn.init.zeros_(child.bias)
        else:
            draw_parameters(child)


def draw_recurrence(weight_GD: Tensor) -> None:
    """An orthogonal matrix for each of the three gates of a GRU."""
    for gate_DD in weight_GD.chunk(3):
        nn.init.orthogonal_(gate_DD)
