"""Stage 2: the verifier's hidden states for every conversation.

    python -m training.smollm2.features CONVERSATIONS... [--out runs/smollm2/features]

About 2,000 tokens a second on two cores and 4.6 kB of disk a token. Shards that are there already are kept, so an
interrupted run is taken up by the same command, and more conversations are added by naming more files.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from eagle3_viz import cpu, gguf_verifier
from training.heads import conversations, shards
from training.smollm2 import settings

SHARD = 128  # conversations: about 36,000 tokens, 170 MB
BATCH_TOKENS = 2048


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield indices grouped so that a group has similar lengths and at most BATCH_TOKENS tokens with its padding."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if group and (len(group) + 1) * lengths[index] > BATCH_TOKENS:
            yield group
            group = []
        group.append(index)
    yield group


@torch.inference_mode()
def hidden_states(model: torch.nn.Module, group: Sequence[conversations.Conversation]) -> list[shards.Sample]:
    """Run the verifier's trunk over `group`, the residual stream in float32.

    Padding is on the right, where causal attention keeps it from every real token, so no mask is needed.
    """
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(c.ids) for c in group], batch_first=True)
    with torch.autocast("cpu", getattr(torch, settings.DTYPE)):
        output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
    aux = torch.cat([output.hidden_states[layer] for layer in settings.AUX_LAYERS], dim=-1).half()
    last = output.last_hidden_state.half()
    return [
        shards.Sample(ids[i, : len(c.ids)], aux[i, : len(c.ids)], last[i, : len(c.ids)], len(c.prompt))
        for i, c in enumerate(group)
    ]


def shard_of(model: torch.nn.Module, part: Sequence[conversations.Conversation]) -> list[shards.Sample]:
    """Return the samples of one shard, in the order of `part`."""
    found: dict[int, shards.Sample] = {}
    for group in batches([len(c.ids) for c in part]):
        found.update(zip(group, hidden_states(model, [part[i] for i in group]), strict=True))
    return [found[i] for i in range(len(part))]


def parts_of(paths: Sequence[Path]) -> dict[str, list[conversations.Conversation]]:
    """Cut each file into the conversations of one shard each, keyed by the shard's name."""
    parts = {}
    for path in paths:
        every = list(conversations.read([path]))
        for number, start in enumerate(range(0, len(every), SHARD)):
            parts[f"{path.name.partition('.')[0]}-{number:03}"] = every[start : start + SHARD]
    return parts


def main() -> None:
    """Read the command line and write the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conversations", type=Path, nargs="+", help=".jsonl.gz files or folders of them")
    parser.add_argument("--out", type=Path, default=settings.RUNS / "features")
    args = parser.parse_args()
    cpu.prepare()
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(gguf_verifier.ready()).eval().model
    args.out.mkdir(parents=True, exist_ok=True)
    parts = parts_of(conversations.files(args.conversations))
    with tqdm(total=sum(len(c.ids) for part in parts.values() for c in part), unit="token", unit_scale=True) as bar:
        for name, part in parts.items():
            path = args.out / f"{name}.safetensors"
            if not path.exists():
                shards.write(path, shard_of(model, part))
            bar.update(sum(len(c.ids) for c in part))


if __name__ == "__main__":
    main()
