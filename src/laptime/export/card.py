"""The card of an export: base, licence, language, data, figures of the run, and how it is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from laptime.export.subject import Subject
from laptime.models.card import (
    adapter_front,
    adapter_loading,
    card_name,
    fence,
    find_hub_id,
    model_loading,
    name_model,
    read_front,
    write_front,
)
from laptime.models.folder import ADAPTER_CONFIG
from laptime.models.source import looks_like_path
from laptime.report import quantities
from laptime.report.language import Language
from laptime.spec import BUILTIN
from laptime.util.hub import check_reachable

OURS = "apache-2.0"  # the licence of the toy
UNKNOWN = 0.1  # of the tokens, above which texts say nothing of their language
READ = 50  # examples whose letters tell the language
# Words that stand in nearly every English sentence.
ENGLISH = {"the", "and", "of", "to", "is", "a", "in", "that", "it", "for", "was", "are", "how", "what"}


class Given(Struct, kw_only=True):
    """What the user says of the base in the place of what can be found: its id on the hub, its licence."""

    base: str = ""
    license: str = ""


class Base(Struct, kw_only=True):
    """The base: `hub_id` and `license` are "" where they are not known; `name` is what the user called it."""

    hub_id: str
    name: str
    license: str
    license_name: str = ""
    license_link: str = ""


def find_base_facts(subject: Subject, given: Given) -> Base:
    """Return what is known of the base: from the user, from its folder, from its page on the hub."""
    spec = subject.source.model
    hub_id = given.base or find_hub_id(spec.model, subject.base_folder)
    front = read_front(subject.base_folder / card_name()) or (read_hub_front(hub_id) if hub_id else {})
    if given.license:
        front = {"license": given.license}
    if spec.model == BUILTIN:
        front = {"license": OURS}
    texts = {key: str(front.get(key) or "") for key in ("license", "license_name", "license_link")}
    return Base(hub_id=hub_id, name=hub_id or name_model(spec.model), **texts)


def read_hub_front(hub_id: str) -> dict[str, Any]:
    """Return what stands above the text of a base's card on the hub, {} where it cannot be had."""
    import huggingface_hub as hub

    with suppress(Exception):  # a card is no reason to end: what is not known is left out, and said
        try:
            check_reachable()
            file = hub.hf_hub_download(hub_id, card_name())
        except ConnectionError:
            file = hub.hf_hub_download(hub_id, card_name(), local_files_only=True)
        return read_front(Path(file))
    return {}


def write_card(
    subject: Subject, base: Base, folder: Path, language: Language, lines: Sequence[str], whole: bool
) -> None:
    """Write the card of what lies in `folder`; `lines` say how it was made; `whole`: no adapter."""
    title = f"{folder_title(subject)}"
    text = [
        write_front(make_front(subject, base, title, whole)),
        f"# {title}",
        "",
        tell_what(subject, base, language, whole),
        "",
        *write_figures(subject, base, language),
        "",
        f"## {language.say('card.prompt')}",
        "",
        *write_prompt(subject, language),
        "",
        f"## {language.say('card.loading')}",
        "",
        *write_loading(subject, base, folder, language, whole),
        "",
        f"## {language.say('card.made')}",
        "",
        *[f"- {line}" for line in lines],
    ]
    (folder / card_name()).write_text("\n".join(text) + "\n", encoding="utf-8")


def folder_title(subject: Subject) -> str:
    """Return the name of the result: the base's and the method's."""
    name = Path(subject.source.model.model).name
    return f"{'laptime-toy' if subject.source.model.model == BUILTIN else name}-{subject.source.method.name}"


def make_front(subject: Subject, base: Base, title: str, whole: bool) -> dict[str, Any]:
    """Return what the hub reads: links, licence, languages, data sets, results."""
    front: dict[str, Any] = {
        "base_model": base.hub_id,
        "base_model_relation": "finetune" if base.hub_id else "",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["laptime", subject.method.name],
    }
    if not whole:
        kind = json.loads((subject.source.saved / ADAPTER_CONFIG).read_bytes())["peft_type"]
        front = adapter_front(base.hub_id, kind)
    facts = {"license": base.license, "license_name": base.license_name, "license_link": base.license_link}
    data = subject.source.record.data
    return {
        **facts,
        "language": guess_languages(read_texts(subject)),
        **front,
        "datasets": [data.name] if data and is_hub_name(data.name) else [],
        "model-index": make_index(subject, title),
    }


def make_index(subject: Subject, title: str) -> list[dict[str, Any]]:
    """Return the results as the hub reads them; none without a held-out set."""
    after = [one for one in subject.source.record.evaluations if one.when == "after"]
    data = subject.source.record.data
    if not after or not data:
        return []
    metrics: list[dict[str, Any]] = [
        {"type": "loss", "name": "held-out loss", "value": round(after[-1].loss, 4)}
    ]
    if score := subject.source.method.generalisation:
        metrics.append({"type": "chrf", "name": "chrF of held-out answers", "value": round(score.chrf, 1)})
    name = "built-in examples" if data.name == BUILTIN else Path(data.name).name
    return [
        {
            "name": title,
            "results": [
                {
                    "task": {"type": "text-generation"},
                    "dataset": {"name": f"held-out examples of {name}", "type": name},
                    "metrics": metrics,
                }
            ],
        }
    ]


def is_hub_name(name: str) -> bool:
    """Tell whether the data are a data set of the hub."""
    return (
        bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)) and not looks_like_path(name) and not Path(name).exists()
    )


def read_texts(subject: Subject) -> list[str]:
    """Return the texts of some examples; none where the tokenizer knows too little of them to tell."""
    examples = list(subject.encoded.examples[:READ])
    tokens = [token for one in examples for token in one.token_ids]
    if tokens.count(subject.tokenizer.unk_token_id) > UNKNOWN * len(tokens):
        return []
    return [subject.tokenizer.decode(one.token_ids, skip_special_tokens=True) for one in examples]


def guess_languages(texts: Sequence[str]) -> list[str]:
    """Return the codes of the languages that letters and words show: Korean, Japanese, English, else none."""
    joined = " ".join(texts)
    letters = [letter for letter in joined if letter.isalpha()]
    if not letters:
        return []
    share = {
        "ko": sum("가" <= letter <= "힣" for letter in letters) / len(letters),
        "ja": sum("ぁ" <= letter <= "ヿ" for letter in letters) / len(letters),
    }
    words = re.findall(r"[a-z]+", joined.lower())
    english = sum(word in ENGLISH for word in words) / max(1, len(words))
    found = [code for code, part in share.items() if part > 0.2]
    mostly_latin = sum(letter.isascii() for letter in letters) > 0.3 * len(letters)
    return [*found, *(["en"] if mostly_latin and english > 0.1 else [])]


def tell_what(subject: Subject, base: Base, language: Language, whole: bool) -> str:
    """Return the first sentence."""
    shown = f"[{base.hub_id}](https://huggingface.co/{base.hub_id})" if base.hub_id else base.name
    method = language.method(subject.method.name)
    return language.say("card.what.model" if whole else "card.what.adapter", base=shown, method=method)


def write_figures(subject: Subject, base: Base, language: Language) -> list[str]:
    """Return the table of figures, from the record of the run alone."""
    record, row = subject.source.record, subject.source.method
    data, model = record.data, record.model
    before = {one.when: one.loss for one in record.evaluations}
    licence = base.license_name or base.license
    rows: list[tuple[str, object]] = [
        ("base", base.name),
        ("license", licence or language.say("card.unknown")),
        ("method", describe_method(subject)),
        ("data", describe_data(data.name, language) if data else None),
        ("examples", data and f"{data.num_records:,} ({data.num_trained_tokens:,} / {data.num_tokens:,})"),
        ("steps", len(record.steps) or None),
        ("rate", model and quantities.learning_rate(model.learning_rate)),
        ("precision", model and model.compute_dtype),
        ("training", row.train_seconds and language.seconds(row.train_seconds)),
        ("machine", describe_machine(record.machine.facts if record.machine else {})),
        ("loss", quantities.loss(row.final_train_loss) if row.final_train_loss is not None else None),
        ("held_out.before", quantities.loss(before["before"]) if "before" in before else None),
        ("held_out", quantities.loss(before["after"]) if "after" in before else None),
        ("chrf", row.generalisation and quantities.score(row.generalisation.chrf)),
    ]
    table = [f"| {language.say(f'card.{key}')} | {cell(value)} |" for key, value in rows if value]
    return ["| | |", "|---|---|", *table]


def describe_data(name: str, language: Language) -> str:
    """Return what the data are called: no path of this machine."""
    if name == BUILTIN:
        return language.say("subline.data")
    return name if is_hub_name(name) else Path(name).name


def describe_method(subject: Subject) -> str:
    """Return the method with its options."""
    options = {key: value for key, value in subject.source.method.method_options.items() if value is not None}
    shown = ", ".join(f"{key} {join(value)}" for key, value in options.items())
    return f"{subject.method.name}{f' ({shown})' if shown else ''}"


def join(value: object) -> str:
    """Return the value of an option on one line."""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def describe_machine(facts: dict[str, Any]) -> str:
    """Return what it was trained on."""
    return str(facts.get("gpu") or facts.get("cpu") or "")


def cell(value: object) -> str:
    """Return a text as a table's cell holds it."""
    return " ".join(str(value).split()).replace("|", "\\|")


def write_prompt(subject: Subject, language: Language) -> list[str]:
    """Return the prompt of a question as the training wrote it, with what ends an answer."""
    prompt = subject.tokenizer.decode(subject.encode_question("QUESTION", subject.template))
    stops = subject.tokenizer.convert_ids_to_tokens(subject.encoded.stop_ids)
    ends = language.say("card.ends", stops=", ".join(f"`{stop}`" for stop in stops))
    return [*fence(prompt.split("\n"), "text"), "", ends]


def write_loading(subject: Subject, base: Base, folder: Path, language: Language, whole: bool) -> list[str]:
    """Return how it is loaded, of a file of llama.cpp too."""
    if files := sorted(folder.glob("*.gguf")):
        return fence([f"llama-server -m {files[0].name}"], "sh")
    if whole:
        return fence(model_loading("USER/NAME"))
    known = base.hub_id or str(subject.base_folder)
    return fence(adapter_loading(base.hub_id or "BASE", "USER/NAME")) if known else []


def name_base(subject: Subject, base: Base, folder: Path) -> None:
    """Let the configuration of an adapter name the base by its id on the hub, where that is known."""
    file = folder / ADAPTER_CONFIG
    if file.is_file() and base.hub_id:
        config = json.loads(file.read_bytes()) | {"base_model_name_or_path": base.hub_id}
        file.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
