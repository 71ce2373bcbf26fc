"""What every network must do: let gradients through to all that it learns, and learn one batch by heart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer


def assert_every_parameter_has_a_gradient(model: nn.Module) -> None:
    """After ``backward``: no parameter was passed by."""
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def last_loss(model: nn.Module, optimizer: Optimizer, x: Tensor, labels: Tensor, *, steps: int) -> float:
    """Train on one batch, again and again; return the loss before the last step."""
    for _ in range(steps):
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()
