"""What each method left on disk, and the exact code that loads it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from laptime.comparison.result import ComparisonResult, MethodResult
from laptime.report import quantities
from laptime.report.colours import number_rows
from laptime.report.language import Language

BUILTIN = "builtin"

_ADAPTER = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
{imports}
base_path = {base}
base = AutoModelForCausalLM.from_pretrained(base_path)
model = PeftModel.from_pretrained(base, {path})
tokenizer = AutoTokenizer.from_pretrained(base_path)"""

_MODEL = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained({path})
tokenizer = AutoTokenizer.from_pretrained({path})"""


@dataclass(frozen=True)
class Leftover:
    """What a method left: in words, its paths, the code that loads it ("" where none can), a note."""

    title: str
    number: int
    kind: str
    paths: list[str]
    code: str
    note: str


def list_leftovers(result: ComparisonResult, language: Language) -> list[Leftover]:
    """Return what each method left on disk."""
    numbers = number_rows(result)
    return [_describe(result, method, numbers[method.name], language) for method in result.methods]


def _describe(result: ComparisonResult, method: MethodResult, number: int, language: Language) -> Leftover:
    title = language.title(method.name)
    if not method.saved_paths or method.saved_kind is None:
        return Leftover(title, number, language.sentence(language.say("saved.nothing")), [], "", "")
    kind = language.sentence(language.say(f"cell.{method.saved_kind}"))
    kind = f"{kind}, {quantities.size(method.saved_bytes)}"
    if method.saved_kind == "model":
        path = json.dumps(method.saved_paths[0], ensure_ascii=False)
        return Leftover(title, number, kind, method.saved_paths, _MODEL.format(path=path), "")
    if result.model.get("random_weights"):
        return Leftover(title, number, kind, method.saved_paths, "", "")
    note = language.say("saved.base", model=str(result.model.get("name", "")))
    if result.model.get("toy"):
        note += " " + language.say("saved.toy")
    return Leftover(title, number, kind, method.saved_paths, adapter_code(result, method), note)


def adapter_code(result: ComparisonResult, method: MethodResult) -> str:
    """Return the code that puts a method's adapter on its base."""
    name = str(result.model.get("name", ""))
    toy = name == BUILTIN
    imports = "from laptime.models.source import builtin_folder\n" if toy else ""
    base = "builtin_folder()" if toy else json.dumps(name, ensure_ascii=False)
    path = json.dumps(method.saved_paths[0], ensure_ascii=False)
    return _ADAPTER.format(imports=imports, base=base, path=path)


def ask_command(result: ComparisonResult, language: Language) -> str:
    """Return the command that asks the base and every result, with a question that needs no quoting."""
    asked = result.questions[0].question if result.questions else language.say("saved.question")
    usable = "\n" not in asked and len(asked) <= 80 and not set(asked) & set("\"'\\$`!")
    return f'laptime ask . "{asked if usable else language.say("saved.question")}"'
