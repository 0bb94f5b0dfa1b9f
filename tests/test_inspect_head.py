"""A head over the verifier's own text: against a recomputation of its own, and against what vLLM proposes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import linear, rms_norm, silu

from eagle3_viz import bundled
from eagle3_viz.__main__ import main
from eagle3_viz.doctor.facts import Facts, gather
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.heads import comparison, groups, guesses, module, paired, summary
from eagle3_viz.heads.verifier import Seen, Text, Verifier, up_to_end
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.pieces import Vocabulary
from eagle3_viz.sources.vllm_engine import VllmSource

DEPTH = 3
TIE = 1e-4  # logits this close may change places from machine to machine
PROMPTS = ["What do you see?", "Hello, how are you?", "Which colour is the circle?", "Name a shape."]


@pytest.fixture(scope="module")
def tiny() -> bundled.Pair:
    return bundled.get("tiny-llama4")


@pytest.fixture(scope="module")
def verifier(tiny: bundled.Pair) -> Verifier:
    return Verifier(str(tiny.verifier))


@pytest.fixture(scope="module")
def facts(tiny: bundled.Pair) -> Facts:
    return gather(str(tiny.speculator), str(tiny.verifier))


@pytest.fixture(scope="module")
def seen(verifier: Verifier) -> list[Seen]:
    """The small verifier over its own answers, with the states of all layers."""
    return list(verifier.read(list(verifier.write(PROMPTS, 32)), range(verifier.depth + 1)))


@pytest.fixture(scope="module")
def found(tiny: bundled.Pair, facts: Facts, verifier: Verifier, seen: list[Seen]) -> guesses.Guesses:
    settings = module.as_configured(facts)
    head = module.load(tiny.speculator, facts, verifier.model).module(settings)
    return guesses.guesses(head, settings, seen, verifier.model.get_output_embeddings(), DEPTH)


def plain(weights: dict[str, Tensor], embeddings: Tensor, config: dict[str, Any], aux: Tensor, ids: Tensor) -> Any:
    """The head's draft logits at the last row of one text, one token deeper each time it is sent a guess; written from
    the paper's picture with one loop and one cache, and sharing no code with what it tests."""
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    layer, eps, size = "layers.0.", config["rms_norm_eps"], config["head_dim"]
    rope = LlamaRotaryEmbedding(LlamaConfig(**{k: v for k, v in config.items() if k != "model_type"}))

    def norm(x: Tensor, name: str) -> Tensor:
        return rms_norm(x, x.shape[-1:], weights[name].float(), eps)

    def turned(x: Tensor, position: int) -> Tensor:
        cos, sin = rope(x, torch.tensor([[position]]))
        half = x.shape[-1] // 2
        return torch.add(x * cos[0], torch.cat([-x[:, half:], x[:, :half]], -1) * sin[0])

    def project(x: Tensor, name: str) -> Tensor:
        return linear(x, weights[f"{layer}self_attn.{name}_proj.weight"].float()).view(-1, size)

    keys: list[Tensor] = []
    values: list[Tensor] = []
    state = torch.empty(0)

    def forward(state: Tensor, token: int, position: int) -> Tensor:
        hidden = norm(state, f"{layer}hidden_norm.weight")
        residual = hidden if config["norm_before_residual"] else state
        both = torch.cat([norm(embeddings[token], f"{layer}input_layernorm.weight"), hidden])
        query = turned(project(both, "q"), position)
        keys.append(turned(project(both, "k"), position))
        values.append(project(both, "v"))
        groups = len(query) // len(keys[0])
        mixed = []
        for number, one in enumerate(query):
            own = torch.stack([key[number // groups] for key in keys])
            weight = (own @ one / size**0.5).softmax(0)
            mixed.append(weight @ torch.stack([value[number // groups] for value in values]))
        out = residual + linear(torch.cat(mixed), weights[f"{layer}self_attn.o_proj.weight"].float())
        x = norm(out, f"{layer}post_attention_layernorm.weight")
        gate, up, down = (weights[f"{layer}mlp.{name}_proj.weight"].float() for name in ("gate", "up", "down"))
        return out + linear(silu(linear(x, gate)) * linear(x, up), down)

    for position, (row, token) in enumerate(zip(aux, ids.tolist(), strict=True)):
        state = forward(linear(row, weights["fc.weight"].float()), token, position)
    position = len(aux)
    while True:
        guess = yield linear(norm(state, "norm.weight"), weights["lm_head.weight"].float())
        state = forward(state, guess, position)
        position += 1


def recomputed(tiny: bundled.Pair, verifier: Verifier, facts: Facts, batch: Seen) -> Iterator[tuple[int, int, Any]]:
    """Text, output position and a loop over its depths, for every position of a batch, one after the other."""
    from safetensors.torch import load_file

    weights = load_file(tiny.speculator / "model.safetensors")
    config = facts.layer | {"norm_before_residual": facts.head["norm_before_residual"]}
    embeddings = verifier.model.get_input_embeddings().weight
    for place, (number, length, start) in enumerate(zip(batch.numbers, batch.lengths, batch.starts, strict=True)):
        ids = batch.ids[place : place + 1, :length]
        states = verifier.model.language_model.model(input_ids=ids, output_hidden_states=True).hidden_states
        aux = torch.cat([states[layer][0] for layer in (1, 4, 5)], -1)
        for row in range(start - 1, length - 1 - DEPTH):
            yield number, row + 2 - start, plain(weights, embeddings, config, aux[: row + 1], ids[0, 1 : row + 2])


@torch.inference_mode()
def test_guesses_equal_a_recomputation_of_their_own(
    tiny: bundled.Pair, verifier: Verifier, facts: Facts, seen: list[Seen], found: guesses.Guesses
) -> None:
    checked, right = 0, 0
    for batch in seen:
        for text, position, loop in recomputed(tiny, verifier, facts, batch):
            (row,) = ((found.text == text) & (found.position == position)).nonzero().flatten().tolist()
            logits = next(loop)
            for depth in range(DEPTH):
                logs = logits.log_softmax(-1)
                guess, wanted = int(found.guess[row, depth]), logs[found.wanted[row, depth]]
                assert logs[guess] >= logs.max() - TIE
                assert float(found.confidence[row, depth]) == pytest.approx(float(logs.max().exp()), abs=1e-4)
                better, tied = int((logs > wanted + TIE).sum()), int((logs > wanted - TIE).sum())
                assert better < int(found.rank[row, depth]) <= max(tied, 1)
                right += int(guess == found.wanted[row, depth]) if depth == 0 else 0
                logits = loop.send(guess)
            checked += 1
    assert checked == len(found.text) > 20
    assert float(found.agrees[:, 0].float().mean()) == pytest.approx(right / checked, abs=1e-4)


def test_chains_are_guesses_that_agree_behind_guesses_that_came_true(seen: list[Seen], found: guesses.Guesses) -> None:
    by_number = {number: batch.ids[place] for batch in seen for place, number in enumerate(batch.numbers)}
    starts = {number: batch.starts[place] for batch in seen for place, number in enumerate(batch.numbers)}
    for row in range(len(found.text)):
        number = int(found.text[row])
        first = starts[number] + int(found.position[row])
        came = by_number[number][first : first + DEPTH]
        agrees = found.guess[row] == found.wanted[row]
        alive = [bool((found.guess[row, :d] == came[:d]).all()) for d in range(DEPTH)]
        assert agrees.tolist() == found.agrees[row].tolist()
        assert alive == found.alive[row].tolist()
        assert (torch.tensor(alive) & agrees).tolist() == found.chain[row].tolist()


@pytest.mark.engine
async def test_guesses_are_what_vllm_proposes(vllm_source: VllmSource, pair: bundled.Pair) -> None:
    asked = [
        Request(request_id=f"r{n}", messages=[{"role": "user", "content": text}], sampling=Sampling(max_tokens=32))
        for n, text in enumerate(["Why is the sky blue?", "Write a short poem about rain."])
    ]
    trace = await record(vllm_source, asked)
    names = list(trace.requests)
    texts = [
        Text(name, (*seen.started.token_ids, *seen.output_token_ids), len(seen.started.token_ids))
        for name, seen in trace.requests.items()
    ]
    verifier = Verifier(str(pair.verifier))
    facts = gather(str(pair.speculator), str(pair.verifier))
    settings = module.as_configured(facts)
    head = module.load(pair.speculator, facts, verifier.model).module(settings)
    seen = list(verifier.read(texts, settings.aux_layers))
    found = guesses.guesses(head, settings, seen, verifier.model.get_output_embeddings(), 3)
    compared = 0
    for row, (text, position) in enumerate(zip(found.text.tolist(), found.position.tolist(), strict=True)):
        for step in trace.requests[names[text]].steps:
            if step.proposed and step.output_start == position:
                assert [token.id for token in step.proposed] == found.guess[row].tolist()
                assert step.num_accepted == int(found.chain[row].sum())
                compared += 1
    assert compared > 20


def test_along_the_path_of_a_run() -> None:
    text = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    chain = np.array([[1, 0], [0, 0], [1, 1], [0, 0], [0, 0], [1, 1], [0, 0], [1, 0]], dtype=bool)
    assert summary.path(text, chain) == [0, 2, 5]  # 2 emitted, then 3, then the next text: 3 again
    rates = summary.as_rates(chain[[0, 2, 5]])
    assert rates.rate_per_draft == [1.0, 2 / 3]
    assert rates.mean_acceptance_length == 1 + 5 / 3


def test_figures_of_the_small_pair(found: guesses.Guesses, seen: list[Seen], verifier: Verifier) -> None:
    read = {number: batch for batch in seen for number in batch.numbers}
    texts = []
    for number, batch in sorted(read.items()):
        place = batch.numbers.index(number)
        ids = batch.ids[place, : batch.lengths[place]].tolist()
        texts.append(Text(str(number), tuple(ids), batch.starts[place]))
    figures = summary.summarize(found, texts, Vocabulary(verifier.tokenizer).piece)
    for facet in figures.groups.values():
        assert sum(group.count for group in facet.values()) == figures.num_positions
        right = sum(group.count * group.agreement for group in facet.values())
        assert right == pytest.approx(int(found.agrees[:, 0].sum()))
    assert figures.num_texts == len(PROMPTS)
    assert figures.num_positions == len(found.text)
    assert [depth.agreement.value for depth in figures.depths] == pytest.approx(found.agrees.float().mean(0).tolist())
    assert figures.depths[0].agreement.value == figures.predicted.rate_per_draft[0] == figures.depths[0].within_rank[1]
    assert figures.predicted.mean_acceptance_length == pytest.approx(figures.mean_acceptance_length.value)
    for depth in figures.depths:
        assert sum(each.count for each in depth.calibration if each) == figures.num_positions
        assert 0 <= depth.calibration_error <= 1
        assert depth.kl >= 0
        assert depth.outside_vocabulary == 0
    assert json.loads(json.dumps(summary.as_json(figures)))["depths"][0]["within_rank"]["1"] > 0


def test_a_head_gains_nothing_over_itself(found: guesses.Guesses) -> None:
    compared = comparison.compare(found, found)
    assert compared["mean_acceptance_length"] == {"value": 0.0, "low": 0.0, "high": 0.0}


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 1)), min_size=1, max_size=60))
def test_intervals_hold_the_mean(rows: list[tuple[int, float]]) -> None:
    text, values = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = paired.mean(values, text, 0.999)
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9 or len(set(text)) < 6
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_texts_count_not_rows() -> None:
    """A hundred rows of one text tell as much as one."""
    text, values = np.repeat([0, 1, 2, 3], 100), np.repeat([0.0, 0.0, 1.0, 1.0], 100)
    apart = paired.mean(values, np.arange(400))
    assert paired.mean(values, text).low < 0.1 < 0.4 < apart.low


def test_a_reduced_vocabulary_in_the_figures() -> None:
    draft, verifier = torch.tensor([[3.0, 1.0, 2.0]] * 2), torch.tensor([[9.0, 3.0, 0.0, 1.0, 2.0]] * 2)
    more = guesses.compare(draft, verifier, torch.tensor([0, 4]), torch.tensor([1, 3, 4]))
    assert more["rank"].tolist() == [0, 2]  # token 0 is not in the draft vocabulary
    assert more["kl"].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert more["confidence"].tolist() == pytest.approx([draft.softmax(-1)[0, 0].item()] * 2)


def test_a_row_ends_with_its_end() -> None:
    assert up_to_end([5, 2, 2], 2) == [5, 2]
    assert up_to_end([5, 6, 7], [2, 6]) == [5, 6]
    assert up_to_end([5, 6, 7], None) == [5, 6, 7]


def test_what_no_head_can_do(facts: Facts, tiny: bundled.Pair, verifier: Verifier, tmp_path: Path) -> None:
    from dataclasses import replace

    config = {**facts.head, "eagle_aux_hidden_state_layer_ids": [1, 4]}
    with pytest.raises(InputError, match=r"takes 3 states and \[1, 4\] are fed"):
        module.as_configured(replace(facts, head=config))
    with pytest.raises(InputError, match="has 6 layers"):
        module.as_configured(replace(facts, head=config | {"eagle_aux_hidden_state_layer_ids": [1, 4, 7]}))
    deep = replace(facts, head=facts.head | {"transformer_layer_config": facts.layer | {"num_hidden_layers": 2}})
    with pytest.raises(InputError, match="more than one layer"):
        module.load(tiny.speculator, deep, verifier.model)
    checkpoint = module.load(tiny.speculator, facts, verifier.model)
    del checkpoint.tensors["fc.weight"]  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"no fc\.weight"):
        checkpoint.module(module.as_configured(facts))


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out.json"
    prompts.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in PROMPTS))
    head = str(bundled.ASSETS / "tiny-llama4" / "speculator")
    arguments = ["inspect-head", "--model", "tiny-llama4", "--dataset", str(prompts), "--max-tokens", "24"]
    assert main([*arguments, "--against", head, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "positions of 4 texts" in printed
    assert "mean acceptance length +0.000 (+0.000 to +0.000)" in printed
    figures = json.loads(out.read_text())
    assert len(figures["heads"][head]["depths"]) == 3
    assert figures["comparison"]["level"] == paired.LEVEL
    assert figures["measured"] is None


@pytest.mark.engine
async def test_the_path_that_is_predicted_is_the_one_that_vllm_goes(
    seeing_source: VllmSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        Request(request_id=f"r{n}", messages=[{"role": "user", "content": text}], sampling=Sampling(max_tokens=48))
        for n, text in enumerate(PROMPTS)
    ]
    trace, out = await record(seeing_source, asked), tmp_path / "out.json"
    trace.save(tmp_path / "trace.jsonl")
    arguments = ["inspect-head", "--model", "tiny-llama4", "--trace", str(tmp_path / "trace.jsonl"), "--json", str(out)]
    assert main(arguments) == 0
    assert "measured in the trace" in capsys.readouterr().out
    figures = json.loads(out.read_text())
    (head,) = figures["heads"].values()
    along, measured = head["predicted_along_path"], figures["measured"]
    assert measured["num_drafts"] - 2 * len(PROMPTS) <= along["num_drafts"] <= measured["num_drafts"]
    assert along["num_accepted_tokens"] <= measured["num_accepted_tokens"]
    missing = measured["num_accepted_tokens"] - along["num_accepted_tokens"]
    assert missing <= 2 * DEPTH * len(PROMPTS)
    steps = [step for seen in trace.requests.values() for step in seen.steps]
    rejected = sum(step.num_accepted < len(step.proposed) for step in steps)
    assert sum(cost["count"] for cost in figures["causes"].values()) == rejected
    behind_the_first = sum(0 < step.num_accepted < len(step.proposed) for step in steps)
    assert figures["causes"]["compounding"]["count"] <= behind_the_first


def test_a_trace_without_text_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    for name, message in (("image", "no finished answer"), ("text-good-head", "another verifier")):
        trace = bundled.ASSETS / "traces" / f"{name}.jsonl.gz"
        assert main(["inspect-head", "--model", "tiny-llama4", "--trace", str(trace)]) == 2
        assert message in capsys.readouterr().err


def test_positions_are_grouped_by_what_stands_there() -> None:
    words = {20: "Hi", 21: " the", 22: "re", 23: ".", 24: "\n", 25: "7"}
    text = Text("t", (1, 20, 21, 22, 23, 24, 25), 1)
    rows = torch.arange(1, 6)
    filling = {name: torch.zeros(5, 1) for name in guesses.Guesses.__dataclass_fields__}
    found = guesses.Guesses(
        **filling
        | {
            "text": torch.zeros(5, dtype=torch.long),
            "position": rows,
            "agrees": torch.tensor([[1], [0], [1], [1], [0]]) > 0,
        }
        | {"entropy": torch.tensor([[0.0], [0.2], [0.2], [9.0], [9.0]])}
    )
    found_groups = groups.groups(found, [text], words.get)
    assert found_groups["kind"] == {
        "space and newline": groups.Group(1, 1.0),
        "digit": groups.Group(1, 0.0),
        "punctuation": groups.Group(1, 1.0),
        "word start": groups.Group(1, 1.0),
        "word inside": groups.Group(1, 0.0),
    }
    assert found_groups["entropy"]["0.1 to 0.5"] == groups.Group(2, 0.5)
    assert found_groups["output_position"] == {"0 to 15": groups.Group(5, 0.6)}
