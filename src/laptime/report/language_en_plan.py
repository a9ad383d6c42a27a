"""The words of `laptime plan` in English; language_ko_plan.py has the same keys."""

from __future__ import annotations

STRINGS: dict[str, str] = {
    "plan.model": "{model}: {parameters} parameters; {examples} examples, {tokens} tokens an epoch, "
    "{longest} at most in one",
    "plan.model.one": "{model}: {parameters} parameters; 1 example, {tokens} tokens an epoch",
    "plan.device": "{formats} on {device}, {threads}",
    "plan.threads": "{number} threads ({why})",
    "plan.threads.one": "1 thread ({why})",
    "plan.threads.asked": "asked for with --threads",
    "plan.threads.environment": "as OMP_NUM_THREADS says",
    "plan.threads.free": "all cores free",
    "plan.threads.alone": "the only core free",
    "plan.threads.quota": "its control group allows no more of {cores} cores",
    "plan.threads.busy": "{free} of {cores} cores free: other programs are at work",
    "plan.threads.before": "as in the comparison that this one is set beside",
    "plan.column.run": "run",
    "plan.column.steps": "steps",
    "plan.column.step": "step",
    "plan.column.training": "training",
    "plan.column.range": "range",
    "plan.column.whole": "whole",
    "plan.column.memory": "memory",
    "plan.column.saved": "saved",
    "plan.column.cost": "cost",
    "plan.gpu": "planned for {count}x {name}, not measured: taken to sustain {tflops} TFLOP/s in "
    "{precision} and {bandwidth} GB/s, with {memory} GB of memory",
    "plan.probing": "{number} steps of each ...",
    "plan.fast": "as fast in training as {yardstick}, about: {ratios}",
    "plan.faster": "{name} is to train {ratio} as fast as {slowest}",
    "plan.processes.cuda": "{name}: by {number} processes; the memory is that of one GPU",
    "plan.processes.cpu": "{name}: by {number} processes; the memory is that of all together",
    "plan.no_past": "{name}: no past run with such threads is known, so the range is wide; {narrows}",
    "plan.narrows": "--probe makes a few steps of each, and every finished run narrows it",
    "plan.past": "{name}: by {number} runs {whose} on this machine",
    "plan.past.one": "{name}: by 1 run {whose} on this machine",
    "plan.past.unlike": "{name}: by {number} runs {whose} on this machine, none of them of a job like "
    "this; {narrows}",
    "plan.past.unlike.one": "{name}: by 1 run {whose} on this machine, which was of no job like this; "
    "{narrows}",
    "plan.of_method": "of this method",
    "plan.of_others": "of other methods",
    "plan.no_room": "{name}: does not fit ({size} needed by estimate)",
    "plan.would_fit": "{name}: does not fit ({size} needed by estimate); would fit: {remedies}",
    "plan.instead": "{method} instead of {other} {size}",
    "plan.by_examples": "whole, by examples",
    "plan.fastest.always": "{name} is to be the fastest by these figures, however many examples there are",
    "plan.fastest.from": "{name} is to be the fastest from about {count} examples on",
    "plan.fastest.to": "{name} is to be the fastest up to about {count} examples",
    "plan.foreign": "{name}: not planned: trained by {trainer}",
    "plan.nothing_fits": "a comparison: nothing of it fits",
    "plan.comparison": "a comparison: {number} runs, about {seconds} beside evaluation and answers; "
    "{memory} of memory at most",
    "plan.comparison.one": "a comparison: 1 run, about {seconds} beside evaluation and answers; "
    "{memory} of memory at most",
    "plan.comparison.open": "a comparison: at least {number} runs, about {seconds} beside evaluation "
    "and answers; {memory} of memory at most",
    "plan.foreseen": "by past runs of this machine, {comparison}",
    "plan.chart.title": "Time by number of examples",
    "plan.chart.caption": "Seconds from start to saved result, foretold; both scales are logarithmic.",
    "plan.chart.seconds": "seconds",
    "plan.chart.examples": "examples",
}
