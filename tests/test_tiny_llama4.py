"""The recipe of tiny-llama4: pictures show what answers say, and its parts compute what the library computes."""

import random
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from training.tiny_llama4 import conversations, drawing, encoding, foreign, pictures, reading, scenes, settings, talk
from training.tiny_llama4.questions import SCORED, Exchange
from training.tiny_llama4.scenes import COLOURS, SHAPES

SEEDS = range(40)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The tokenizer that ships."""
    return Tokenizer.from_file(str(settings.START / "tokenizer.json"))


@pytest.fixture(scope="module")
def processor() -> Any:
    """The processor that ships."""
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(settings.START)


@pytest.mark.parametrize("kind", SCORED)
def test_the_recipes_own_answers_are_read_as_right(kind: str) -> None:
    rng = random.Random(kind)
    asked = 0
    while asked < 300:
        try:
            exchange = conversations.ask(rng, scenes.scene(rng), kind)
        except ValueError:
            continue
        assert reading.is_right(exchange, exchange.answer), exchange
        asked += 1


@pytest.mark.parametrize(
    ("kind", "key", "answer", "right"),
    [
        ("colour", "red", "The star is red.", True),
        ("colour", "red", "Red or blue, I would say.", False),
        ("colour", "red", "It is a star.", False),
        ("shape", "cross", "I see two crosses.", True),
        ("shape", "cross", "A star.", False),
        ("count", "three", "There are three shapes.", True),
        ("count", "no", "There is one star.", False),
        ("relation", "above and to the left of", "It lies above and to the left of the star.", True),
        ("relation", "above and to the left of", "It is above the star.", False),
        ("relation", "no: below", "No, it is below the star.", True),
        ("relation", "no: below", "No, it is above the star.", False),
        ("relation", "yes: below", "No, it is not.", False),
    ],
)
def test_answers_are_read(kind: str, key: str, answer: str, right: bool) -> None:
    assert reading.is_right(Exchange(kind, "", "", key), answer) is right


def test_the_same_seed_gives_the_same_picture_and_another_another() -> None:
    one, again, other = (pictures.drawn(random.Random(seed)) for seed in (1, 1, 2))
    assert one.scene == again.scene
    assert np.array_equal(one.frame, again.frame)
    assert one.scene != other.scene


@pytest.mark.parametrize("seed", SEEDS)
def test_things_keep_apart_and_inside(seed: int) -> None:
    scene = scenes.scene(random.Random(seed))
    wide, high = max(1.0, scene.aspect), max(1.0, 1 / scene.aspect)
    centres = [((t.column + 0.5 + t.dx) / 3 * wide, (t.row + 0.5 + t.dy) / 3 * high) for t in scene.things]
    for thing, (x, y) in zip(scene.things, centres, strict=True):
        assert thing.radius * 0.9 < min(x, wide - x)
        assert thing.radius * 0.9 < min(y, high - y)
    for (one, a), (two, b) in combinations(zip(scene.things, centres, strict=True), 2):
        assert max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= one.radius + two.radius - 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plan_shows_the_shapes_of_the_scene(seed: int) -> None:
    rng = random.Random(seed)
    scene = scenes.scene(rng)
    picture, plan = drawing.draw(rng, scene)
    assert picture.size == plan.size
    assert {SHAPES[value - 1] for value in np.unique(np.asarray(plan)) if value} == {t.shape for t in scene.things}
    found = pictures.Picture(scene, pictures.framed(picture), pictures.grid_of(scene), pictures.points_of(plan))
    shapes, colours, columns, rows = found.grid[:, found.grid[0] != pictures.NOTHING]
    told = {(SHAPES[s], COLOURS[c], x, y) for s, c, x, y in zip(shapes, colours, columns, rows, strict=True)}
    assert told <= {(t.shape, t.colour, t.column, t.row) for t in scene.things}


def test_pictures_are_framed_as_the_image_processor_does(processor: Any) -> None:
    import torch

    rng = random.Random(3)
    images = [drawing.draw(rng, scenes.scene(rng))[0] for _ in range(6)]
    for image in images + [picture.image for picture in foreign.pictures()]:
        theirs = processor.image_processor([image], return_tensors="pt")["pixel_values"].float()
        ours = pictures.pixel_values(torch.from_numpy(pictures.framed(image))[None])
        assert ours.shape == theirs.shape
        assert float((ours - theirs).abs().max()) * 127.5 < 2.01  # levels of 255, one of them for bfloat16


@given(st.text())
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


@pytest.mark.parametrize("seed", SEEDS)
def test_prompts_are_encoded_as_the_processor_does(processor: Any, tokenizer: Tokenizer, seed: int) -> None:
    rng = random.Random(seed)
    picture = pictures.drawn(rng)
    question = conversations.ask(rng, picture.scene).question
    text = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}],
        add_generation_prompt=True,
    )
    image = foreign.blank(30, 40)
    theirs = processor(images=[image], text=text, add_special_tokens=False)["input_ids"][0]
    ours = tokenizer.encode(encoding.prompt_of(question, with_image=True), add_special_tokens=False).ids
    assert [settings.BEGIN, *ours] == list(theirs)


def test_what_is_learnt_is_the_answers_and_their_ends(tokenizer: Tokenizer) -> None:
    rng = random.Random(0)
    conversation = conversations.about(rng, scenes.scene(rng), turns=3)
    encoded = encoding.encode(tokenizer, conversation, rng)
    ids, labels = encoding.collate([encoded, encoding.encode(tokenizer, conversations.without(rng), rng)])
    learnt = tokenizer.decode(labels[0][labels[0] >= 0].tolist(), skip_special_tokens=False)
    assert learnt == "".join(f"{exchange.answer}<|eot|>" for exchange in conversation.exchanges)
    assert (ids[0] == settings.PATCH).sum() == settings.GRID**2
    assert not (ids[1] == settings.PATCH).any()


def test_talk_without_a_picture_asks_for_one() -> None:
    rng = random.Random(0)
    answers = [talk.talk(rng).answer.lower() for _ in range(200)]
    assert all("picture" in answer or "image" in answer for answer in answers)
    assert len(set(answers)) > 60


def test_the_quick_forward_pass_is_the_librarys() -> None:
    import torch

    from training.tiny_llama4 import architecture, quick

    torch.manual_seed(0)
    model = architecture.build().eval()
    ids = torch.randint(12, settings.VOCAB_SIZE, (2, 40))
    ids[:, 5 : 5 + settings.GRID**2] = settings.PATCH
    values = torch.randn(2, 3, settings.IMAGE_SIZE, settings.IMAGE_SIZE)
    with torch.inference_mode():
        theirs = model(input_ids=ids, pixel_values=values).logits
        quick.quicken(model)
        ours = model(input_ids=ids, pixel_values=values).logits
    assert torch.allclose(ours, theirs, atol=1e-5)
