"""A verifier in transformers: its own greedy text, and its hidden states over a text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from eagle3_viz.errors import InputError

BATCH_TOKENS = 1536  # of a forward pass, padding included
AT_ONCE = 32  # texts written at once


@dataclass(frozen=True)
class Text:
    """A prompt and what the verifier wrote after it. `start`: where that begins in `ids`."""

    name: str
    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Seen:
    """The verifier over B texts of up to T tokens, H wide.

    Attributes:
        numbers: which texts they are.
        ids: int64 (B, T), padded on the right.
        lengths: of each text, B of them.
        starts: where the verifier's own text begins, B of them.
        states: by layer the state that enters it (B, T, H); n: behind the last of n layers, before the norm.
        last: the state that goes into the output matrix (B, T, H).
        best: the most likely next token (B, T).
        entropy: of the next token, in nats (B, T).
    """

    numbers: list[int]
    ids: Tensor
    lengths: list[int]
    starts: list[int]
    states: dict[int, Tensor]
    last: Tensor
    best: Tensor
    entropy: Tensor


class Verifier:
    """A causal language model and its tokenizer, on the GPU where there is one."""

    def __init__(self, folder: str) -> None:
        """Load it.

        Raises:
            InputError: transformers cannot.
        """
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

        device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            sees = hasattr(AutoConfig.from_pretrained(folder), "vision_config")
            kind = AutoModelForImageTextToText if sees else AutoModelForCausalLM
            dtype = torch.float32 if device == "cpu" else "auto"
            self.model: Any = kind.from_pretrained(folder, dtype=dtype).to(device).eval()
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        except (OSError, ValueError, ImportError) as error:
            raise InputError(f"the verifier {folder} cannot be loaded: {str(error).splitlines()[0]}") from error
        self.trunk: Any = self.model.get_decoder()
        while not hasattr(self.trunk, "layers"):
            self.trunk = self.trunk.model
        self.device = device

    @property
    def depth(self) -> int:
        """How many layers it has."""
        return len(self.trunk.layers)

    @property
    def vocabulary(self) -> int:
        """How many tokens it has."""
        return int(self.model.get_input_embeddings().num_embeddings)

    @torch.inference_mode()
    def write(self, prompts: Sequence[str], max_tokens: int) -> Iterator[Text]:
        """The greedy answer to each prompt, sent through the chat template where there is one."""
        asked = [self._prompt(prompt) for prompt in prompts]
        ends = self.model.generation_config.eos_token_id
        pad = next(iter(ends)) if isinstance(ends, list) else ends or 0
        for begin in range(0, len(asked), AT_ONCE):
            group = asked[begin : begin + AT_ONCE]
            longest = max(map(len, group))
            ids = torch.tensor([[pad] * (longest - len(prompt)) + prompt for prompt in group], device=self.device)
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in group], device=self.device)
            rows = self.model.generate(
                input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=max_tokens, pad_token_id=pad
            )
            for number, (prompt, row) in enumerate(zip(group, rows[:, longest:].tolist(), strict=True), begin):
                yield Text(f"p{number}", (*prompt, *up_to_end(row, ends)), len(prompt))

    def _prompt(self, prompt: str) -> list[int]:
        """A prompt's ids."""
        if not self.tokenizer.chat_template:
            return list(self.tokenizer(prompt)["input_ids"])
        messages = [{"role": "user", "content": prompt}]
        return list(
            self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]
        )

    @torch.inference_mode()
    def read(self, texts: Sequence[Text], layers: Iterable[int]) -> Iterator[Seen]:
        """The verifier over texts, a batch of similar lengths at a time, with the states of `layers`.

        Padding is on the right, where causal attention keeps it from every real token, so no mask is needed.
        """
        wanted = sorted(set(layers))
        order = sorted(range(len(texts)), key=lambda number: len(texts[number].ids))
        group: list[int] = []
        for number in order:
            if group and len(texts[number].ids) * (len(group) + 1) > BATCH_TOKENS:
                yield self._read([texts[i] for i in group], group, wanted)
                group = []
            group.append(number)
        if group:
            yield self._read([texts[i] for i in group], group, wanted)

    def _read(self, texts: Sequence[Text], numbers: list[int], layers: Sequence[int]) -> Seen:
        """One batch."""
        ids = pad_sequence([torch.tensor(text.ids) for text in texts], batch_first=True).to(self.device)
        states: dict[int, Tensor] = {}

        def keep(layer: int) -> Any:
            def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                states[layer] = (args[0] if args else kwargs["hidden_states"]).detach()

            return hook

        places = [*self.trunk.layers, self.trunk.norm]
        hooks = [places[layer].register_forward_pre_hook(keep(layer), with_kwargs=True) for layer in layers]
        try:
            last = self.trunk(input_ids=ids, use_cache=False).last_hidden_state
        finally:
            for hook in hooks:
                hook.remove()
        best, entropy = self._beliefs(last)
        lengths, starts = [len(text.ids) for text in texts], [text.start for text in texts]
        return Seen(numbers, ids, lengths, starts, states, last, best, entropy)

    def _beliefs(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely token and the entropy at each position, one text at a time: logits are large."""
        output = self.model.get_output_embeddings()
        best, entropy = [], []
        for row in last:
            logs = output(row).float().log_softmax(-1)
            best.append(logs.argmax(-1))
            entropy.append(-(logs.exp() * logs).sum(-1))
        return torch.stack(best), torch.stack(entropy)


def up_to_end(row: Sequence[int], ends: int | Sequence[int] | None) -> list[int]:
    """A written row up to its first end token, which stays."""
    wanted = {ends} if isinstance(ends, int) else set(ends or ())
    for place, token in enumerate(row):
        if token in wanted:
            return list(row[: place + 1])
    return list(row)


def folder_of(name: str) -> Path:
    """The folder of a checkpoint that is one, or the snapshot of a hub id.

    Raises:
        InputError: it cannot be had.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(f"{name} could not be had from the Hugging Face hub: {str(error).splitlines()[0]}") from error
