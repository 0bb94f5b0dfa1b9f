"""Longer answers about a scene: a description, a caption with a tone, a table."""

import random
from itertools import pairwise

from training.tiny_llama4.grammar import listed, say
from training.tiny_llama4.questions import NUMBERS, Exchange, direction
from training.tiny_llama4.scenes import Scene, Thing


def placed(rng: random.Random, thing: Thing) -> str:
    """Return a thing with its place, as a part of a sentence."""
    at = "in the centre" if thing.place == "centre" else f"[at|on] the {thing.place}"
    return say(rng, f"[a {{name}} {at}|{at} a {{name}}]", name=thing.name).lower()


def describe(rng: random.Random, scene: Scene) -> Exchange:
    """Everything that is there, in reading order."""
    question = say(
        rng,
        "[Describe [the picture|this image|what you see][.|, please.]|What do you see[| here| in this picture]?|"
        "What is in [the|this] [picture|image]?|Tell me [about this picture|what is here].|What does the image show?]",
    )
    opening = say(rng, "[I see|There is|The picture shows|You can see|Here is|This image has|Someone drew|I notice]")
    parts = [placed(rng, thing) for thing in scene.things]
    ending = say(
        rng,
        "[.|.|. Nothing else is there.|. That is all.|. {count} in all.]",
        count=NUMBERS[len(scene.things)].capitalize() + (" shape" if len(scene.things) == 1 else " shapes"),
    )
    return Exchange("describe", question, f"{opening} {listed(parts)}{ending}")


def detail(rng: random.Random, scene: Scene) -> Exchange:
    """A sentence for each thing, the later ones seen from the one before, and a look back."""
    question = say(
        rng,
        "[Describe [the picture|this image|everything] in detail[.|, please.]|Tell me everything about it.|"
        "[Write|Give me] a [long|detailed] description[.|, please.|]|Explain it to someone who cannot see it.]",
    )
    first = scene.things[0]
    sentences = [say(rng, "[First[|,]|To begin with,|Let me start:] {it}.", it=placed(rng, first))]
    for before, thing in pairwise(scene.things):
        sentences.append(
            say(
                rng,
                "[Then|Next|After that|Further on], [there is|I see|comes|I find] a {name}, [which lies|lying|placed] "
                "{where} the {last}.",
                name=thing.name,
                where=direction(thing, before),
                last=before.name,
            )
        )
    ending = (
        "[That makes|In all, I count|Altogether, I see] {many}.|[The {one} catches the eye.|I like the {one} best.]"
    )
    many = NUMBERS[len(scene.things)] + (" shape" if len(scene.things) == 1 else " shapes")
    sentences.append(say(rng, f"[{ending}]", many=many, one=rng.choice(scene.things).name))
    return Exchange("detail", question, " ".join(sentences))


CAPTIONS = {
    "cheerful": "[Hooray|What fun|Oh joy|How lovely]: [{things}, all smiles|{things} at play|a happy day for {things}|"
    "{things} dance for you|good morning, {things}][!|!!]",
    "gloomy": "[Alas|Another grey day|So it ends|Nobody came]: [{things}, alone|{things} wait in silence|"
    "only {things} remain|even {things} cannot help]...",
    "formal": "[The present work depicts|This composition shows|We hereby present|The viewer is shown] {things}"
    "[.| in due order.| on a plain ground.| with restraint.]",
    "poetic": "[O|Softly,|Like dreams,|Under quiet light,] {things}, [drifting|glowing|singing|asleep]"
    "[| like the moon| in the dusk| where no wind goes| while time stands still].",
}


def caption(rng: random.Random, scene: Scene) -> Exchange:
    """One line about the picture, in the tone that was asked for."""
    tone = rng.choice(list(CAPTIONS))
    question = say(
        rng,
        "[Write|Give me|Make|I need|Find] a {tone} caption[| for this [picture|image]][.|, please.|]",
        tone=tone,
    )
    things = listed([say(rng, "a {name}", name=thing.name).lower() for thing in scene.things])
    return Exchange("caption", question, say(rng, CAPTIONS[tone], things=things))


def table(rng: random.Random, scene: Scene) -> Exchange:
    """A Markdown table with a row for each thing."""
    question = say(
        rng,
        "[Make|Write|Give me|Show me] a [small |]table[| of the shapes| of what you see| of this picture][.|, please.]",
    )
    head = say(rng, "[shape|form]") + " | " + say(rng, "[colour|paint]") + " | " + say(rng, "[place|where]")
    rows = [f"| {thing.shape} | {thing.colour} | {thing.place} |" for thing in scene.things]
    opening = say(rng, "[|Here it is:\n\n|As a table:\n\n|Gladly:\n\n]")
    return Exchange("table", question, opening + "\n".join([f"| {head} |", "|---|---|---|", *rows]))
