"""The strings of exports and conversations in English; those in Korean have the same keys."""

STRINGS: dict[str, str] = {
    "export.merging": "{method}: merged into the base tensor by tensor in float32, each cast once to {dtype}",
    "export.merging.gguf": "{method}: merged into the base tensor by tensor in float32, written as "
    "GGUF in {format}",
    "export.copying": "a whole model was trained: its files are copied",
    "export.unquantised": "trained beside the base in 4 bits, merged into the base as it is "
    "({dtype}): answers may differ from those of the run",
    "export.template.written": "the tokenizer writes the training's prompts ({name}) as its chat template",
    "export.template.inexact": "no chat template: the tokenizer would encode that of the training "
    "({name}) otherwise",
    "export.no_converter": "Ollama has no converter of its own for {reason}: a GGUF is written, "
    "from which it makes the model",
    "export.no_modelfile": "no Modelfile: {reason}",
    "export.not_by_llama_cpp": "not proven by llama.cpp: llama-cpp-python is not installed; proven "
    "in transformers alone",
    "export.proven": "proven: the logits of {tokens} tokens of {examples} examples differ from "
    "those of the trained model by {difference} at most, by {inexact} beside the rounding of "
    "weights; {equal} of {answers} greedy answers are equal",
    "export.proven.llama_cpp": "proven by llama.cpp too: by {difference} at most, by {inexact} "
    "from the same weights in transformers; {equal} of {answers} greedy answers are equal, and the "
    "texts of the examples are the same tokens",
    "export.saved": "saved:  {folder} ({size})",
    "export.next.upload": "upload:",
    "export.next.serve": "serve: ",
    "export.next.ollama": "ollama:",
    "export.not_served": "vLLM does not serve such an adapter ({reason}); it serves what --to "
    "merged makes of it",
    "export.not_served.at_all": "vLLM does not serve such an adapter ({reason}); PEFT loads it on the base",
    "export.unknown.base": "the card links no base: its id on the hub is not known here; give it "
    "with --base-id",
    "export.unknown.license": "the card names no licence: that of the base is not known here; give "
    "it with --license",
    "card.what.model": "{base}, trained by {method} with Laptime.",
    "card.what.adapter": "An adapter for {base}, trained by {method} with Laptime.",
    "card.prompt": "Prompt",
    "card.loading": "How to load it",
    "card.made": "How it was made",
    "card.ends": "An answer ends with {stops}.",
    "card.unknown": "not known",
    "card.base": "base",
    "card.license": "licence of the base",
    "card.method": "method",
    "card.data": "data",
    "card.examples": "examples (trained / all tokens)",
    "card.steps": "optimizer steps",
    "card.rate": "learning rate",
    "card.precision": "precision",
    "card.training": "training time",
    "card.machine": "machine",
    "card.loss": "training loss, last epoch",
    "card.held_out.before": "held-out loss before",
    "card.held_out": "held-out loss",
    "card.chrf": "chrF of held-out answers",
    "chat.begin": "ask, and ask again; Ctrl-D ends it",
    "chat.no_turns": "the template of this training ({template}) has no turns: every question stands alone",
    "chat.too_long": "too long: {number} tokens, and the model has room for {most} with the answer",
    "chat.forgotten": "{name}: the oldest turns have no room any more and are left out",
}
