"""The content of tensors of PyTorch, whose own reduction differs from process to process."""

from __future__ import annotations

from typing import Any

from foundations.adapters.digesting.class_identity import class_identity
from foundations.ports.digesting import Foreign


def read(torch: Any, value: Any) -> Foreign | None:
    """Return the content of a value of PyTorch; None where its own reduction is enough, as for modules.

    Raises:
        ValueError: Its content cannot be read.
    """
    if not isinstance(value, torch.Tensor):
        return None
    if value.layout is not torch.strided or value.is_quantized or value.is_nested or value.is_meta:
        raise ValueError("it is a tensor whose memory is not its content")
    if type(value).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        raise ValueError("it refers to other tensors and has no memory of its own")
    plain = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    content = plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else None
    about = class_identity(value), str(value.dtype), tuple(value.shape), str(value.device), value.requires_grad
    return Foreign("torch.Tensor", (*about, dict(value.__dict__), content))
