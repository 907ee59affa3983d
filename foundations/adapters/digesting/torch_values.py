"""What makes up tensors of PyTorch, whose own reduction is another in every process."""

from __future__ import annotations

from typing import Any

from foundations.adapters.digesting.kinds import kind_of
from foundations.ports.digesting import Foreign


def tell(torch: Any, value: Any) -> Foreign | None:
    """Return what stands for a value of PyTorch, or None where its own reduction does, as for modules.

    Raises:
        ValueError: It holds what cannot be told.
    """
    if not isinstance(value, torch.Tensor):
        return None
    if value.layout is not torch.strided or value.is_quantized or value.is_nested or value.is_meta:
        raise ValueError("it is a tensor whose memory is not its content")
    if type(value).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        raise ValueError("it stands for other tensors")
    plain = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    content = plain.reshape(-1).view(torch.uint8).numpy() if plain.numel() else None
    about = kind_of(value), str(value.dtype), tuple(value.shape), str(value.device), value.requires_grad
    return Foreign("torch.Tensor", (*about, dict(value.__dict__), content))
