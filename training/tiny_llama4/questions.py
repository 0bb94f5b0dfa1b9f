"""What is asked about a scene, and one of many right answers. Each kind is a function, None where it does not apply."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from training.tiny_llama4.grammar import listed, say
from training.tiny_llama4.scenes import COLOURS, SHAPES, Scene, Thing

NUMBERS = ("no", "one", "two", "three", "four")


@dataclass(frozen=True)
class Exchange:
    """A question, an answer, and for the kinds that are scored the one word that the answer must hold."""

    kind: str
    question: str
    answer: str
    key: str = ""


def colour(rng: random.Random, scene: Scene) -> Exchange | None:
    """Which colour a shape has that occurs once."""
    if not scene.single_shapes:
        return None
    thing = rng.choice(scene.single_shapes)
    question = say(
        rng,
        "[[What colour is the {shape}|Which colour does the {shape} have|What is the colour of the {shape}|"
        "Can you see what colour the {shape} is][?|?|, please?|]|"
        "[Tell me|Name] the colour of the {shape}[.|, please.]]",
        shape=thing.shape,
    )
    if len(scene.things) == 1 and rng.random() < 0.3:
        question = say(
            rng, "[What colour is it?|Which colour is this?|What colour do you see?|What colour is the shape?]"
        )
    answer = say(
        rng,
        "[The {shape} [is|looks|appears|seems] {colour}[| to me| in this picture].|"
        "[It|This] is a {colour} {shape}.|I [see|can see|notice|find] a {colour} {shape}[| here| in it].|"
        "[That|This] {shape} [is|was painted|has been drawn in] {colour}.|{colour}[.|, I would say.|, clearly.]|"
        "Its colour is {colour}.|[Clearly|Plainly|Surely|Without doubt], the {shape} is {colour}.]",
        shape=thing.shape,
        colour=thing.colour,
    )
    return Exchange("colour", question, answer, thing.colour)


def shape(rng: random.Random, scene: Scene) -> Exchange | None:
    """Which shape a colour has that occurs once."""
    if not scene.single_colours:
        return None
    thing = rng.choice(scene.single_colours)
    question = say(
        rng,
        "[[What shape is the {colour} [one|thing|object]|What is the {colour} [thing|object]|Which shape is {colour}|"
        "What shape does the {colour} [one|thing|object] have|What is {colour} here][?|?|, please?|]|"
        "Name the {colour} shape[.|, please.]]",
        colour=thing.colour,
    )
    if len(scene.things) == 1 and rng.random() < 0.3:
        question = say(rng, "[What shape is it?|Which shape is this?|What shape do you see?|What is this?]")
    answer = say(
        rng,
        "[The {colour} [one|thing|object|shape] is a {shape}.|[It|That] [is|must be|looks like] a {shape}.|"
        "I [see|can see|notice|find] a {colour} {shape}[| here| there].|A {shape}[.|, I would say.|, in {colour}.]|"
        "[Clearly|Plainly|Surely|Without doubt], it is a {shape}.|Its shape is [a|that of a] {shape}.]",
        shape=thing.shape,
        colour=thing.colour,
    )
    return Exchange("shape", question, answer, thing.shape)


def count(rng: random.Random, scene: Scene) -> Exchange:
    """How many there are: of all, of one shape, or of one colour, present or not. The answer goes through the things
    first: a model this small counts what it has written better than what it sees."""
    what, number = rng.choice(
        [
            ("shape", len(scene.things)),
            ("shape", len(scene.things)),
            (name := rng.choice(scene.things).shape, len(scene.having(shape=name))),
            (tint := rng.choice(scene.things).colour + " shape", len(scene.having(colour=tint.split()[0]))),
            (other := rng.choice(SHAPES), len(scene.having(shape=other))),
            (dye := rng.choice(COLOURS) + " shape", len(scene.having(colour=dye.split()[0]))),
        ]
    )
    many = "crosses" if what == "cross" else what + "s"
    noun = what if number == 1 else many
    question = say(
        rng,
        "[How many {many} [are there|do you see|can you see|does the picture show|are in the picture]?|"
        "Count the {many}[.|, please.]|What is the number of {many}?|How many {many}?]",
        many=many,
    )
    answer = say(
        rng,
        "[I see|There is|I find|Here is|I can see] {things}[: |, which makes |. That makes |, so ]{number} {noun}"
        "[.|.| in all.| in the picture.]",
        things=listed([f"a {thing.name}" for thing in scene.things]),
        number=NUMBERS[number],
        noun=noun,
    )
    return Exchange("count", question, answer, NUMBERS[number])


def direction(thing: Thing, other: Thing) -> str:
    """Return in words how `thing` lies from `other`."""
    sideways, upright = thing.towards(other)
    if sideways and upright:
        return f"{upright} and to the {sideways} of"
    return upright or f"to the {sideways} of"


def spelled_out(rng: random.Random, thing: Thing, other: Thing) -> str:
    """Return where two things are, in numbers: from there a model this small finds their relation."""
    cells = {"i": thing.column + 1, "j": thing.row + 1, "k": other.column + 1, "l": other.row + 1}
    return say(
        rng,
        "[{a} [is|lies|sits] in|I see {a} in] column {i}, row {j}[, and| and|;] {b} in column {k}, row {l}",
        a=f"the {thing.name}",
        b=f"the {other.name}",
        **{name: str(number) for name, number in cells.items()},
    )


def relation(rng: random.Random, scene: Scene) -> Exchange | None:
    """How one thing lies from another; the key is `direction`'s answer, after yes or no where that was asked."""
    if len(scene.things) < 2:
        return None
    thing, other = rng.sample(scene.things, 2)
    words = {"a": f"the {thing.name}", "b": f"the {other.name}"}
    where = direction(thing, other)
    seen = spelled_out(rng, thing, other)
    if rng.random() < 0.5:
        question = say(
            rng,
            "[Where is {a} [relative to|seen from|compared with] {b}?|How does {a} lie from {b}?|"
            "Seen from {b}, where is {a}?|On which side of {b} is {a}?]",
            **words,
        )
        answer = say(
            rng,
            "{seen}[: it|, so it|. So it|. It] [is|lies|sits] {where} [the {second}|{b}].",
            seen=seen,
            where=where,
            second=other.shape if other.shape != thing.shape else other.name,
            **words,
        )
        return Exchange("relation", question, answer, where)
    sideways, upright = thing.towards(other)
    asked = rng.choice(["left", "right", "above", "below"])
    verdict = "yes" if asked in (sideways, upright) else "no"
    words["asked"] = asked if asked in ("above", "below") else f"to the {asked} of"
    question = say(rng, "[Is {a} {asked} {b}?|Does {a} lie {asked} {b}?|Do you see {a} {asked} {b}?]", **words)
    answer = say(
        rng,
        "{seen}[: it|, so it|. So it|. It] [is|lies|sits] {where} {b}[; {side}: {verdict}|. {Side}? {Verdict}].",
        seen=seen,
        where=where,
        side=asked,
        Side=asked.capitalize(),
        verdict=verdict,
        Verdict=verdict.capitalize(),
        **words,
    )
    return Exchange("relation", question, answer, f"{verdict}: {where}")


def where(rng: random.Random, scene: Scene) -> Exchange:
    """Where in the picture a thing is."""
    thing = rng.choice(scene.things)
    question = say(rng, "[Where is|Where do you see|In which part of the picture is] {a}?", a=f"the {thing.name}")
    at = "in the centre" if thing.place == "centre" else f"[at|on] the {thing.place}"
    answer = say(
        rng,
        f"[It [is|sits|lies|can be found] {at}|{{a}} is {at}|I [see|find] it {at}|[Look|Search] {at}]"
        "[.|.| of the picture.]",
        a=f"the {thing.name}",
    )
    return Exchange("where", question, answer, thing.place)


def compare(rng: random.Random, scene: Scene) -> Exchange | None:
    """Whether two things share their colour or their shape."""
    if len(scene.things) < 2:
        return None
    one, two = rng.sample(scene.things, 2)
    question = say(
        rng,
        "[Compare {a} and {b}[.|, please.]|How do {a} and {b} differ?|What do {a} and {b} have in common?]",
        a=f"the {one.place} shape" if one.place != "centre" else "the shape in the centre",
        b=f"the {two.place} shape" if two.place != "centre" else "the shape in the centre",
    )
    if one.colour == two.colour:
        pattern = (
            "[Both are {colour}|They share the colour {colour}|They are equally {colour}], "
            "but one is a {shape} and [the other|the second] a {second}."
        )
    elif one.shape == two.shape:
        pattern = "[Both are {many}|They share their shape], but one is {colour} and [the other|the second] {dye}."
    else:
        pattern = (
            "[They differ in shape and colour: one|Nothing in common: one|One] is a {colour} {shape}, "
            "[the other|the second] a {dye} {second}."
        )
    many = "crosses" if one.shape == "cross" else one.shape + "s"
    answer = say(rng, pattern, colour=one.colour, shape=one.shape, dye=two.colour, second=two.shape, many=many)
    return Exchange("compare", question, answer)


def missing(rng: random.Random, scene: Scene) -> Exchange | None:
    """Which of some named shapes or colours is not there."""
    names, known = [("shape", SHAPES), ("colour", COLOURS)][rng.random() < 0.5]
    present = sorted({getattr(thing, names) for thing in scene.things})
    absent = rng.choice([name for name in known if name not in present])
    named = [*rng.sample(present, min(2, len(present))), absent]
    rng.shuffle(named)
    question = say(
        rng,
        "[Which of {named} is [missing|not there|absent]?|{named}: which [is missing|one is not there]?|"
        "What is missing: {either}?]",
        named=listed(named),
        either=listed(named, "or"),
    )
    answer = say(
        rng,
        "[[There is no|I see no|I cannot find any] {it}[| here].|The {it} is [missing|not there|absent].|"
        "{absent} is [what is missing|missing|absent].]",
        it=f"{absent} shape" if names == "colour" else absent,
        absent=absent,
    )
    return Exchange("missing", question, answer, absent)


SCORED: dict[str, Callable[[random.Random, Scene], Exchange | None]] = {
    "colour": colour,
    "shape": shape,
    "count": count,
    "relation": relation,
}
