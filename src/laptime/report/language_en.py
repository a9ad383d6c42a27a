"""The strings of the report in English; language_ko.py has the same keys and placeholders."""

STRINGS: dict[str, str] = {
    "list.and": " and ",
    # Methods, as they stand within a sentence
    "method.full": "full fine-tuning",
    "method.lora": "LoRA",
    "method.lora_top": "LoRA on the top layers",
    "method.rslora": "rsLoRA",
    "method.lora_plus": "LoRA+",
    "method.lora_fa": "LoRA-FA",
    "method.pissa": "PiSSA",
    "method.olora": "OLoRA",
    "method.vera": "VeRA",
    "method.ia3": "(IA)³",
    "method.adalora": "AdaLoRA",
    "method.bitfit": "BitFit",
    "method.galore": "GaLore",
    "method.lisa": "LISA",
    "method.loftq": "LoftQ",
    "method.oft": "OFT",
    "method.prompt_tuning": "prompt tuning",
    "method.top_layers": "full fine-tuning of the top layers",
    "method.qlora": "QLoRA",
    "method.dora": "DoRA",
    "method.base": "the base model",
    "again": "{method} (again)",
    "again.more": "{method} (again, no. {number})",
    "title.base": "Base model",
    # Headline
    "headline.faster": "{faster} trained {ratio} faster than {slower} ({confidence} interval {low} to "
    "{high}, {rounds} rounds)",
    "headline.about_the_same": "{faster} and {slower} took about the same time to train, within {same} "
    "({ratio}, {confidence} interval {low} to {high}, {rounds} rounds)",
    "headline.not_settled": "Not settled: {faster} trained between {down} and {up} than {slower} "
    "({confidence} interval, {rounds} rounds; {more})",
    "headline.one_round": "One round: {faster} trained {ratio} faster than {slower}, no interval",
    "equal.faster": "This machine shows a difference of {percent} between equal runs of {method}: distrust "
    "smaller ones ({confidence} interval {low} to {high}, {rounds} rounds)",
    "equal.about_the_same": "This machine shows no difference where there is none: equal runs of {method} "
    "took the same time ({ratio}, {confidence} interval {low} to {high}, {rounds} rounds)",
    "equal.not_settled": "This machine shows no difference where there is none, between equal runs of "
    "{method}, but would hardly see one below {size} ({confidence} interval {low} to {high}, {rounds} "
    "rounds)",
    "equal.too_wide": "{rounds} rounds tell nothing yet of what this machine shows between equal runs of "
    "{method} ({confidence} interval {low} to {high}; {more})",
    "equal.one_round": "One round of equal runs of {method}: they differ by {percent}, no interval",
    "span.slower": "{ratio} slower",
    "span.equal": "equally fast",
    "span.faster": "{ratio} faster",
    "more.rounds": "about {number} more would tell",
    "more.many": "at least {number} more would be needed",
    "many.best.alone": "Lowest held-out loss: {best} ({loss}), below all others beyond the held-out set's "
    "error",
    "many.best.alike": "Lowest held-out loss: {best} ({loss}); within the held-out set's error of it: {list}",
    "many.best.all": "The held-out set shows no row to be worse than the best, {best} ({loss})",
    "many.best.unknown": "Lowest held-out loss: {best} ({loss}), with an error that is not known",
    "many.more": "{number} more",
    "many.these": "Of these",
    "many.all": "Of all rows",
    "many.whole": "Whole process: {text}",
    "many.train.shown": "{among} {fastest} trained fastest, {ratio} faster than {next}, the next "
    "({confidence} "
    "interval {low} to {high}, {rounds} rounds)",
    "many.train.open": "{among} {fastest} trained in the least time ({seconds}), but that is not settled "
    "against {list} ({rounds} rounds)",
    "many.train.one_round": "{among} {fastest} trained in the least time ({seconds}; one round, no interval)",
    "many.train.plain": "{among} {fastest} trained in the least time ({seconds})",
    "many.total.shown": "{among} {fastest} is the fastest, {ratio} faster than {next}, the next ({low} to "
    "{high})",
    "many.total.open": "{among} {fastest} takes the least ({seconds}), not settled against {list}",
    "many.total.one_round": "{among} {fastest} takes the least ({seconds}), no interval",
    "many.total.plain": "{among} {fastest} takes the least ({seconds})",
    "many.alone.train.shown": "It trained in {seconds}; the fastest, {fastest}, in {fast_seconds}, {ratio} "
    "faster "
    "({confidence} interval {low} to {high}, {rounds} rounds)",
    "many.alone.train.open": "It trained in {seconds}; the least is {fast_seconds}, of {fastest}, but it is "
    "not settled that this is less ({rounds} rounds)",
    "many.alone.train.one_round": "It trained in {seconds}; the least is {fast_seconds}, of {fastest} (one "
    "round, no interval)",
    "many.alone.train.plain": "It trained in {seconds}; the least is {fast_seconds}, of {fastest}",
    "many.alone.total.shown": "{best} took {seconds}, {fastest} {fast_seconds}, {ratio} faster ({low} to "
    "{high})",
    "many.alone.total.open": "{best} took {seconds}; the least is {fast_seconds}, of {fastest}, but not "
    "settled",
    "many.alone.total.one_round": "{best} took {seconds}; the least is {fast_seconds}, of {fastest}, no "
    "interval",
    "many.alone.total.plain": "{best} took {seconds}; the least is {fast_seconds}, of {fastest}",
    "headline.unequal_work": "The runs did not do the same work: no ratio",
    "headline.not_measured": "{finished} finished, {failed} did not: no ratio",
    "headline.no_pair": "{method} trained in {seconds}; there is nothing to compare it with",
    "headline.nothing": "No run finished: nothing to compare",
    "headline.no_figure": "The training times could not be compared: no ratio",
    "total.faster": "Whole process: {faster} {ratio} faster ({low} to {high})",
    "total.about_the_same": "Whole process: about the same ({ratio}, interval {low} to {high})",
    "total.not_settled": "Whole process: not settled, {faster} between {down} and {up}",
    "total.one_round": "Whole process: {faster} {ratio} faster, no interval",
    "total.equal.faster": "Whole process: the equal runs differ by {percent} (interval {low} to {high})",
    "total.equal.not_settled": "Whole process: no difference is shown (interval {low} to {high})",
    "total.equal.too_wide": "Whole process: {rounds} rounds tell nothing yet (interval {low} to {high})",
    "total.equal.one_round": "Whole process: they differ by {percent}, no interval",
    "subline.parameters": "{model} ({number} parameters)",
    "subline.model": "built-in toy model",
    "subline.data": "built-in examples",
    "subline.examples": "{number} examples",
    "subline.examples.one": "{number} example",
    "subline.rounds": "{number} rounds",
    "subline.rounds.one": "{number} round",
    "subline.cores": "{number} cores",
    "subline.incomplete": "not complete yet: {done} of {planned} runs have ended",
    "banner.toy": "Toy model",
    "banner.toy.text": "This is a toy for trying the tool. A real model: {command}",
    "banner.random": "Random weights",
    "banner.random.text": "Speed only: losses and answers mean nothing.",
    "banner.incomplete": "Incomplete",
    "banner.incomplete.text": "Not every planned run has ended. In this folder it goes on with:",
    # Sections
    "section.race": "Training time",
    "section.conclusion": "Conclusion",
    "section.table": "Figures",
    "section.charts": "Charts",
    "section.answers": "Answers",
    "section.saved": "What each method left",
    "section.speedups": "Speedups",
    "section.findings": "Fairness",
    "section.environment": "How it was measured",
    # Conclusion: labels
    "label.target": "Time to quality",
    "label.front": "What none beats",
    "label.forgetting": "Forgetting",
    "label.tuning": "Learning rates",
    "label.contestants": "Contestants",
    "label.devices": "Devices",
    "label.against": "Before and now",
    "label.time": "Training",
    "label.rounds": "Rounds",
    "label.foretold": "Foretold",
    "label.total": "Whole process",
    "label.source": "Where it comes from",
    "label.arithmetic": "Arithmetic",
    "label.memory": "Memory",
    "label.parameters": "Parameters",
    "label.disk": "Disk",
    "label.quality": "Quality",
    "label.answers": "Answers",
    "label.checks": "Self-checks",
    "label.failures": "Failures",
    "label.incomplete": "Not complete",
    # Conclusion: sentences
    "contestants.item": "{name}: {method} with {options}",
    "contestants.same": "{name}: {method}",
    "time.faster": "{faster} trained in {fast_seconds}, {slower} in {slow_seconds} (medians of {rounds} "
    "rounds). The difference is shown: {ratio}, and the {confidence} interval of {over} from {low} to {high} "
    "leaves out 1.",
    "time.about_the_same": "{faster} trained in {fast_seconds}, {slower} in {slow_seconds} (medians of "
    "{rounds} rounds). The {confidence} interval of {over} from {low} to {high} contains 1 and lies within "
    "{same}: they are about the same.",
    "time.not_settled": "{faster} trained in {fast_seconds}, {slower} in {slow_seconds} (medians of {rounds} "
    "rounds). The {confidence} interval of {over} from {low} to {high} contains 1 and reaches beyond {same}: "
    "neither a difference is shown nor that there is none.",
    "time.one_round": "{faster} trained in {fast_seconds}, {slower} in {slow_seconds}: {ratio} in one "
    "round. One round has no interval; whether it would come out again is not shown.",
    "time.unequal_work": "{faster} and {slower} did not do the same work (see Fairness), so their times "
    "are not set against each other.",
    "time.order": "Shown to be faster: {list}.",
    "time.order.item": "{faster} than {slower}",
    "time.order.many": "No order is shown between {number} of the {all} pairs; the table of all pairs says "
    "which.",
    "time.order.open": "No order is shown between {list}.",
    "time.order.apart": "{list} did other work than the rest (see Fairness), so no ratio is given.",
    "time.order.pair": "{first} and {second}",
    "interval.over": "{slower} over {faster}",
    "time.single": "{method} trained in {seconds}.",
    "total.sentence.faster": "From import to the saved result {faster} took {fast_seconds} and {slower} "
    "{slow_seconds}: {ratio}, with an interval of {over} from {low} to {high}.",
    "total.sentence.about_the_same": "From import to the saved result {faster} took {fast_seconds} and "
    "{slower} {slow_seconds}; the interval of {over} from {low} to {high} lies within {same}: about the "
    "same.",
    "total.sentence.not_settled": "From import to the saved result {faster} took {fast_seconds} and {slower} "
    "{slow_seconds}; the interval of {over} from {low} to {high} contains 1: not settled.",
    "total.sentence.one_round": "From import to the saved result {faster} took {fast_seconds} and "
    "{slower} {slow_seconds}: {ratio} in one round.",
    # Beside an older comparison
    "against.slower": "{method} is slower than before: it takes {ratio} as long to train ({confidence} "
    "interval {low} to {high}; {before} in {rounds_before} rounds then, {now} in {rounds} now).",
    "against.faster": "{method} is faster than before: it takes {ratio} as long to train ({confidence} "
    "interval {low} to {high}; {before} in {rounds_before} rounds then, {now} in {rounds} now).",
    "against.about_the_same": "{method} takes about as long to train as before, within {same}: {ratio} "
    "({confidence} interval {low} to {high}; {before} in {rounds_before} rounds then, {now} in {rounds} "
    "now).",
    "against.not_settled": "Not settled for {method}: it takes {low} to {high} times as long to train as "
    "before ({confidence} interval; {before} in {rounds_before} rounds then, {now} in {rounds} now).",
    "against.one_round": "{method} takes {ratio} as long to train as before ({before} then, {now} now). One "
    "round on a side has no interval: no difference is shown.",
    "against.total": "Whole process: {ratio} ({low} to {high}), {verdict}.",
    "against.total.one_round": "Whole process: {ratio}, no interval.",
    "against.not_measured": "The times of {method} cannot be set beside those of then: no ratio.",
    "against.not_finished": "{method} has finished no run, so it is not set beside what it took before.",
    "against.not_finished_before": "{method} had finished no run then, so it is not set beside that.",
    "against.other_machine": "{method} ran on another machine than then: no ratio.",
    "against.other_precision": "{method} computes in another precision than then: no ratio.",
    "against.other_parameters": "{method} trains another number of parameters than then: no ratio.",
    "against.other_work": "The steps of {method} train other tokens than then: no ratio.",
    "against.unproven_work": "It is not shown that {method} does the same work as then: no ratio.",
    "against.frame": "The older comparison, {folder}, was begun {date} with laptime {version}. Its rounds "
    "and these did not take turns: whatever else the machine did then or does now is in the ratio too.",
    "against.changes": "Changed since: {list}.",
    "against.no_changes": "No version, no fact of the machine and no speedup on record has changed.",
    "against.change": "{name} {before}, now {now}",
    "against.change.of": "{name} {before}, now {now} ({methods})",
    "against.absent": "none",
    "source.phases": "Of the {gap} between the two whole processes, {list}.",
    "source.phase.more": "{seconds} is {phase}",
    "source.phase.less": "{phase} gives back {seconds}",
    "source.steps": "A steady step takes {fast_step} with {faster} and {slow_step} with {slower}: {list}.",
    "source.part": "{part} {fast_seconds} against {slow_seconds}",
    "source.spread": "With {methods} forward and backward hold what it takes to gather the weights from the "
    "other devices, and to wait for them.",
    "source.not_training": "Most of the difference in the whole process lies outside training.",
    "arithmetic.rest": "The number of operations alone would give {arithmetic}; measured was {ratio}. {rest}",
    "arithmetic.own": "Beside their operations they differ in {options}.",
    "arithmetic.devices": "Beside their operations they differ in their devices ({list}).",
    "arithmetic.exchange": "What devices give each other, and wait for, is no arithmetic.",
    "arithmetic.near": "The two agree within {percent}.",
    "arithmetic.above": "The factor of {factor} between them is not explained by arithmetic{part}.",
    "arithmetic.part": ": the optimizer takes {fast_share} of a steady step with {faster} and "
    "{slow_share} with {slower}",
    "arithmetic.below": "The steps hold time that both share and that {faster} does not save.",
    "arithmetic.warning": "Arithmetic explains only about {arithmetic} of the {ratio}: a factor of {factor} "
    "comes from something else. Before repeating this figure look at what was measured besides.",
    "rounds.narrow": "The rounds went on until the interval of the headline was narrower than 5 %, to "
    "{rounds}.",
    "rounds.most": "The rounds went on to {rounds}, the most; the interval of the headline is still wider "
    "than 5 %.",
    "rounds.narrow.many": "The rounds went on until the interval of {slower} over {faster} was narrower than "
    "5 %, to {rounds}.",
    "rounds.most.many": "The rounds went on to {rounds}, the most; the interval of {slower} over {faster} is "
    "still wider than 5 %.",
    "rounds.more.many": "About {number} more would tell {slower} and {faster} apart: --rounds {rounds}, in "
    "another folder.",
    "rounds.minutes": "The rounds ended after {rounds}: with another the runs would have taken more than "
    "{limit} in all.",
    "rounds.disk": "The rounds ended after {rounds}: the disk has no room for the results of another.",
    "rounds.no_ratio": "The rounds ended after {rounds}: there is no ratio that more of them would settle.",
    "rounds.looked": "Since the interval was looked at after every round, it is one of {confidence} instead "
    "of 95 %: so it shows a difference where there is none in fewer than 5 of 100 comparisons.",
    "rounds.more": "About {number} more would tell: --rounds {rounds}, in another folder.",
    "rounds.family": "{number} ratios are judged together by Holm's method, which widens their intervals: "
    "the chance that any difference is shown where there is none stays below 5 %.",
    "rounds.resolution": "A difference in training time below {size} could well be missed.",
    "rounds.resolution.wide": "For how far they lie apart, {rounds} rounds show large differences alone; "
    "more rounds show smaller ones.",
    "rounds.compared": "All times are of rounds {list}.",
    "rounds.compared.one": "All times are of round {list}.",
    "foretold.list": "By past runs of this machine {list}.",
    "foretold.item": "{method} was to train for {foretold} ({low} to {high}) and took {took}",
    "memory.list": "At its peak {list}.",
    "memory.item": "{method} held {size}",
    "memory.fullest": "{method} held {size} (the fullest of {number} devices)",
    "memory.together": "{method} held {size} ({number} processes together)",
    "memory.less": "{more} needs {factor} as much as {less}.",
    "memory.same": "They differ by less than {percent}.",
    "memory.kinds": "The counters differ ({kinds}), so the figures are not set against each other.",
    "parameters.item": "{method} trains {trainable} of {total} parameters ({share})",
    "parameters.all": "{method} trains all {total} parameters",
    "parameters.list": "{list}.",
    "parameters.within": "",
    "disk.adapter": "{method} leaves an adapter of {size}",
    "disk.model": "{method} leaves a whole model of {size}",
    "disk.list": "{list}.",
    "disk.ratio": "The model takes {factor} times the space of the adapter; an adapter needs the base "
    "model beside it.",
    "disk.needs_base": "An adapter needs the base model beside it.",
    "quality.random": "The model has random weights: losses and answers mean nothing, and no quality is "
    "claimed.",
    "quality.none": "There is no held-out set, so no quality is claimed; the training loss alone does not "
    "show it.",
    "quality.final_loss": "The training loss of the last epoch is {list}.",
    "quality.held_out": "On held-out examples the loss is {list}.",
    "quality.base": "Before training it was {loss}.",
    "quality.item": "{loss} with {method}",
    "quality.apart": "Over {number} parts of the held-out set {best} is better than {list} (standard error "
    "of the difference).",
    "quality.apart.item": "{method} by {difference} ± {error}",
    "quality.alike": "Between {best} and {list} there is no difference beyond twice the held-out set's own "
    "standard error ({error}).",
    "quality.few": "{number} parts of a held-out set are too few to tell how far a difference holds.",
    "quality.these_runs": "Fewer than 3 rounds claim nothing beyond these runs.",
    "quality.shown": "Each figure is the median of {rounds} rounds with their own seeds; the ranges "
    "are: {list}.",
    "quality.range": "{method} {low} to {high}",
    "target.slowest": "The target is a held-out loss of {target}, which {slowest}, the worst at its end, "
    "reaches "
    "in every round.",
    "target.given": "The target is a held-out loss of {target}.",
    "target.reached": "It was reached, in time of training, by {list}.",
    "target.item": "{method} after {seconds}",
    "target.item.range": "{method} after {seconds} ({range})",
    "target.range": "{low} to {high}",
    "target.unreached": "Not reached by {list}.",
    "target.item.some": "{method} (in {number} of {rounds} rounds)",
    "target.first": "{first} is shown to be there before {list}.",
    "target.open": "Whether {first} is there before {list} is not settled.",
    "target.moments": "Each run was looked at in {number} moments, and the first at or under the target "
    "counts; "
    "nothing is read in between.",
    "target.left_out": "Of {list} no moments were kept: another trainer, or weights spread over devices.",
    "target.base": "The base has {loss} before any training, so the target asks for no learning.",
    "target.title": "Time to a held-out loss",
    "target.after": "Reached after",
    "target.rounds": "Rounds",
    "target.ratio": "Over the first",
    "target.never": "not reached",
    "target.of": "{number} of {rounds}",
    "target.verdict.first": "first",
    "target.verdict.faster": "later",
    "target.verdict.about_the_same": "about the same",
    "target.verdict.not_settled": "not settled",
    "target.verdict.one_round": "one round",
    "target.verdict.not_measured": "–",
    "target.caption": "Seconds of training at the first moment at or under the target, the median and the "
    "range "
    "of the rounds. The interval of a ratio also holds that the loss may have been there at any time since "
    "the "
    "moment before.",
    "front.train_seconds": "training time",
    "front.held_bytes": "peak memory",
    "front.saved_bytes": "saved bytes",
    "front.some": "By {costs}, against held-out loss, no other row beats {list}.",
    "front.all": "By {costs}, against held-out loss, no row beats another.",
    "front.none": "By {costs}, against held-out loss, every row is beaten by another.",
    "front.explained": "To beat is to be shown better in one of the two and to be no worse in the other; "
    "differences within their uncertainty count as none, and one that is not settled beats nobody.",
    "forgetting.list": "On {texts}, which have nothing to do with the data, the base has a loss of {base}; "
    "it became {list}. A rise means that the model moves away from what it was.",
    "forgetting.item": "{loss} with {method} ({change} ± {error})",
    "forgetting.plain": "{loss} with {method} ({change})",
    "forgetting.same": "{loss} with {method} (no change beyond twice its error, ± {error})",
    "forgetting.answers": "Their answers to {number} questions of that kind lie apart from the base's by "
    "{list}, "
    "from 0 (the same) to 100.",
    "forgetting.answers.item": "{distance} with {method}",
    "forgetting.builtin": "general texts",
    "forgetting.file": "the texts of {name}",
    "answers.memorisation": "Memorisation (questions from the training data): chrF {list}.",
    "answers.generalisation": "Generalisation (held-out questions): chrF {list}.",
    "answers.score": "{score} with {method}",
    "answers.alike.same": "The answers of {first} and {second} are nearly the same: {score} chrF to each "
    "other, on average over {number} questions.",
    "answers.alike.partly": "The answers of {first} and {second} are partly alike: {score} chrF to each "
    "other, on average over {number} questions.",
    "answers.alike.differ": "The answers of {first} and {second} differ: {score} chrF to each other, on "
    "average over {number} questions.",
    "answers.alike.same.one": "The answers of {first} and {second} to the {number} question are nearly "
    "the same: {score} chrF to each other.",
    "answers.alike.partly.one": "The answers of {first} and {second} to the {number} question are partly "
    "alike: {score} chrF to each other.",
    "answers.alike.differ.one": "The answers of {first} and {second} to the {number} question differ: "
    "{score} chrF to each other.",
    "answers.alike.list": "How alike the answers are to those of {anchor}, in chrF over {number} questions: "
    "{list}.",
    "answers.alike.list.one": "How alike the answers to the {number} question are to that of {anchor}, in "
    "chrF: {list}.",
    "checks.passed": "Checked after every run of {methods}: {list}.",
    "checks.mixed": "{method}: {list}.",
    "check.parameters.passed": "the trained parameters changed and no others did",
    "check.parameters.failed": "WRONG: the trained parameters did not change, or others did",
    "check.parameters.open": "it could not be checked that the trained parameters alone changed",
    "check.loss.passed": "the loss of {number} training examples, measured before the training and after it, "
    "fell",
    "check.loss.passed.one": "the loss of {number} training example, measured before the training and after "
    "it, fell",
    "check.loss.failed": "the loss of {number} training examples, measured before the training and after it, "
    "did NOT fall",
    "check.loss.failed.one": "the loss of {number} training example, measured before the training and after "
    "it, did NOT fall",
    "check.loss.open": "it could not be checked that the loss of training examples is lower after the "
    "training than before it",
    "check.reload.passed": "the saved result, loaded again, is the trained model with the same logits",
    "check.reload.failed": "WRONG: the saved result, loaded again, is not the trained model",
    "check.reload.open": "it could not be checked that the saved result, loaded again, is the same",
    "failure.base": "The base has no figures and no answers: its run failed ({reason}). {message}",
    "failure.sentence": "{method}, round {round}: {reason}. {message}",
    "failure.out_of_memory": "out of memory",
    "failure.not_finite": "the loss was no longer finite",
    "failure.hung": "it hung: no sign of life, so it was ended",
    "failure.left": "its process left before the end",
    "failure.unreachable": "another process could not be reached",
    "failure.disk_full": "the disk was full",
    "failure.killed": "the process was killed",
    "failure.interrupted": "interrupted",
    "failure.refused": "refused",
    "failure.unavailable": "not available here",
    "failure.error": "an error",
    "failure.unreadable": "its record cannot be read",
    "incomplete.sentence": "{done} of {planned} planned runs have ended; the figures may still change.",
    # Table
    "column.method": "Method",
    "column.train": "Training",
    "column.total": "Whole process",
    "column.step": "Steady step",
    "column.tokens": "Tokens/s",
    "column.memory": "Peak memory",
    "column.parameters": "Trained parameters",
    "column.saved": "Saved",
    "column.rate": "Learning rate",
    "column.devices": "Devices",
    "column.loss": "Final training loss",
    "column.held_out": "Held-out loss",
    "column.general": "General texts",
    "column.scores": "chrF",
    "column.status": "Status",
    "cell.range": "{low} to {high}, spread {spread}",
    "cell.first_step": "first {seconds}",
    "cell.share": "{share} of {total}",
    "cell.adapter": "adapter",
    "cell.model": "whole model",
    "cell.precision": "computes {compute}, trains {trained}",
    "cell.energy": "{joules} J",
    "cell.memorisation": "memorisation {score}",
    "cell.change": "{change} to the base",
    "cell.answers": "answers {distance} apart",
    "cell.generalisation": "generalisation {score}",
    "cell.exact": "{exact} % exact",
    "cell.fullest": "fullest of {number} devices",
    "cell.together": "{number} processes together",
    "status.finished": "finished",
    "status.partly_failed": "partly failed",
    "status.unfinished": "not finished",
    "status.failed": "failed",
    "table.caption": "Medians, over the same rounds for all methods. Training = all optimizer steps, "
    "data wait included. Whole process = import, load, prepare, warm-up, training and saving; evaluation "
    "and answers are not counted. Tokens without padding.",
    "devices.differ": "The rows trained on different devices ({list}): a ratio between them is of methods "
    "and devices together.",
    "devices.same": "All trained on {devices}.",
    "devices.same.single": "It trained on {devices}.",
    "devices.item": "{method} on {devices}",
    "devices.exchanged": "Exchanging, and waiting for the other devices, took {list}.",
    "devices.share": "up to {share} of the training with {method}",
    "devices.title": "Each device",
    "devices.rank": "Process",
    "devices.device": "Device",
    "devices.parameters": "Parameters held",
    "devices.compute": "Of it computing",
    "devices.exchange": "Of it exchanging",
    "devices.caption": "Medians of the rounds. A row with several devices is trained by as many processes; "
    "on a processor they share its cores, and their memory adds up. They make each step together, so that "
    "it takes as long as the slowest of them does. Exchanging = giving gradients, losses, weights and "
    "states of tokens to the others, and waiting for them; computing = the rest of the training. The peak "
    "memory of the row is that of its fullest GPU; on a processor, that of its processes together.",
    "devices.caption.single": "The training was done by several processes; on a processor they share its "
    "cores, and their memory adds up. They make each step together, so that it takes as long as the "
    "slowest of them does. Exchanging = giving gradients, losses, weights and states of tokens to the "
    "others, and waiting for them; computing = the rest of the training. The peak memory above is that of "
    "the fullest GPU; on a processor, that of the processes together.",
    "devices.whole": "With {methods} each device holds the whole model and takes a share of the examples "
    "of a step.",
    "devices.spread": "With {methods} the weights, their gradients and their moments are spread: each device "
    "holds a part of them, and gathers a layer where it is needed.",
    "devices.hidden": "On GPUs what {methods} gathers goes on beside the computing; what is waited for lies "
    "within forward and backward and counts as computing here: it is not timed apart.",
    "devices.slowest": "With {method} process {rank} computed longest: the others waited for it.",
    "counter.vm_hwm": "process memory (VmHWM)",
    "counter.cuda_allocated": "CUDA memory allocated",
    "counter.cuda_reserved": "CUDA memory reserved",
    "counter.gpu_process": "GPU memory of the process",
    "pairs.title": "Every pair",
    "pairs.pair": "Pair",
    "pairs.train": "Training ratio",
    "pairs.total": "Whole-process ratio",
    "pairs.arithmetic": "By arithmetic",
    "pairs.verdict": "Verdict",
    "pairs.over": "{slower} / {faster}",
    "pairs.interval": "{ratio} ({low} to {high})",
    "verdict.faster": "faster, shown",
    "verdict.slower": "slower, shown",
    "verdict.about_the_same": "about the same",
    "verdict.not_settled": "not settled",
    "verdict.one_round": "one round, no interval",
    "verdict.unequal_work": "unequal work, no ratio",
    "verdict.not_measured": "not measured",
    # Phases and parts of a step
    "phase.import": "import",
    "phase.encode": "encode",
    "phase.load": "load",
    "phase.prepare": "prepare",
    "phase.warm_up": "warm-up",
    "phase.train": "training",
    "phase.checkpoint": "checkpoints",
    "phase.save": "saving",
    "part.data": "data",
    "part.forward": "forward",
    "part.backward": "backward",
    "part.exchange": "exchange",
    "part.optimizer": "optimizer",
    # Charts
    "chart.phases": "Time by phase",
    "chart.phases.text": "Median seconds of each phase that counts for the whole process.",
    "chart.memory": "Peak memory",
    "chart.memory.text": "The highest point of the whole process before evaluation; shorter is better.",
    "chart.memory.devices": "Of several GPUs it is that of the fullest; on a processor, that of all "
    "processes together.",
    "chart.loss_step": "Loss by step",
    "chart.loss_step.text": "Training loss before each update.",
    "chart.loss_second": "Loss by second",
    "chart.loss_second.text": "The losses of the first finished round against the seconds spent in steps.",
    "chart.front.train_seconds": "Held-out loss against time",
    "chart.front.held_bytes": "Held-out loss against memory",
    "chart.front.saved_bytes": "Held-out loss against saved bytes",
    "chart.front.text": "Further down and to the left is better; lines are the ranges over rounds. No other "
    "row "
    "beats those within a ring.",
    "chart.moments": "Held-out loss on the way",
    "chart.moments.text": "A line for each round, by seconds of training; the target of {target} is dotted.",
    "chart.quality_held_out": "Time against held-out loss",
    "chart.quality_held_out.text": "Towards the lower left is better: less time and less loss.",
    "chart.quality_train": "Time against training loss",
    "chart.quality_train.text": "There is no held-out set: the final training loss shows learning, not "
    "quality.",
    "chart.saved": "Saved on disk",
    "chart.saved.text": "Bytes of what the user keeps.",
    "chart.log": "Logarithmic scale.",
    "chart.random": "Random weights: the values mean nothing.",
    "axis.held_bytes": "peak memory, {unit}",
    "axis.saved_bytes": "saved, {unit}",
    "axis.seconds": "seconds",
    "axis.step": "step",
    "axis.loss": "loss",
    "axis.train_seconds": "training seconds",
    "axis.held_out_loss": "held-out loss",
    "axis.train_loss": "final training loss",
    # Answers
    "answers.intro": "Greedy answers of the first round that each finished, the same prompt for all.",
    "answers.none": "No question was asked.",
    "answers.reference": "Reference",
    "answers.empty": "(empty answer)",
    "answers.missing": "no answer",
    "chip.end_of_sequence": "stopped by itself",
    "chip.length": "cut at the limit",
    "chip.tokens": "{number} tokens",
    "chip.tokens.one": "{number} token",
    "chip.chrf": "chrF {score}",
    "chip.exact": "exact",
    "source.trained": "memorisation: a question from the training data",
    "source.held_out": "generalisation: a held-out question",
    "source.asked": "asked: in neither set",
    "alike.pair": "{first} and {second} are alike to {score} chrF.",
    # Saved
    "saved.intro": "Paths are relative to the folder of this report; run the code there.",
    "saved.base": "The adapter changes the base model {model}, which it needs beside it.",
    "saved.nothing": "nothing was saved",
    "saved.random": "The base has random weights that exist nowhere else: what was saved shows sizes and "
    "speed, not knowledge.",
    "saved.toy": "The toy model comes with the package.",
    "saved.ask": "Ask the base and every result at once:",
    "saved.question": "question",
    # Speedups
    "speedups.intro": "How the same training got faster; each one runs wherever it applies and is not "
    "switched off. Results are against the same run without it.",
    "speedups.name": "Speedup",
    "speedups.ran": "ran",
    "speedups.off": "did not run",
    "claims.bitwise": "result equal to the bit",
    "claims.rounding": "result equal but for rounding",
    "claims.different": "another result",
    "speedup.answer_head": "runs the head on trained tokens only",
    "speedup.answer_rows": "runs the end of the last layer on trained tokens only",
    "speedup.background_save": "saves while the held-out set is evaluated",
    "speedup.compiled_attention": "rotates and attends in C code built for this CPU",
    "speedup.compiled_loss": "turns logits into loss and gradient in C code built for this CPU",
    "speedup.compiled_optimizer": "clips and updates in C code built for this CPU",
    "speedup.compiled_rounding": "rounds a base held in 4 bits by C code built for this CPU",
    "speedup.compiled_parts": "runs norm and gate in C code built for this CPU",
    "speedup.compiled_projections": "multiplies weights and adapters in C code built for this CPU",
    "speedup.float32_products": "multiplies in float32 where the CPU would emulate half precision",
    "speedup.fused_blocks": "runs norm, rotation, gate and residual in few passes over memory",
    "speedup.fused_optimizer": "updates weights and moments in one pass over memory",
    "speedup.fused_projections": "runs layers that share an input together, adapters included",
    "speedup.light_imports": "does not import what is not used",
    "speedup.no_padding": "packs the examples of a batch without padding",
    "speedup.prefix_cache": "computes the frozen layers at the bottom once for each example",
    "speedup.prepacked_weights": "keeps frozen weights packed for the CPU's kernels",
    "speedup.read_ahead": "reads the weights while the libraries are imported",
    "speedup.short_attention": "attends by plain matrix products where examples are short",
    "ablation.title": "{method}: one speedup switched off at a time",
    "ablation.without": "Switched off",
    "ablation.ratio": "Against all that run",
    "ablation.nothing": "nothing: all that run",
    "ablation.plain": "all: the plain path",
    "ablation.also": "and with it {names}",
    "ablation.interval": "{low} to {high}",
    "ablation.faster": "pays",
    "ablation.slower": "costs time here",
    "ablation.caption": "Seconds of a steady step without over seconds with, paired by round, with an "
    "interval; one round has none. All rows are judged together by Holm's method, so that the chance of "
    "any false difference stays below 5 %. Above 1 the speedup pays. Those that are shown come first. Each "
    "is a run of its own that ends with its training and stands in no other figure. Several that save the "
    "same time each look small alone.",
    # Learning rates that were tried
    "tuning.chosen": "Before the race {number} learning rates were tried of each row that was given none, on "
    "one grid about its own default, and chosen by held-out loss: {list}. That took {seconds}, which stands "
    "in no time of a row.",
    "tuning.item": "{method} {rate} ({factor} its default of {default})",
    "tuning.default": "{method} its default of {default}",
    "tuning.edge": "The best of {methods} is the lowest or highest that was tried: another may be better "
    "still.",
    "tuning.none": "No rate of {methods} led to a loss: it races with its default.",
    "tuning.same": "The same held-out examples chose and judge, which flatters all rows a little.",
    "tuning.title": "Learning rates that were tried",
    "tuning.rate": "Learning rate",
    "tuning.loss": "Held-out loss",
    "tuning.best": "chosen",
    "tuning.failed": "no loss",
    # Why one of two contestants is faster
    "explanation.title": "Why {first} and {second} take different times",
    "explanation.less": "{first} took {before} from start to saved result, {second} {after}: {difference} "
    "less, in the mean of {number} rounds.",
    "explanation.less.one": "{first} took {before} from start to saved result, {second} {after}: "
    "{difference} less, in one round.",
    "explanation.more": "{first} took {before} from start to saved result, {second} {after}: {difference} "
    "more, in the mean of {number} rounds.",
    "explanation.more.one": "{first} took {before} from start to saved result, {second} {after}: "
    "{difference} more, in one round.",
    "explanation.one": "They differ in one thing, {cause}. It changes {parts}.",
    "explanation.causes": "One thing after another changed from the one to the other, each measured by runs "
    "before and behind its change: {list}. Together that is the whole difference; nothing is left over.",
    "explanation.saves": "{seconds} less by {cause}",
    "explanation.costs": "{seconds} more by {cause}",
    "explanation.unsure": "{told} ({verdict})",
    "explanation.depends": "How much that is depends on the rest for {cause}: {low} or {high}, by what had "
    "changed before. The figure is the mean of both.",
    "explanation.nothing_differs": "{first} and {second} differ in nothing on which time depends.",
    "explanation.unequal_work": "{first} and {second} did other work (see the findings), so that their "
    "difference is not split.",
    "explanation.not_finished": "Their difference can't be split yet: there are no whole runs of {lacking}.",
    "explanation.cause": "What differs",
    "explanation.saved": "Time",
    "explanation.share": "Share",
    "explanation.ratio": "Before over after",
    "explanation.parts": "Where",
    "explanation.rest": "all else",
    "explanation.caption": "Means over the rounds, from start to saved result; below 0 is time saved. A "
    "share is of the whole difference: above 100 % where something else works against it, which has none. "
    "Where several things differ, they changed in two orders, and a figure is the mean of both. Ratios are "
    "paired by round and judged together by Holm's method. What lies between the two rows ran in each "
    "round as they did, and stands in no other figure.",
    "cause.method": "the method ({first} → {second})",
    "cause.trainer": "the trainer ({first} → {second})",
    "cause.ours": "laptime without speedups",
    "cause.option": "{option} ({first} → {second})",
    "cause.speedups": "the speedups",
    "cause.on": "on",
    "cause.off": "off",
    "waterfall.first_step": "first step",
    "waterfall.steps": "rest of the steps",
    "waterfall.unsplit": "steps",
    "waterfall.between": "between the steps",
    "chart.explanation": "From {first} to {second}",
    "chart.explanation.text": "What each thing in which they differ saves (or costs), from start to saved "
    "result.",
    # Findings
    "findings.none": "The runs did the same work under the same conditions; nothing was flagged.",
    "findings.wrong": "Self-checks that failed",
    "findings.unequal": "Unequal work",
    "findings.stated": "Differs by nature or by choice, and is stated",
    "findings.flag": "Flags on the measurement",
    "finding.different_work": "The batches differ between {methods}: their digests show other tokens or "
    "another order. There is no ratio between them.",
    "finding.unknown_work": "The record of {lacking} lacks steps of round {round}, so equal work is not "
    "shown. There is no ratio between {methods}.",
    "finding.unproven_work": "{lacking} cannot show which tokens it trained, so equal work is not shown. "
    "There is no ratio between {methods}.",
    "finding.different_parameters": "{methods} train different numbers of parameters ({values}). There is no "
    "ratio between them.",
    "finding.different_loss": "The losses of the first step, before any update, differ ({values}): {methods} "
    "do not compute the same. There is no ratio between them.",
    "finding.trainers": "Each trainer stands on versions of its own: {values}.",
    "finding.devices": "The rows trained on different devices ({values}): a ratio between them is of methods "
    "and devices together.",
    "finding.different_steps": "The number of steps differs ({values}). There is no ratio between them.",
    "finding.other_batches": "{methods} train other examples in a step ({values}): no ratio between such as "
    "differ.",
    "finding.different_training_option": "The runs trained with different values of {option}: {values}.",
    "finding.own_options": "{method} has options of its own: {options}.",
    "finding.learning_rate": "The learning rates differ ({values}): a comparison of time, not of quality at "
    "one rate.",
    "finding.trained_dtype": "The optimizer keeps what it trains in different precisions ({values}).",
    "finding.compute_dtype": "The runs compute in different precisions ({values}).",
    "finding.spread": "The training times of {method} lie up to {percent} of their median apart.",
    "finding.cuts_differ": "The examples of a step of {method} went through in other parts from round to "
    "round, as memory was free ({sizes} at a time); its times differ by that too.",
    "finding.other_rounds": "{method} finished other rounds ({rounds}) than those that are compared, so its "
    "times do not stand beside the others. It trained in {seconds} there.",
    "finding.load": "During {run} the machine was busy: load {load_average} on {cores} cores.",
    "finding.fewer_threads": "Other programs were at work at the start: {free} of {cores} cores were free. "
    "Threads of every run: {threads}.",
    "finding.swap": "During {run} the machine swapped memory to disk.",
    "finding.throttled": "During {run} the processor was throttled by heat.",
    "finding.clock_drift": "The processor's clock changed by {percent} from the first round to the last.",
    "finding.drift": "The training time of {method} changed steadily, by {percent} from the first round "
    "to the last.",
    "finding.one_round": "One round only: no interval and no claim that the ratio would come out again.",
    "finding.unfinished": "Not every planned run has ended.",
    "finding.answer_cut": "{number} answers of {method} were cut at the token limit.",
    "finding.answer_cut.one": "1 answer of {method} was cut at the token limit.",
    "finding.not_learned": "As the training of {method} went on, the loss of its steps, each on its own "
    "examples, did not fall.",
    "finding.skipped_steps": "{number} steps of {method} were skipped because a gradient overflowed in fp16.",
    "finding.resumed": "{run} was resumed after step {steps}: its training time adds up several processes.",
    "finding.restarted": "{run} was begun again by itself (--max-restarts), after: {reasons}.",
    "finding.resumed_elsewhere": (
        "{run} was resumed on another machine, by other versions or another number of processes: {changed}."
    ),
    "finding.damaged_checkpoint": "{run} was resumed from an older checkpoint: {reasons}.",
    "finding.damaged_record": "{run}: damaged lines were left out of its record ({lines}; as it was: "
    "{kept}). What depends on them is not given.",
    "finding.no_checkpoint": "{run}: {number} checkpoints could not be written ({error}).",
    "finding.retried": "{run} was interrupted and started again from its beginning.",
    "finding.check_parameters": "{run}: the trained parameters did not change, or others did ({note}).",
    "finding.check_loss": "{run}: the loss of training examples did not fall from before the training to "
    "after it ({note}).",
    "finding.check_reload": "{run}: the saved result, loaded again, is not the trained model ({note}).",
    "finding.note": "{method}: {note}.",
    "finding.plain": "All speedups were switched off (--plain); the times say nothing about them.",
    "finding.switched_off": "Switched off by name: {names}. The times are those without.",
    "finding.switched_off_for": "Switched off for {methods}: {names}. The times are those without.",
    "finding.speedups_differ": "Not every round of {method} ran with the same speedups: {names}.",
    "finding.reused": "{run} found the work of {name} for {number} examples done by an earlier run; its "
    "training time lacks that work.",
    "finding.nothing_to_switch_off": "No speedup ran that a step would feel: there was none to switch off.",
    # Environment
    "environment.machine": "Machine and versions",
    "environment.model": "Model",
    "environment.data": "Data",
    "environment.training": "Training",
    "environment.order": "Order of the runs",
    "environment.methods": "Options of the methods",
    "environment.seeds": "Seeds: {seeds}, one a round, the same for every method.",
    "environment.trackers": "Trackers",
    "trackers.here": "in this folder:",
    "trackers.more": "and {number} more",
    "environment.repeat": "The command that repeats it",
    "environment.precision": "Precision",
    "environment.energy": "Energy",
    "footer.made": "Made by Laptime {version} on {date} from comparison.json alone.",
    "footer.made.trackers": "Made by Laptime {version} on {date} from comparison.json and trackers.json.",
    "yes": "yes",
    "no": "no",
    # Terminal
    "terminal.questions": "{number} more questions in the report",
    "terminal.questions.one": "{number} more question in the report",
    "terminal.findings": "{number} findings on fairness and measurement, see the report",
    "terminal.findings.one": "{number} finding on fairness and measurement, see the report",
    "terminal.no_findings": "nothing was flagged",
    "terminal.exact": "exact and chrF: answers to the held-out questions",
    "terminal.general": "general: the loss on texts that have nothing to do with the data, its change from "
    "the base and the error of that",
    "terminal.apart": "answers apart: how far answers to unrelated questions lie from the base's, 0 (the "
    "same) to 100",
    "terminal.devices": "Exchanging = giving gradients, losses, weights and states of tokens to the others, "
    "and waiting for them. A row's memory is that of its fullest GPU; on a processor, that of all its "
    "processes.",
    "terminal.devices.spread": "Gathering the spread weights of {methods} counts as computing.",
    # In the place of the string of the same name where one training alone is shown
    "headline.no_pair.single": "{method} trained in {seconds}",
    "headline.nothing.single": "The training did not come to its end",
    "subline.incomplete.single": "not complete yet",
    "banner.incomplete.text.single": "The run has not ended. In this folder it goes on with:",
    "section.saved.single": "What the training left",
    "section.findings.single": "Notes on the measurement",
    "quality.these_runs.single": "One run claims nothing beyond itself.",
    "checks.passed.single": "Checked after the run of {methods}: {list}.",
    "failure.sentence.single": "{method}: {reason}. {message}",
    "incomplete.sentence.single": "The run has not ended; the figures may still change.",
    "table.caption.single": "Training = all optimizer steps, data wait included. Whole process = import, "
    "load, prepare, warm-up, training and saving; evaluation and answers are not counted. Tokens without "
    "padding.",
    "chart.phases.text.single": "Seconds of each phase that counts for the whole process.",
    "chart.loss_step.text.single": "Training loss before each update.",
    "answers.intro.single": "Greedy answers after the training.",
    "saved.ask.single": "Ask the base and the result at once:",
    "speedups.intro.single": "How the training got faster: each one that applies runs. The result is "
    "against the same run without it.",
    "findings.none.single": "Nothing was flagged.",
    "finding.unfinished.single": "The run has not ended.",
    "environment.seeds.single": "Seed: {seeds}.",
    "terminal.findings.single": "{number} notes on the measurement, see the report",
    "terminal.findings.single.one": "{number} note on the measurement, see the report",
}
