"""The strings of the page's parts beside the conclusion in English; those in Korean have the same keys."""

STRINGS: dict[str, str] = {
    # Charts
    "chart.ratio": "{value} ({ratio})",
    "chart.rounds": "rounds {list}",
    "chart.range": " ({low} to {high})",
    "chart.ranges": "Lines reach from the least to the greatest of the rounds.",
    "chart.line": "{first} to {last} (least {least}), up to {where}",
    "chart.step": "Time within a steady step",
    "chart.step.text": "Median seconds of the parts of a step, of all steps but the first.",
    "chart.step.text.single": "Median seconds of the parts of a step, of all steps but the first.",
    "chart.loss_step.rounds": "Thin lines are single rounds, the thick one their median.",
    "chart.memory.parts": "From the left: weights, what trains them (gradients, masters, moments) and the "
    "rest, the first two by estimate.",
    "chart.figures": "Figures",
    "memory.part.weights": "weights",
    "memory.part.state": "gradients and optimizer",
    "memory.part.fixed": "weights, gradients and optimizer",
    "memory.part.rest": "activations, libraries and the rest",
    # Page
    "page.contents": "Contents",
    "page.copy": "Copy",
    "page.copied": "Copied",
    "page.diff": "Mark what differs",
    "page.same": "Show as they are",
    "page.sort": "Sort by",
    "page.more": "Show details",
    "page.questions": "{number} more questions",
    "page.questions.one": "{number} more question",
    "answers.chrf": "chrF is how alike two texts are, by groups of letters: from 0 to 100.",
    "remedy.not_finite": "A lower learning rate, or --precision fp32, may help.",
    "remedy.out_of_memory": "A smaller --batch-size, --gradient-checkpointing or a method that trains "
    "less may help.",
    "race.title": "Training time, median of {number} rounds; marks are rounds",
    "race.title.one": "Training time in one round",
    "race.title.single": "Training time",
    # Badges
    "badge.busy": "Machine was busy",
    "badge.busy.text": "{busy} of {all} runs had other programs beside them: their times may vary more than "
    "the methods differ.",
    "badge.few": "Too few rounds",
    "badge.few.one": "one round has no interval, and may come out otherwise the next time",
    "badge.few.wide": "{number} rounds leave an interval that tells only large differences",
    "badge.swap": "Memory was swapped",
    "badge.swap.text": "during {runs}: their times are of the disk as well.",
    "badge.hot": "Throttled by heat",
    "badge.hot.text": "during {runs}.",
    "finding.load.many": "During {number} of {all} runs the machine was busy: load {low} to {high} on "
    "{cores} cores ({runs}).",
}
