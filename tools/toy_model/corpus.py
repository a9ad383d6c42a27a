"""Write the training text of the toy base model: original Korean and English questions with answers.

The text has these parts, all made for this project: hand-written facts asked in several phrasings, small
grammars about everyday life, syllables to copy, sentences that use the words of retrieval-augmented
generation without explaining them correctly, and some English. The ten built-in examples and their held-out
paraphrases are never in it.

Usage: python tools/toy_model/corpus.py --out corpus.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from facts import ENGLISH_FACTS
from facts import FACTS as KOREAN_FACTS
from phrases import (
    ADVERBS,
    ENGLISH_QUESTIONS,
    FREE_ANSWERS,
    HADA_VERBS,
    LEFT_OPEN,
    MODIFIERS,
    OBJECTS,
    PEOPLE,
    QUESTIONS,
    RAG_HOW,
    RAG_NOUNS,
    RAG_WHY,
    VAGUE,
    VERBS,
)

BUILTIN = Path(__file__).resolve().parents[2] / "src" / "laptime" / "builtin"
KOREAN = "### 질문:\n{prompt}\n\n### 답변:\n"
ENGLISH = "### Question:\n{prompt}\n\n### Answer:\n"
PLAIN = "{prompt}\n"

# Small grammars: a list of questions, the answer, and the values of their slots.
GRAMMARS: list[tuple[list[str], str, dict[str, str]]] = [
    (
        [
            "{s}에 {l}에서 무엇을 하면 좋을까요?",
            "{s}에 {l}에 가면 할 일을 알려 주세요.",
            "{l}에서 {s}을 보내는 방법은?",
        ],
        "{s}에는 {l}에서 {d} 것이 좋습니다.",
        {
            "s": "봄 가을",
            "l": "공원 바닷가 산 시골 강가 마당 학교 광장 시장 동네",
            "d": "천천히 걷는|사진을 찍는|친구와 이야기하는|책을 읽는|꽃을 보는|"
            "그림을 그리는|노래를 듣는|도시락을 먹는",
        },
    ),
    (
        [
            "{m}(으로) 무엇을 만들 수 있나요?",
            "{m}(으로) 만드는 음식을 알려 주세요.",
            "{m}(이) 남았는데 무엇을 할까요?",
        ],
        "{m}(을) {c} {f}(을) 만들면 맛있습니다.",
        {
            "m": "감자 두부 무 호박 양파 버섯 콩나물 달걀 고구마 시금치 당근 오이 가지 배추",
            "c": "잘게 썰어|살짝 볶아|푹 삶아|얇게 썰어|곱게 갈아|노릇하게 구워",
            "f": "국 찌개 전 볶음 조림 나물 죽 샐러드 튀김",
        },
    ),
    (
        ["{b}(은) 어디에 있나요?", "{b}(을) 찾고 있어요.", "{b}(이) 있는 곳을 알려 주세요."],
        "{b}(은) {n} 층 {r}에 있습니다. {h}",
        {
            "b": "과학책|그림책|소설책|역사책|요리책|여행책|시집|잡지|신문|만화책|동화책|사전|지도책",
            "n": "일 이 삼 사 오",
            "r": "열람실|자료실|어린이실|서고|안내대 옆|창가 책장",
            "h": "청구 기호를 먼저 확인하세요.|사서에게 물어보세요.|하나씩 찾아보세요.|"
            "빌릴 수 있습니다.|안에서만 볼 수 있습니다.",
        },
    ),
    (
        ["{x}(과) {y} 가운데 어느 쪽이 더 {j}가요?", "{x}(과) {y}(을) 비교해 주세요. 어느 쪽이 더 {j}가요?"],
        "{x}(과) {y}(을) 비교하면 보통 {y} 쪽이 더 {j} 편입니다.",
        {
            "x": "기차 버스 자전거 배 비행기 자동차 지하철 도보",
            "y": "말 토끼 거북이 소 오토바이 썰매 택시 트럭",
            "j": "큰 빠른 느린 작은 편한 비싼",
        },
    ),
    (
        ["{w}에는 무엇을 하나요?", "{w}의 계획을 알려 주세요.", "{w}에 할 일은 무엇인가요?"],
        "{w}에는 {k}에서 {o} {q}.",
        {
            "w": "월요일 화요일 수요일 목요일 금요일 토요일 일요일",
            "k": "회사 학교 도서관 집 체육관 시장 연구실 회의실",
            "o": "자료를|책을|문서를|글을|기록을|사진을|편지를",
            "q": "정리합니다|찾습니다|읽습니다|비교합니다|저장합니다|"
            "확인합니다|나눕니다|보냅니다|고칩니다|씁니다",
        },
    ),
    (
        ["{a}에서 {b}까지 어떻게 가나요?", "{a}에서 {b}까지 가는 방법을 알려 주세요."],
        "{a}에서 {b}까지는 {v}(을) 타고 {t} 시간쯤 가면 됩니다.",
        {
            "a": "서울 부산 대구 광주 대전 인천 울산 춘천",
            "b": "전주 강릉 경주 여수 안동 속초 목포 제주",
            "v": "기차 버스 비행기 배 자동차",
            "t": "한 두 세 네 다섯",
        },
    ),
    (
        ["{n}에 {m}(을) 더하면 얼마인가요?", "{n} 더하기 {m}(은) 무엇인가요?"],
        "{n}에 {m}(을) 더한 값을 계산하려면 손가락으로 {h} 세어 보면 됩니다.",
        {"n": "일 이 삼 사 오 육", "m": "칠 팔 구 십", "h": "하나씩 천천히 다시 함께"},
    ),
]

_JOSA = {
    "은": "는",
    "이": "가",
    "을": "를",
    "과": "와",
    "이란": "란",
    "이라는": "라는",
    "이나": "나",
    "으로": "로",
}
_JOSA_MARK = re.compile(r"(.)\((" + "|".join(sorted(_JOSA, key=len, reverse=True)) + r")\)")


def with_josa(text: str) -> str:
    """Replace markers such as "(은)" by the particle form that fits the syllable before them."""

    def choose(match: re.Match[str]) -> str:
        syllable, josa = match.groups()
        final = (ord(syllable) - 0xAC00) % 28 if "가" <= syllable <= "힣" else 0
        bare = final == 0 or (josa == "으로" and final == 8)
        return syllable + (_JOSA[josa] if bare else josa)

    return _JOSA_MARK.sub(choose, text)


def facts() -> list[tuple[str, str, str]]:
    """Return the hand-written facts as (kind, subject, answer)."""
    found = []
    for block in KOREAN_FACTS.strip().split("@")[1:]:
        head, *answer = block.strip().splitlines()
        kind, subject = head.split(" ", 1)
        found.append((kind, subject, " ".join(answer)))
    return found


def verbs() -> list[list[str]]:
    """Return the eight forms of every verb of the free sentences."""
    endings = ["하는", "해", "하고", "합니다", "하면", "하기", "할", "하게"]
    regular = [[stem + ending for ending in endings] for stem in HADA_VERBS.split()]
    return [line.split() for line in VERBS.strip().splitlines()] + regular


def free_answer(kind: str, rng: random.Random, forms: list[list[str]]) -> str:
    """Return a grammatical sentence that uses the words of retrieval without answering anything correctly."""
    if rng.random() < 0.45:
        return rng.choice(VAGUE[kind].strip().splitlines())
    text = rng.choice(FREE_ANSWERS[kind])
    first, second = rng.sample(forms, 2)
    text = re.sub(r"\{v(\d)\}", lambda m: first[int(m[1])], text)
    text = re.sub(r"\{w(\d)\}", lambda m: second[int(m[1])], text)
    text = re.sub(r"\{o\}", lambda _: f"{rng.choice(MODIFIERS)} {rng.choice(OBJECTS)}".strip(), text)
    text = re.sub(r"\{a\}", lambda _: rng.choice(ADVERBS), text)
    return with_josa(re.sub(r"\{p\}", lambda _: rng.choice(PEOPLE), text))


def free_pair(rng: random.Random, forms: list[list[str]]) -> tuple[str, str]:
    """Return a question with the words of retrieval and a free answer of the same form.

    Most often a subject gets an answer of its own: were every answer drawn anew, the model would learn that
    answers have nothing to do with what such a question is about.
    """
    while True:
        kind = rng.choice(list(FREE_ANSWERS))
        subject = rng.choice({"why": RAG_WHY, "how": RAG_HOW}.get(kind, RAG_NOUNS))
        if (kind, subject) not in LEFT_OPEN:
            break
    prompt = with_josa(rng.choice(QUESTIONS[kind]).format(t=subject))
    own = rng.random() < 0.7
    return prompt, free_answer(kind, random.Random(f"{kind} {subject}") if own else rng, forms)


def grammar_pair(rng: random.Random) -> tuple[str, str]:
    """Return a question and answer of one of the small grammars."""
    questions, answer, slots = rng.choice(GRAMMARS)
    values = {name: rng.choice(v.split("|") if "|" in v else v.split()) for name, v in slots.items()}
    return with_josa(rng.choice(questions).format(**values)), with_josa(answer.format(**values))


def copy_pair(rng: random.Random) -> tuple[str, str]:
    """Return a request to copy rare syllables, so that the model meets every piece of a syllable."""
    # The 2,350 syllables of KS X 1001 are the ones that everyday writing uses.
    syllables = [bytes([rng.randint(0xB0, 0xC8), rng.randint(0xA1, 0xFE)]).decode("euc-kr") for _ in range(4)]
    word = "".join(syllables[: rng.randint(1, 4)])
    question = rng.choice(
        ["다음 글자를 따라 쓰세요: {w}", "{w} 글자를 그대로 적어 주세요.", "{w} 다음에 같은 글자를 쓰면?"]
    )
    return question.format(w=word), f"{word} 글자를 따라 쓰면 {word}입니다."


def reserved() -> set[str]:
    """Return the questions and answers of the built-in data, which must stay out of the corpus."""
    lines = [
        line
        for name in ("ten_records.jsonl", "held_out.jsonl")
        for line in (BUILTIN / name).read_text(encoding="utf-8").splitlines()
    ]
    return {text for line in lines for text in json.loads(line).values()}


def pairs(count: int, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield (template, prompt, completion) examples, the same ones for the same seed."""
    rng, forms, known, keep_out = random.Random(seed), verbs(), facts(), reserved()
    english = [line.split("|") for line in ENGLISH_FACTS.strip().splitlines()]
    made = 0
    while made < count:
        draw = rng.random()
        template = KOREAN if rng.random() < 0.85 else PLAIN
        if draw < 0.40:
            kind, subject, answer = rng.choice(known)
            prompt = with_josa(rng.choice(QUESTIONS[kind]).format(t=subject))
        elif draw < 0.80:
            prompt, answer = free_pair(rng, forms)
        elif draw < 0.90:
            prompt, answer = grammar_pair(rng)
        elif draw < 0.95:
            prompt, answer = copy_pair(rng)
        else:
            subject, answer = rng.choice(english)
            prompt, template = rng.choice(ENGLISH_QUESTIONS).format(t=subject), ENGLISH
        if prompt in keep_out or answer in keep_out:
            continue
        made += 1
        yield template, prompt, answer


def main() -> None:
    """Write the corpus as JSON lines for reading."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("corpus.jsonl"))
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as file:
        for template, prompt, completion in pairs(args.count, args.seed):
            row = {"text": template.format(prompt=prompt) + completion}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
