"""The strings of the page's parts beside the conclusion in Korean; those in English have the same keys."""

STRINGS: dict[str, str] = {
    # Charts
    "chart.ratio": "{value}({ratio})",
    "chart.rounds": "라운드별 {list}",
    "chart.range": "({low}~{high})",
    "chart.ranges": "선은 라운드의 최솟값부터 최댓값까지입니다.",
    "chart.line": "{first}에서 {last:으로/로}(최소 {least}), {where}까지",
    "chart.step": "스텝 안의 시간",
    "chart.step.text": "첫 스텝을 제외한 스텝에서 각 부분의 중앙값(초)입니다.",
    "chart.step.text.single": "첫 스텝을 제외한 스텝에서 각 부분의 중앙값(초)입니다.",
    "chart.loss_step.rounds": "가는 선은 각 라운드, 굵은 선은 라운드의 중앙값입니다.",
    "chart.memory.parts": "왼쪽부터 가중치, 학습에 필요한 것(그래디언트, 마스터 가중치, 모멘트), "
    "나머지이며 앞의 둘은 추정값입니다.",
    "chart.figures": "수치",
    "memory.part.weights": "가중치",
    "memory.part.state": "그래디언트와 옵티마이저",
    "memory.part.fixed": "가중치, 그래디언트, 옵티마이저",
    "memory.part.rest": "활성값, 라이브러리 등",
    # Page
    "page.contents": "목차",
    "page.copy": "복사",
    "page.copied": "복사됨",
    "page.diff": "다른 부분 표시",
    "page.same": "원래대로 보기",
    "page.sort": "정렬 기준",
    "page.more": "자세히 보기",
    "page.questions": "나머지 질문 {number}개",
    "page.questions.one": "나머지 질문 {number}개",
    "answers.chrf": "chrF는 글자 묶음으로 본 두 글의 유사도이며 0에서 100까지입니다.",
    "remedy.not_finite": "학습률을 낮추거나 --precision fp32를 쓰면 나아질 수 있습니다.",
    "remedy.out_of_memory": "--batch-size를 줄이거나 --gradient-checkpointing을 쓰거나, 더 적게 학습하는 "
    "방법을 쓰면 나아질 수 있습니다.",
    "race.title": "학습 시간({number}라운드의 중앙값, 점은 각 라운드)",
    "race.title.one": "학습 시간(1라운드)",
    "race.title.single": "학습 시간",
    # Badges
    "badge.busy": "다른 프로그램 실행 중",
    "badge.busy.text": "실행 {all}개 중 {busy}개에서 다른 프로그램이 함께 실행되어, 방법 사이의 차이보다 "
    "시간 변동이 클 수 있습니다.",
    "badge.few": "라운드 부족",
    "badge.few.one": "1라운드만으로는 신뢰 구간이 없으며 다시 측정하면 달라질 수 있습니다",
    "badge.few.wide": "{number}라운드의 신뢰 구간으로는 큰 차이만 확인할 수 있습니다",
    "badge.swap": "메모리 스왑 발생",
    "badge.swap.text": "{runs} 실행 중에 일어나, 시간에 디스크의 속도가 섞여 있습니다.",
    "badge.hot": "발열로 클럭 제한",
    "badge.hot.text": "{runs} 실행 중에 일어났습니다.",
    "finding.load.many": "실행 {all}개 중 {number}개에서 시스템에 다른 부하가 있었습니다: 코어 "
    "{cores}개에 평균 부하(load average) {low}~{high}({runs}).",
}
