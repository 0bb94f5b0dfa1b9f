"""What a head guesses at every position of the verifier's own text, some tokens deep.

Row t starts from the verifier's true states at position t and the token at t + 1. At depth d it guesses the token at
t + 2 + d: at depth 0 from the truth alone, further on from its own guesses, as when vLLM starts a step there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eagle3_viz.errors import InputError
from eagle3_viz.heads.module import Head, Settings
from eagle3_viz.heads.unrolled import Unrolled
from eagle3_viz.heads.verifier import Seen, Text

CHUNK = 2048  # rows of draft logits at once


@dataclass(frozen=True)
class Guesses:
    """N rows, D deep, ordered by text and position. All rows have all depths.

    Attributes:
        text: number of the text (N,).
        position: output position of the token guessed at depth 0 (N,).
        agrees: bool (N, D): the guess is the verifier's most likely token there.
        alive: bool (N, D): every earlier guess of the row is what the verifier wrote.
        chain: bool (N, D): both: vLLM would accept the guess.
        guess: the verifier's id of the guess (N, D).
        wanted: the verifier's most likely token (N, D).
        entropy: of the verifier, in nats (N, D).
        confidence: probability that the draft gives its guess (N, D).
        rank: rank of the wanted token with the draft, from 1; 0: not in the draft vocabulary (N, D).
        kl: KL of the draft from the verifier within the draft vocabulary, in nats (N, D).
    """

    text: Tensor
    position: Tensor
    agrees: Tensor
    alive: Tensor
    chain: Tensor
    guess: Tensor
    wanted: Tensor
    entropy: Tensor
    confidence: Tensor
    rank: Tensor
    kl: Tensor

    def fed_truth(self, texts: Sequence[Text]) -> dict[tuple[str, int], int]:
        """By text's name and output position what the head names when it is fed the truth: its guesses at depth 0."""
        rows = zip(self.text.tolist(), self.position.tolist(), self.guess[:, 0].tolist(), strict=True)
        return {(texts[text].name, position): guess for text, position, guess in rows}


@torch.inference_mode()
def guesses(
    head: Head, settings: Settings, seen: Iterable[Seen], output: Any, depth: int, *, details: bool = True
) -> Guesses:
    """Let a head guess `depth` tokens deep at every position of the texts in `seen`, which has its layers' states.

    `output` is the verifier's output matrix, for `kl`. Without `details` the last three are empty, in a third of the
    time.

    Raises:
        InputError: no text is longer than the depth.
    """
    if depth < 1:
        raise InputError(f"depth is {depth}: give 1 or more")
    parts = [of_batch(head, settings, batch, output, depth, details=details) for batch in seen]
    whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in Guesses.__dataclass_fields__}
    if not len(whole["text"]):
        raise InputError(f"no text is long enough to guess {depth} tokens deep: give longer answers")
    order = torch.argsort(whole["text"] * (int(whole["position"].max()) + 1) + whole["position"])
    return Guesses(**{name: value[order] if len(value) else value for name, value in whole.items()})


def of_batch(head: Head, settings: Settings, seen: Seen, output: Any, depth: int, *, details: bool) -> Guesses:
    """The guesses over one batch of texts."""
    aux = torch.cat([seen.states[layer] for layer in settings.aux_layers], dim=-1)
    unrolled = Unrolled(head, aux)
    length = seen.ids.shape[1]
    rows = torch.zeros_like(seen.ids, dtype=torch.bool)
    for row, start, end in zip(rows, seen.starts, seen.lengths, strict=True):
        row[start - 1 : max(start - 1, end - 1 - depth)] = True
    place = rows.nonzero()
    text = torch.tensor(seen.numbers, device=rows.device)[place[:, 0]]
    fed = ahead(seen.ids, 1)
    alive = torch.ones(len(place), dtype=torch.bool, device=rows.device)
    columns: dict[str, list[Tensor]] = {name: [] for name in Guesses.__dataclass_fields__}
    for d in range(min(depth, length)):
        states = unrolled.step(fed)
        flat, everywhere = of_states(head, settings, states, seen, rows, d, output, details=details)
        agrees = flat["guess"] == flat["wanted"]
        flat |= {"agrees": agrees, "alive": alive, "chain": alive & agrees}
        alive = alive & (flat["guess"] == ahead(seen.ids, 2 + d)[rows])
        for name, value in flat.items():
            columns[name].append(value)
        fed = everywhere
    starts = torch.tensor(seen.starts, device=rows.device)[place[:, 0]]
    stacked = {name: torch.stack(parts, 1) for name, parts in columns.items() if parts}
    empty = torch.zeros(0, depth)
    return Guesses(
        **dict.fromkeys(("confidence", "rank", "kl"), empty)
        | stacked
        | {"text": text, "position": place[:, 1] + 2 - starts}
    )


def of_states(
    head: Head, settings: Settings, states: Tensor, seen: Seen, rows: Tensor, depth: int, output: Any, *, details: bool
) -> tuple[dict[str, Tensor], Tensor]:
    """What the states (B, T, H) of one depth guess in `rows` (B, T), and the guesses everywhere (B, T).

    Rows that are not asked for guess too: a later row of the same text never looks at them, so any token will do.
    """
    wanted = ahead(seen.best, 1 + depth)[rows]
    entropy = ahead(seen.entropy, 1 + depth)[rows]
    chosen, beliefs = states[rows], ahead(seen.last, 1 + depth)[rows]
    found: dict[str, list[Tensor]] = {"guess": []}
    if details:
        found |= {"confidence": [], "rank": [], "kl": []}
    for begin in range(0, len(chosen), CHUNK):
        part = slice(begin, begin + CHUNK)
        logits = head.lm_head(chosen[part]).float()
        found["guess"].append(to_verifier(logits.argmax(-1), settings.draft_ids))
        if details:
            more = compare(logits, output(beliefs[part]).float(), wanted[part], settings.draft_ids)
            for name, value in more.items():
                found[name].append(value)
    flat = {name: torch.cat(parts) for name, parts in found.items()}
    everywhere = torch.zeros_like(seen.ids).masked_scatter(rows, flat["guess"])
    return flat | {"wanted": wanted, "entropy": entropy}, everywhere


def compare(draft: Tensor, verifier: Tensor, wanted: Tensor, draft_ids: Tensor | None) -> dict[str, Tensor]:
    """Draft logits (R, V_draft) against the verifier's (R, V) at the same rows."""
    logs = draft.log_softmax(-1)
    if draft_ids is not None:
        draft_ids = draft_ids.to(draft.device)
        known = torch.full((verifier.shape[1],), -1, device=draft.device)
        known[draft_ids] = torch.arange(len(draft_ids), device=draft.device)
        own = known[wanted]
        verifier = verifier[:, draft_ids]
    else:
        own = wanted
    theirs = verifier.log_softmax(-1)
    value = logs.gather(1, own.clamp(min=0)[:, None])
    rank = 1 + (logs > value).sum(-1)
    return {
        "confidence": logs.max(-1).values.exp(),
        "rank": rank.masked_fill(own < 0, 0),
        "kl": (theirs.exp() * (theirs - logs)).sum(-1),
    }


def to_verifier(ids: Tensor, draft_ids: Tensor | None) -> Tensor:
    """Draft ids as the verifier's."""
    return ids if draft_ids is None else draft_ids.to(ids.device)[ids]


def ahead(x: Tensor, by: int) -> Tensor:
    """x (B, T, ...) moved to the left by `by` columns; what is beyond the end is zero."""
    moved = torch.zeros_like(x)
    if by < x.shape[1]:
        moved[:, : x.shape[1] - by] = x[:, by:]
    return moved
