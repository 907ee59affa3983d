"""Digests of PyTorch's values; `make heavy` installs it."""

import pickle

import pytest
import torch

from foundations.adapters.digesting import Blake3Digesting
from foundations.domain.caching.values.digests import UndigestibleError, ValueDigester


class FakeCode:
    """Digests code by its name."""

    def digest_ordered(self, code, where):
        return f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', code.__name__)}".encode()

    digest_unordered = digest_ordered


digest = ValueDigester(Blake3Digesting(), FakeCode()).digest


def alike(*values):
    """Return the number of digests that values have."""
    return len({digest(value) for value in values})


def refusal(value):
    with pytest.raises(UndigestibleError) as raised:
        digest(value)
    return str(raised.value)


def test_tensors_go_by_their_content():
    numbers = torch.arange(6.0).reshape(2, 3)
    kinds = [torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.int8, torch.bool]
    different = [
        *(numbers, numbers.T, numbers.reshape(-1), numbers + 1, numbers[:0], numbers[0, 0], numbers[1]),
        *(numbers.clone().requires_grad_(), torch.nn.Parameter(numbers.clone()), [numbers], torch.zeros(10_000)),
        *(numbers.to(kind) for kind in kinds),
    ]
    digests = [digest(value) for value in different]
    assert len(different) == len(set(digests))
    assert digests == [digest(pickle.loads(pickle.dumps(value, 5))) for value in different]
    assert 1 == alike(numbers.T, numbers.T.contiguous(), torch.stack([numbers, numbers])[0].T)
    assert 1 == alike(torch.tensor([1 + 2j]).conj(), torch.tensor([1 - 2j]))


def test_modules_of_torch_go_by_their_tensors():
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(torch.nn.Linear(2, 3))
    assert (1, 2, 2) == (alike(*made[:2]), alike(*made), alike(*(module.state_dict() for module in made)))


def test_tensors_whose_memory_is_not_their_content_are_refused():
    for tensor in (torch.eye(2).to_sparse(), torch.ones(2, device="meta")):
        assert refusal(tensor).endswith("it is a tensor whose memory is not its content")
