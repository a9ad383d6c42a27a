"""The strings of the recommendation and the write-up in English; those in Korean have the same keys."""

STRINGS: dict[str, str] = {
    # Which row to use and why
    "section.recommendation": "Recommendation",
    "recommend.use": "Use {method}: {reasons}.",
    "recommend.time.faster": "it trained {ratio} faster than {other} and",
    "recommend.time.one_round": "it trained {ratio} faster than {other} in the one round and",
    "recommend.time.about_the_same": "it takes about as long to train as {other} and",
    "recommend.time.not_settled": "no difference in time to {other} is shown yet and",
    "recommend.time.slower.faster": "though slower ({other} trains {ratio} faster),",
    "recommend.time.slower.one_round": "though slower ({other} trained {ratio} faster in the one round),",
    "recommend.quality.none": "quality was not measured",
    "recommend.quality.open": "its held-out loss is {loss} against {other}",
    "recommend.quality.alike": "its held-out loss is not told apart ({loss} against {other})",
    "recommend.quality.better": "its held-out loss is lower ({loss} against {other})",
    "recommend.quality.worse": "its held-out loss is higher ({loss} against {other})",
    "recommend.answers.same": "its answers are nearly the same (likeness {score} of 100 over {number} "
    "questions)",
    "recommend.answers.same.one": "its answer is nearly the same (likeness {score} of 100, {number} "
    "question)",
    "recommend.answers.partly": "its answers are partly alike (likeness {score} of 100 over {number} "
    "questions)",
    "recommend.answers.partly.one": "its answer is partly alike (likeness {score} of 100, {number} question)",
    "recommend.answers.differ": "its answers differ (likeness {score} of 100 over {number} questions)",
    "recommend.answers.differ.one": "its answer differs (likeness {score} of 100, {number} question)",
    "recommend.shape.adapter": "It freezes the base model's weights and trains {trainable} of {total} "
    "parameters ({share}){memory}, and what you share is an adapter of {size}{instead}.",
    "recommend.shape.part": "It trains {trainable} of {total} parameters ({share}){memory}, and leaves a "
    "whole model of {size}, which needs no base beside it.",
    "recommend.shape.model": "It trains all {total} parameters{memory}, and leaves a whole model of "
    "{size}, which needs no base beside it.",
    "recommend.memory": ", holds {mine} at its peak instead of {theirs}",
    "recommend.unlearned": "But on held-out examples it does worse than the base (a loss of {loss} against "
    "{base}): what it learned does not carry over to them; try fewer --epochs or a lower --learning-rate.",
    "recommend.instead": " instead of a model of {size}",
    # A ratio far beyond arithmetic
    "label.suspects": "Suspects",
    "headline.faster.beyond": "{faster} trained {ratio} faster than {slower}, of which arithmetic "
    "explains about {arithmetic} ({confidence} interval {low} to {high}, {rounds} rounds)",
    "headline.one_round.beyond": "One round: {faster} trained {ratio} faster than {slower}, of which "
    "arithmetic explains about {arithmetic}; no interval",
    "suspects.likely": "What was recorded points at: {list}.",
    "suspects.cleared": "What was recorded does not point at: {list}.",
    "suspects.none": "Nothing that was recorded explains it: repeat the run, and look at the machine "
    "beside it.",
    "suspects.swap": "the machine swapped memory to disk during {runs}",
    "suspects.swap.none": "swapping (no run of the slower one swapped)",
    "suspects.memory": "the memory ({method} held {held} of {room}, {share})",
    "suspects.optimizer": "the optimizer, whose state may be offloaded or paged ({slow} of a step against "
    "{fast}, {share} of what the steps lie apart)",
    "suspects.checkpoints": "checkpoints (they took {seconds} with {method}, which the training time "
    "leaves out)",
    "suspects.checkpoints.none": "checkpoints (none was written within the training)",
    "suspects.precision": "the number format (both compute in {slow}: {reason})",
    "suspects.precision.differs": "the number format (the slower one computes in {slow}, the faster one "
    "in {fast}: {reason})",
    "suspects.data": "the wait for data ({share} of a step with {method})",
    "suspects.first_step": "the first step of {method} ({first}, later ones {steady})",
    "suspects.uneven": "single steps of {method} (up to {longest}, in the middle {steady})",
    "suspects.even": "single steps of {method} (none took more than {longest}, in the middle {steady})",
    # The write-up
    "write_up.title": "{model}: {methods}",
    "write_up.title.two": "{model}: {first} against {second}",
    "write_up.environment": "Environment",
    "write_up.technique": "Technique",
    "write_up.results": "Results",
    "write_up.answers": "Answers",
    "write_up.conclusion": "Conclusion",
    "write_up.links": "Trackers",
    "write_up.training": "{epochs} epochs, batch size {batch}, {steps} steps",
    "write_up.training.one": "{epochs} epoch, batch size {batch}, {steps} steps",
    "write_up.technique.adapter": "freezes the base and trains {trainable} of {total} parameters ({share})",
    "write_up.technique.part": "trains {trainable} of {total} parameters ({share})",
    "write_up.technique.model": "trains all {total} parameters",
    "write_up.technique.rate": "learning rate {rate}",
    "write_up.technique.precision": "computes in {compute}, keeps what it trains in {trained}",
    "write_up.total": "With start-up, loading and saving",
    "write_up.question": "Question",
    "write_up.more": "{number} more questions are in report.md.",
    "write_up.more.one": "{number} more question is in report.md.",
    "write_up.alike": "How alike the two answers are: {score} of 100 on average over {number} questions.",
    "write_up.alike.one": "How alike the two answers are: {score} of 100 ({number} question).",
    "write_up.one_row": "One training alone is compared with nothing.",
    "write_up.no_recommendation": "What was measured recommends none of them.",
    "write_up.repeat": "Repeated by:",
}
