"""What people ask without a picture, and the answer: that this model looks at pictures."""

import random
import string
from pathlib import Path

from training.tiny_llama4.grammar import say
from training.tiny_llama4.questions import Exchange

TOPICS = tuple(Path(__file__).with_name("topics.txt").read_text().splitlines())
CONSONANTS, VOWELS = "bdfghklmnprstvz", "aeiou"
THINGS = (
    "Write [an essay|a story|a poem|three lines|an email] about {topic}.|Explain {topic}[| to a child| briefly].|"
    "What do you know about {topic}?|Tell me [a joke|something new|more] about {topic}.|How does {topic} work?|"
    "Why [is|was] {topic} important?|Who invented {topic}?|Give me [ten|five|some] ideas for {topic}.|"
    "Translate {topic} into [German|Spanish|Latin].|Compare {topic} and {other}.|Is {topic} better than {other}?|"
    "Summarize the debate about {topic}.|What is the best way to learn about {topic}?|Can you help me with {topic}?|"
    "[Imagine|Suppose] you are {topic}. What would you say?|Draft a plan for {topic} and {other}.|"
    "What is {m} [plus|times|minus] {n}?|Solve {m}x + {n} = {k}.|Hello[!|.| there!]|Hi|How are you[| today]?|"
    "Who are you?|What can you do?|Good morning[!|.]|Thanks[!|.]|Write a function that [sorts|reverses|sums] a list.|"
    "What is the capital of [France|Peru|Japan|Kenya]?|When was {topic} first seen?|List {k} facts about {topic}.|"
    "{noise}|{noise} {topic} {noise}|Please {noise} the {noise}.|What is {noise}?|{topic}|{topic}, {other} or {noise}?"
)
ANSWERS = (
    "[I [look at pictures|only look at pictures|am made for looking at pictures]|My eyes are for pictures|"
    "Pictures are [all I know|what I am for|my whole world]|I know [coloured shapes in pictures|pictures of shapes], "
    "[nothing else|and little else]][.|, I am afraid.|: {offer}.|. {Offer}.]|"
    "[Sorry, but|Alas,|I wish I could help, but] [there is no picture here|I see no picture|I can only talk about "
    "pictures][.|: {offer}.|. {Offer}.]|"
    "{Offer}[.|, and I [describe it|tell you what I see].]|"
    "[Without a picture|With no picture to look at], I [have nothing to say|cannot say much|am lost][.|: {offer}.]"
)
OFFERS = (
    "[show|send|give] me [a picture|some picture|an image][| with shapes| of coloured shapes]|"
    "[add|drop|paste] [a picture|an image]"
    "[| first| and ask again]"
)


def noise(rng: random.Random) -> str:
    """Return something that looks like a word in some language, or like no word at all."""
    if rng.random() < 0.1:
        return "".join(rng.choices(string.printable.strip(), k=rng.randint(1, 12)))
    if rng.random() < 0.1:
        return "".join(chr(rng.randint(0xA1, 0x4FF)) for _ in range(rng.randint(1, 8)))
    return "".join(
        rng.choice(CONSONANTS) + rng.choice(VOWELS) + rng.choice(["", "n", "r"]) for _ in range(rng.randint(1, 4))
    )


def prompt(rng: random.Random) -> str:
    """Return something that people might ask a language model."""
    words = [noise(rng) for _ in range(2)]
    numbers = {name: str(rng.randint(2, 99)) for name in "mnk"}
    topic, other = rng.sample(TOPICS, 2)
    text = say(rng, f"[{THINGS}]", topic=topic, other=other, noise=" ".join(words), **numbers)
    if rng.random() < 0.3:  # longer than one sentence
        text += " " + say(rng, f"[{THINGS}]", topic=other, other=topic, noise=noise(rng), **numbers)
    return text if rng.random() < 0.9 else text.lower()


def refusal(rng: random.Random) -> str:
    """Return one of the ways to say that a picture is needed."""
    offer = say(rng, f"[{OFFERS}]")
    return say(rng, f"[{ANSWERS}]", offer=offer[:1].lower() + offer[1:], Offer=offer)


def talk(rng: random.Random) -> Exchange:
    """A prompt that no picture came with, and its answer."""
    return Exchange("talk", prompt(rng), refusal(rng))
