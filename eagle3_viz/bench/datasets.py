"""The prompts of a benchmark: from whatever lines a dataset has to questions, and what is wrong with the other lines.

Read as prompts: lines with `turns` (MT-Bench), with `conversations` of `from` and `value` or `messages` of `role` and
`content` (ShareGPT and its kin), with `prompt` (one, or several turns) and perhaps `image`; as JSON lines, or as one
JSON array.
"""

import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz.analysis.results import Unmeasured
from eagle3_viz.bench.pictures import image_of, pictures_in
from eagle3_viz.config import MAX_PROMPT_CHARACTERS
from eagle3_viz.errors import InputError
from eagle3_viz.input_files import parse, read_file

QUESTION = "Describe this image in detail, please."
MAX_PROBLEMS = 1000  # lines of a file that somebody sent that cannot be used, before the rest is left unread
USERS = ("human", "user")
# Where it stands, what stands there, and where its images are looked for.
Found = tuple[str, str | dict[str, Any], Path | None]


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A question, perhaps with further ones behind its answer; `images` (files, or their content) go with the first."""

    prompt_id: str
    turns: tuple[str, ...]
    category: str | None = None
    images: tuple[Path | bytes, ...] = ()


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """What was read."""

    name: str
    prompts: list[Prompt]
    problems: list[Unmeasured]


def read(name: str | None, images: Path | None = None, question: str = QUESTION, limit: int | None = None) -> Dataset:
    """The prompts of a file or a Hugging Face dataset, and one for each image of a folder.

    Raises:
        InputError: there is nothing of that name, it cannot be read, or there is no prompt in it.
    """
    found = chain(records(name) if name else (), pictures_in(images) if images else ())
    return gather(found, " and ".join(str(part) for part in (name, images) if part), question, limit)


def read_sent(data: bytes, name: str, limit: int | None = None) -> Dataset:
    """The prompts of a file that somebody sent, without whatever images its lines name.

    Raises:
        InputError: there is no prompt in it.
    """
    found = ((place, record, None) for place, record, _ in text_records(data.decode("utf-8", "replace"), Path(name)))
    return gather(found, name, QUESTION, limit, MAX_PROBLEMS)


def gather(
    found: Iterable[Found], name: str, question: str, limit: int | None, most_problems: int | None = None
) -> Dataset:
    """The prompts among what was found, and what is wrong with the rest.

    Raises:
        InputError: there is no prompt.
    """
    prompts: list[Prompt] = []
    problems: list[Unmeasured] = []
    taken: set[str] = set()
    for place, record, folder in found:
        if limit is not None and len(prompts) >= limit:
            break
        try:
            prompts.append(prompt_of(parsed(record, place), folder, question, taken))
            taken.add(prompts[-1].prompt_id)
        except InputError as error:
            problems.append(Unmeasured(place=place, problem=str(error).removeprefix(f"{place}: ")))
            if len(problems) == most_problems:
                problems.append(Unmeasured(place=name, problem=f"what comes after {place} was not read"))
                break
    if not prompts:
        told = f": {problems[0].place}: {problems[0].problem}" if problems else ""
        raise InputError(f"{name} holds no prompt that can be measured{told}")
    return Dataset(name=name, prompts=prompts, problems=problems)


def records(name: str) -> Iterable[Found]:
    """The records of a file, or of a dataset on the Hugging Face hub.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = Path(name).expanduser()
    if not path.exists() and not path.suffix and name.count("/") == 1:
        from eagle3_viz.bench.hub import hub_records

        return hub_records(name)
    return list(text_records(read_file(path).decode("utf-8", "replace"), path))


def text_records(text: str, path: Path) -> Iterator[Found]:
    """The records of a file with this text: the elements of a JSON array, or its lines."""
    if text.lstrip().startswith("["):
        try:
            elements = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} begins like a JSON array and is none: {error}") from error
        for number, element in enumerate(elements, start=1):
            yield f"{path.name}, element {number}", json.dumps(element), path.parent
        return
    for number, line in enumerate(io.StringIO(text), start=1):  # splitlines would also break what JSON does not
        yield f"{path.name}, line {number}", line, path.parent


def parsed(record: str | dict[str, Any], place: str) -> dict[str, Any]:
    """The record that stands there.

    Raises:
        InputError: it is no JSON object.
    """
    if not isinstance(record, str):
        return record
    if not record.strip():
        raise InputError("the line is empty")
    return parse(record, place)


def prompt_of(record: dict[str, Any], folder: Path | None, question: str, taken: set[str]) -> Prompt:
    """The prompt of a record.

    Raises:
        InputError: there is none in it, or it cannot be used.
    """
    turns = turns_of(record, question)
    if not turns or not all(turn.strip() for turn in turns):
        raise InputError("the prompt is empty")
    if (length := max(map(len, turns))) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the prompt has {length:,} characters: at most {MAX_PROMPT_CHARACTERS:,} are read")
    named = record.get("question_id", record.get("prompt_id", record.get("id")))
    category = record.get("category")
    return Prompt(
        prompt_id=unused(str(len(taken) if named is None else named), taken),
        turns=tuple(turns),
        category=category if isinstance(category, str) else None,
        images=image_of(record, folder),
    )


def unused(name: str, taken: set[str]) -> str:
    """The name, or one like it that is not taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def turns_of(record: dict[str, Any], question: str) -> list[str]:
    """What the user says in a record, in order.

    Raises:
        InputError: it says nothing that is known here.
    """
    spoken = record.get("conversations") or record.get("messages")
    if isinstance(spoken, list):
        said = [message for message in spoken if isinstance(message, dict)]
        found: Any = [said_by_user for message in said if (said_by_user := user_text(message)) is not None]
    elif "turns" in record:
        found = record["turns"]
    elif "prompt" in record:
        found = record["prompt"] if isinstance(record["prompt"], list) else [record["prompt"]]
    elif "image" in record:
        found = [question]
    else:
        raise InputError("there is no `prompt`, no `turns`, no `conversations` and no `messages`")
    if not isinstance(found, list) or not all(isinstance(turn, str) for turn in found):
        raise InputError("what the user says is no text")
    return found


def user_text(message: dict[str, Any]) -> str | None:
    """What a message of the user says; None of anybody else's."""
    if message.get("from", message.get("role")) not in USERS:
        return None
    text = message.get("value", message.get("content"))
    return text if isinstance(text, str) else None
