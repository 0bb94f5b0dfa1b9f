"""How a head learns: its own forward pass, its loss, and the order in which it sees conversations."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from eagle3_viz.heads.unrolled import Unrolled
from training.heads import model, objective, shards, trainer
from training.heads.export import export

END = 2
VOCAB, DRAFT, HIDDEN, LAYERS = 40, 16, 32, (1, 2, 3)


@pytest.fixture(scope="module")
def verifier() -> Any:
    """A small random Llama."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=128, bos_token_id=1, eos_token_id=END,
        architectures=["LlamaForCausalLM"], initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def head(verifier: Any, **shape: Any) -> Any:
    """An untrained head with weights large enough to tell any mistake."""
    torch.manual_seed(1)
    draft_ids = torch.arange(0, VOCAB, 2)[:DRAFT]
    draft = model.build(verifier, "someone/verifier", draft_ids, model.HeadShape(LAYERS, 48, **shape))
    with torch.no_grad():
        for weight in draft.layers.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.3)
    return draft


def sample(verifier: Any, ids: list[int], answer: int) -> shards.Sample:
    """The verifier's states for one conversation."""
    with torch.inference_mode():
        output = verifier.model(torch.tensor([ids]), output_hidden_states=True)
    aux = torch.cat([output.hidden_states[layer] for layer in LAYERS], dim=-1)
    return shards.Sample(torch.tensor(ids), aux[0].clone(), output.last_hidden_state[0].clone(), answer)


@pytest.mark.parametrize("norm_before_residual", [True, False])
@pytest.mark.parametrize("fc_norm", [True, False])
def test_unrolled_equals_the_speculators_library(verifier: Any, norm_before_residual: bool, fc_norm: bool) -> None:
    draft = head(verifier, norm_before_residual=norm_before_residual, fc_norm=fc_norm)
    one = sample(verifier, [1, 4, 6, 8, 3, 10, 12, 14, 5, 7], answer=3)
    theirs: list[torch.Tensor] = []
    hook = draft.lm_head.register_forward_hook(lambda module, inputs, output: theirs.append(output))
    with torch.no_grad():
        draft(
            hidden_states=one.aux[None, :-1],
            input_ids=one.ids[None, 1:],
            document_ids=torch.zeros(1, 9, dtype=torch.long),
            ttt_steps=4,
        )
        hook.remove()
        unrolled = Unrolled(draft, one.aux[None])
        for k in range(4):
            ours = draft.lm_head(unrolled.step(objective.shifted(one.ids[None], k + 1, 0)))
            rows = 9 - k  # the later ones were fed filling
            torch.testing.assert_close(ours[:, :rows], theirs[k][:, :rows], atol=1e-5, rtol=1e-5)


def test_padding_changes_nothing(verifier: Any) -> None:
    draft = head(verifier)
    short, long = sample(verifier, [1, 4, 6, 8], 2), sample(verifier, [1, 8, 6, 4, 2, 10, 12], 2)
    both, alone = Unrolled(draft, model.pad([short.aux, long.aux])), Unrolled(draft, short.aux[None])
    ids = model.pad([short.ids, long.ids])
    with torch.no_grad():
        for _ in range(2):
            torch.testing.assert_close(both.step(ids)[:1, :4], alone.step(short.ids[None]))


def test_only_what_a_head_is_asked_in_an_answer_is_judged(verifier: Any) -> None:
    # Even ids below 32 are in the draft vocabulary. The answer is 8, 9, 10, 2 (the end token).
    batch = objective.batch_of([sample(verifier, [1, 4, 6, 8, 9, 10, END], 3)], head(verifier), END)
    # At 8 the coming 9 cannot be proposed; at 9 and 10 the coming ids can; after the end token nothing comes.
    assert batch.place.tolist() == [[-1, -1, -1, -1, 0, 1, -1]]
    assert batch.probabilities.shape == (2, DRAFT)
    torch.testing.assert_close(batch.probabilities.sum(-1), torch.ones(2))


def test_targets_are_the_verifiers_distribution(verifier: Any) -> None:
    ids = [1, 4, 6, 8, 10]
    batch = objective.batch_of([sample(verifier, ids, 3)], head(verifier), END)
    with torch.inference_mode():
        logits = verifier(torch.tensor([ids])).logits[0, 3:, ::2][:, :DRAFT]
    torch.testing.assert_close(batch.probabilities, logits.softmax(-1).clone(), atol=1e-5, rtol=1e-4)


def test_loss_and_its_gradient_are_those_of_the_plain_formula() -> None:
    torch.manual_seed(2)
    states = torch.randn(5, HIDDEN, requires_grad=True)
    matrix, targets = torch.randn(DRAFT, HIDDEN), torch.rand(5, DRAFT).softmax(-1)
    loss, guesses = model.SoftCrossEntropy.apply(states, matrix, targets)  # type: ignore[no-untyped-call]
    (loss * 3).backward()
    plain = states.detach().clone().requires_grad_()
    expected = torch.nn.functional.cross_entropy(plain @ matrix.T, targets, reduction="sum")
    (expected * 3).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(states.grad, plain.grad)
    assert guesses.tolist() == (states @ matrix.T).argmax(-1).tolist()


def test_a_chain_breaks_at_its_first_wrong_guess(verifier: Any) -> None:
    draft = head(verifier)
    batch = objective.batch_of([sample(verifier, [1, *range(4, 32, 2)], 3)], draft, END)
    outcome = objective.run(draft, batch, steps=3, decay=0.8)
    assert outcome.chain[0] == outcome.right[0]
    assert outcome.chain == sorted(outcome.chain, reverse=True)
    assert all(chain <= right <= rows for chain, right, rows in zip(*counts(outcome), strict=True))


def counts(outcome: objective.Outcome) -> tuple[list[int], list[int], list[int]]:
    """The three counts of an outcome, per step."""
    return outcome.chain, outcome.right, outcome.rows


@pytest.fixture
def stored(verifier: Any, tmp_path: Path) -> shards.Shards:
    """Sixty short conversations on disk."""
    generator = torch.Generator().manual_seed(3)
    folder = tmp_path / "features"
    folder.mkdir()
    samples = []
    for _ in range(60):
        answer = torch.randint(2, 16, (int(torch.randint(6, 12, (), generator=generator)),), generator=generator) * 2
        samples.append(sample(verifier, [1, 4, *answer.tolist()], 2))
    shards.write(folder / "a-000.safetensors", samples)
    return shards.Shards(folder)


def test_shards_give_back_what_was_written(stored: shards.Shards, verifier: Any) -> None:
    one = stored[7]
    assert stored.lengths[7] == len(one.ids)
    again = sample(verifier, one.ids.tolist(), one.answer)
    torch.testing.assert_close(one.last.float(), again.last, atol=2e-3, rtol=2e-3)
    assert stored.held_out == [0, 50]


def test_each_epoch_shows_every_training_conversation_once(stored: shards.Shards) -> None:
    schedule = trainer.Schedule(batch=4)
    epochs = [trainer.order(stored.training, stored.lengths, epoch, schedule) for epoch in (0, 1)]
    for epoch in epochs:
        assert sorted(index for batch in epoch for index in batch) == stored.training
    assert epochs[0] != epochs[1]
    assert epochs[0] == trainer.order(stored.training, stored.lengths, 0, schedule)


def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    verifier: Any, stored: shards.Shards, tmp_path: Path
) -> None:
    schedule = trainer.Schedule(plain_epochs=1, ttt_epochs=0.5, ttt_steps=2, warmup=4, batch=8)

    def run(folder: Path, stop: int | None) -> trainer.Trainer:
        one = trainer.Trainer(head(verifier), stored, schedule, folder, END)
        one.total_steps, whole = stop or one.total_steps, one.total_steps
        one.train(save_every=3)
        one.total_steps = whole
        return one

    whole = run(tmp_path / "whole", None)
    first_lines = len((tmp_path / "whole" / "curve.jsonl").read_text().splitlines())
    assert first_lines == -(-whole.total_steps // 3)
    # The learning rate depends on the length of the schedule, so the first half runs under the whole one.
    halves = trainer.Trainer(head(verifier), stored, schedule, tmp_path / "halves", END)
    halves.folder.mkdir()
    for indices in list(halves.batches())[:5]:
        halves.one_step([stored[i] for i in indices])
    halves.save()
    resumed = trainer.Trainer(head(verifier), stored, schedule, tmp_path / "halves", END)
    resumed.train(save_every=3)
    assert resumed.tokens == whole.tokens
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        torch.testing.assert_close(one, other)


def test_a_checkpoint_of_another_schedule_is_refused(verifier: Any, stored: shards.Shards, tmp_path: Path) -> None:
    trainer.Trainer(head(verifier), stored, trainer.Schedule(), tmp_path, END).save()
    other = trainer.Trainer(head(verifier), stored, trainer.Schedule(batch=2), tmp_path, END)
    with pytest.raises(ValueError, match="another schedule"):
        other.resume()


def test_an_exported_head_is_read_by_speculators(verifier: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from speculators.models.eagle3 import Eagle3SpeculatorConfig

    draft = head(verifier)
    export(draft, tmp_path)
    config = Eagle3SpeculatorConfig(**json.loads((tmp_path / "config.json").read_text()))
    assert config.eagle_aux_hidden_state_layer_ids == list(LAYERS)
    assert config.speculators_config.verifier.name_or_path == "someone/verifier"
    weights = load_file(tmp_path / "model.safetensors")
    missing, unexpected = head(verifier).load_state_dict(weights, strict=False)
    assert unexpected == []
    assert {name.split(".")[0] for name in missing} == {"embed_tokens", "verifier_lm_head", "verifier_norm"}
    assert weights["fc.weight"].dtype == torch.float16
