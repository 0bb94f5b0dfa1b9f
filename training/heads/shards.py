"""What a head is trained on, on disk: verifier hidden states of whole conversations, in safetensors shards.

A shard holds conversations one after another (T tokens, N conversations, A auxiliary layers, hidden size H):

- `ids` int32 (T,), verifier vocabulary
- `aux` float16 (T, A * H), the residual stream entering each auxiliary layer, concatenated
- `last` float16 (T, H), the last hidden state after the final norm: `lm_head @ last` are the verifier's logits
- `starts` int64 (N + 1,), where each conversation begins; `answers` int64 (N,), where each answer begins
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


@dataclass(frozen=True)
class Sample:
    """One conversation (T tokens): `ids` (T,), `aux` (T, A * H), `last` (T, H), and where its answer begins."""

    ids: torch.Tensor
    aux: torch.Tensor
    last: torch.Tensor
    answer: int


def write(path: Path, samples: Sequence[Sample]) -> None:
    """Write `samples` as one shard, under its final name only when complete."""
    lengths = torch.tensor([0] + [len(sample.ids) for sample in samples])
    starts = lengths.cumsum(0)
    tensors = {
        "ids": torch.cat([sample.ids for sample in samples]).to(torch.int32),
        "aux": torch.cat([sample.aux for sample in samples]).to(torch.float16),
        "last": torch.cat([sample.last for sample in samples]).to(torch.float16),
        "starts": starts,
        "answers": starts[:-1] + torch.tensor([sample.answer for sample in samples]),
    }
    for name in ("aux", "last"):
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} does not fit float16: the largest value overflows")
    partial = path.with_suffix(".partial")
    save_file(tensors, partial)
    partial.rename(path)


HELD_OUT = 50  # the first of every 50 conversations of a shard is never trained on


class Shards(Sequence[Sample]):
    """Every conversation of a folder of shards, mapped from disk: reading one touches only its own pages.

    `training` and `held_out` are the indices of the two sets; which set a conversation is in never changes, however
    many shards are added.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("*.safetensors"))
        if not paths:
            raise FileNotFoundError(f"{folder} holds no shards: run the features stage first.")
        self.shards = [load_file(path) for path in paths]
        self.places = [(i, n) for i, shard in enumerate(self.shards) for n in range(len(shard["answers"]))]
        self.lengths = [int(n) for shard in self.shards for n in shard["starts"].diff()]
        self.training = [i for i, (_, n) in enumerate(self.places) if n % HELD_OUT]
        self.held_out = [i for i, (_, n) in enumerate(self.places) if not n % HELD_OUT]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:  # type: ignore[override]
        number, n = self.places[index]
        shard = self.shards[number]
        start, end = shard["starts"][n : n + 2].tolist()
        return Sample(
            shard["ids"][start:end].long(),
            shard["aux"][start:end],
            shard["last"][start:end],
            int(shard["answers"][n]) - start,
        )
