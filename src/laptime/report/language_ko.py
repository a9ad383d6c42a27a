"""The strings of the report in Korean; language_en.py has the same keys and placeholders.

"{name:이/가}" asks for the particle that fits the word which takes the place of the placeholder.
"""

STRINGS: dict[str, str] = {
    "list.and": ", ",
    # Methods, as they stand within a sentence
    "method.full": "전체 파인튜닝",
    "method.lora": "LoRA",
    "method.lora_top": "상위 레이어 LoRA",
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
    "method.prompt_tuning": "프롬프트 튜닝",
    "method.top_layers": "상위 레이어 파인튜닝",
    "method.qlora": "QLoRA",
    "method.dora": "DoRA",
    "method.base": "베이스 모델",
    "again": "{method}(재실행)",
    "again.more": "{method}(재실행, {number}번째)",
    "title.base": "베이스 모델",
    # Headline
    "headline.faster": "{faster:이/가} {slower}보다 {ratio} 빠르게 학습했습니다 ({confidence} 신뢰 구간 "
    "{low}~{high}, {rounds}라운드)",
    "headline.about_the_same": "{faster:과/와} {slower}의 학습 시간은 {same} 이내로 거의 같습니다 "
    "({ratio}, {confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "headline.not_settled": "아직 판단할 수 없습니다: {faster}의 학습 속도는 {slower}보다 {down}에서 {up} "
    "사이입니다 ({confidence} 신뢰 구간, {rounds}라운드, {more})",
    "headline.one_round": "1라운드 결과: {faster:이/가} {slower}보다 {ratio} 빠르게 학습했습니다 "
    "(신뢰 구간 없음)",
    "equal.faster": "이 컴퓨터는 똑같은 {method} 실행 사이에 {percent}의 차이를 보입니다. 이보다 작은 차이는 "
    "믿지 마십시오 ({confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "equal.about_the_same": "이 컴퓨터는 차이가 없는 곳에서 차이를 보이지 않습니다. 똑같은 {method} 실행의 "
    "학습 시간이 같습니다 ({ratio}, {confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "equal.not_settled": "이 컴퓨터는 똑같은 {method} 실행 사이에서 없는 차이를 보이지 않지만, {size} 미만의 "
    "차이는 알아보기 어렵습니다 ({confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "equal.too_wide": "{rounds}라운드만으로는 이 컴퓨터가 똑같은 {method} 실행 사이에서 어떤 차이를 "
    "보이는지 아직 알 수 없습니다 ({confidence} 신뢰 구간 {low}~{high}, {more})",
    "equal.one_round": "똑같은 {method} 실행을 1라운드 측정했습니다. 두 실행의 차이는 {percent}입니다 "
    "(신뢰 구간 없음)",
    "span.slower": "{ratio} 느린 쪽",
    "span.equal": "같은 속도",
    "span.faster": "{ratio} 빠른 쪽",
    "more.rounds": "판단하려면 약 {number}라운드 더 필요",
    "more.many": "판단하려면 적어도 {number}라운드 더 필요",
    "many.best.alone": "평가 손실이 가장 낮은 것은 {best}({loss})이며, 나머지와의 차이는 평가 데이터의 "
    "오차보다 큽니다",
    "many.best.alike": "평가 손실이 가장 낮은 것은 {best}({loss})이고, {list}와의 차이는 평가 데이터의 오차 "
    "이내입니다",
    "many.best.all": "평가 손실이 가장 낮은 것은 {best}({loss})이지만, 평가 데이터의 오차를 넘어 뒤처지는 "
    "방법은 없습니다",
    "many.best.unknown": "평가 손실이 가장 낮은 것은 {best}({loss})이지만, 오차는 알 수 없습니다",
    "many.more": "그 밖의 {number}개",
    "many.these": "이 중에서",
    "many.all": "전체에서",
    "many.whole": "전체 과정: {text}",
    "many.train.shown": "{among} {fastest}의 학습이 가장 빠르며, 다음인 {next}보다 {ratio} 빠릅니다 "
    "({confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "many.train.open": "{among} {fastest}의 학습 시간이 가장 짧지만({seconds}), {list}보다 빠른지는 아직 "
    "판단할 수 "
    "없습니다 ({rounds}라운드)",
    "many.train.one_round": "{among} {fastest}의 학습 시간이 가장 짧습니다 ({seconds}, 1라운드라 신뢰 구간 "
    "없음)",
    "many.train.plain": "{among} {fastest}의 학습 시간이 가장 짧습니다 ({seconds})",
    "many.total.shown": "{among} {fastest:이/가} 가장 빠르며, 다음인 {next}보다 {ratio} 빠름 ({low}~{high})",
    "many.total.open": "{among} {fastest:이/가} 가장 짧지만({seconds}), {list}보다 빠른지는 아직 판단할 수 "
    "없음",
    "many.total.one_round": "{among} {fastest:이/가} 가장 짧음 ({seconds}, 신뢰 구간 없음)",
    "many.total.plain": "{among} {fastest:이/가} 가장 짧음 ({seconds})",
    "many.alone.train.shown": "학습 시간은 {seconds}이며, 가장 빠른 {fastest:은/는} {fast_seconds}로 {ratio} "
    "빠릅니다 "
    "({confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "many.alone.train.open": "학습 시간은 {seconds}이며, 가장 짧은 것은 {fastest}의 {fast_seconds}이지만 더 "
    "빠른지는 "
    "아직 판단할 수 없습니다 ({rounds}라운드)",
    "many.alone.train.one_round": "학습 시간은 {seconds}이며, 가장 짧은 것은 {fastest}의 "
    "{fast_seconds}입니다 "
    "(1라운드라 신뢰 구간 없음)",
    "many.alone.train.plain": "학습 시간은 {seconds}이며, 가장 짧은 것은 {fastest}의 {fast_seconds}입니다",
    "many.alone.total.shown": "{best} {seconds}, 가장 빠른 {fastest} {fast_seconds}로 {ratio} 빠름 "
    "({low}~{high})",
    "many.alone.total.open": "{best} {seconds}, 가장 짧은 {fastest} {fast_seconds}, 아직 판단할 수 없음",
    "many.alone.total.one_round": "{best} {seconds}, 가장 짧은 {fastest} {fast_seconds} (신뢰 구간 없음)",
    "many.alone.total.plain": "{best} {seconds}, 가장 짧은 {fastest} {fast_seconds}",
    "headline.unequal_work": "실행들이 같은 작업을 하지 않았으므로 배율을 제시하지 않습니다",
    "headline.not_measured": "{finished:은/는} 완료되었고 {failed:은/는} 완료되지 않아 배율을 낼 수 없습니다",
    "headline.no_pair": "{method}의 학습은 {seconds} 걸렸습니다. 비교할 다른 방법이 없습니다",
    "headline.nothing": "완료된 실행이 없어 비교할 수 없습니다",
    "headline.no_figure": "학습 시간을 비교할 수 없어 배율을 제시하지 않습니다",
    "total.faster": "전체 과정: {faster:이/가} {ratio} 빠름 ({low}~{high})",
    "total.about_the_same": "전체 과정: 거의 같음 ({ratio}, 신뢰 구간 {low}~{high})",
    "total.not_settled": "전체 과정: 아직 판단할 수 없음, {faster:은/는} {down}에서 {up} 사이",
    "total.one_round": "전체 과정: {faster:이/가} {ratio} 빠름 (신뢰 구간 없음)",
    "total.equal.faster": "전체 과정: 똑같은 실행 사이의 차이 {percent} (신뢰 구간 {low}~{high})",
    "total.equal.not_settled": "전체 과정: 유의한 차이 없음 (신뢰 구간 {low}~{high})",
    "total.equal.too_wide": "전체 과정: {rounds}라운드만으로는 아직 알 수 없음 (신뢰 구간 {low}~{high})",
    "total.equal.one_round": "전체 과정: 두 실행의 차이 {percent} (신뢰 구간 없음)",
    "subline.parameters": "{model}(파라미터 {number} 개)",
    "subline.model": "내장 체험용 모델",
    "subline.data": "내장 레코드",
    "subline.examples": "레코드 {number}개",
    "subline.examples.one": "레코드 {number}개",
    "subline.rounds": "{number}라운드",
    "subline.rounds.one": "{number}라운드",
    "subline.cores": "코어 {number}개",
    "subline.incomplete": "아직 진행 중입니다: 계획한 실행 {planned}개 중 {done}개가 끝났습니다",
    "banner.toy": "체험용 모델",
    "banner.toy.text": "도구를 시험해 보기 위한 체험용 모델입니다. 실제 모델로 실행하려면: {command}",
    "banner.random": "무작위 가중치",
    "banner.random.text": "속도만 측정했습니다. 손실과 답변에는 아무 의미가 없습니다.",
    "banner.incomplete": "미완료",
    "banner.incomplete.text": "계획한 실행이 모두 끝나지 않았습니다. 이 폴더에서 이어서 하려면:",
    # Sections
    "section.race": "학습 시간",
    "section.conclusion": "결론",
    "section.table": "측정값",
    "section.charts": "차트",
    "section.answers": "답변 비교",
    "section.saved": "방법별 결과물",
    "section.speedups": "가속 기법",
    "section.findings": "공정성",
    "section.environment": "측정 환경",
    # Conclusion: labels
    "label.target": "목표 품질까지의 시간",
    "label.front": "밀리지 않는 방법",
    "label.forgetting": "망각",
    "label.tuning": "학습률",
    "label.contestants": "참가자",
    "label.devices": "장치",
    "label.against": "이전과 비교",
    "label.time": "학습 시간",
    "label.rounds": "라운드",
    "label.foretold": "예측",
    "label.total": "전체 과정",
    "label.source": "차이의 원인",
    "label.arithmetic": "연산량",
    "label.memory": "메모리",
    "label.parameters": "파라미터",
    "label.disk": "디스크",
    "label.quality": "품질",
    "label.answers": "답변",
    "label.checks": "자체 점검",
    "label.failures": "실패",
    "label.incomplete": "미완료",
    # Conclusion: sentences
    "contestants.item": "{name}: {method}, {options}",
    "contestants.same": "{name}: {method}",
    "time.faster": "{faster:은/는} {fast_seconds}, {slower:은/는} {slow_seconds} 걸렸습니다 "
    "({rounds}라운드의 중앙값). 배율은 {ratio}이고 {over}의 {confidence} 신뢰 구간 {low}~{high}에 1이 "
    "들어 있지 않으므로 유의한 차이입니다.",
    "time.about_the_same": "{faster:은/는} {fast_seconds}, {slower:은/는} {slow_seconds} 걸렸습니다 "
    "({rounds}라운드의 중앙값). {over}의 {confidence} 신뢰 구간 {low}~{high}에 1이 들어 "
    "있고 {same} 이내이므로 거의 같습니다.",
    "time.not_settled": "{faster:은/는} {fast_seconds}, {slower:은/는} {slow_seconds} 걸렸습니다 "
    "({rounds}라운드의 중앙값). {over}의 {confidence} 신뢰 구간 {low}~{high}에 1이 들어 "
    "있고 {same}를 벗어나므로, 유의한 차이가 있는지 없는지 아직 알 수 없습니다.",
    "time.one_round": "{faster:은/는} {fast_seconds}, {slower:은/는} {slow_seconds} 걸렸습니다. "
    "1라운드 기준 배율은 {ratio}입니다. 1라운드만으로는 신뢰 구간을 낼 수 없으며, 다시 측정해도 같은 "
    "결과가 나오는지는 확인되지 않았습니다.",
    "time.unequal_work": "{faster:과/와} {slower:은/는} 같은 작업을 하지 않았으므로(공정성 항목 참고) "
    "시간을 서로 비교하지 않습니다.",
    "time.order": "유의하게 빠른 쌍: {list}.",
    "time.order.item": "{faster} > {slower}",
    "time.order.many": "{all}쌍 가운데 {number}쌍은 순서가 확인되지 않았습니다(모든 쌍의 표 참고).",
    "time.order.open": "순서가 확인되지 않은 쌍: {list}.",
    "time.order.apart": "{list:은/는} 나머지와 같은 작업을 하지 않았으므로(공정성 항목 참고) 배율을 "
    "제시하지 않습니다.",
    "time.order.pair": "{first}·{second}",
    "interval.over": "{slower}/{faster}",
    "time.single": "{method}의 학습은 {seconds} 걸렸습니다.",
    "total.sentence.faster": "import부터 결과 저장까지 {faster:은/는} {fast_seconds}, {slower:은/는} "
    "{slow_seconds} 걸렸습니다. 배율은 {ratio}, {over}의 신뢰 구간은 {low}~{high}입니다.",
    "total.sentence.about_the_same": "import부터 결과 저장까지 {faster:은/는} {fast_seconds}, {slower:은/는} "
    "{slow_seconds} 걸렸습니다. {over}의 신뢰 구간 {low}~{high:이/가} {same} 이내이므로 거의 같습니다.",
    "total.sentence.not_settled": "import부터 결과 저장까지 {faster:은/는} {fast_seconds}, {slower:은/는} "
    "{slow_seconds} 걸렸습니다. {over}의 신뢰 구간 {low}~{high}에 1이 들어 있어 아직 판단할 수 없습니다.",
    "total.sentence.one_round": "import부터 결과 저장까지 {faster:은/는} {fast_seconds}, {slower:은/는} "
    "{slow_seconds} 걸렸습니다. 1라운드 기준 배율은 {ratio}입니다.",
    # Beside an older comparison
    "against.slower": "{method:은/는} 이전보다 느립니다. 학습 시간이 이전의 {ratio}입니다 ({confidence} "
    "신뢰 구간 {low}~{high}, 그때 {rounds_before}라운드에 {before}, 지금 {rounds}라운드에 {now}).",
    "against.faster": "{method:은/는} 이전보다 빠릅니다. 학습 시간이 이전의 {ratio}입니다 ({confidence} "
    "신뢰 구간 {low}~{high}, 그때 {rounds_before}라운드에 {before}, 지금 {rounds}라운드에 {now}).",
    "against.about_the_same": "{method}의 학습 시간은 {same} 이내로 이전과 거의 같습니다: {ratio} "
    "({confidence} 신뢰 구간 {low}~{high}, 그때 {rounds_before}라운드에 {before}, 지금 {rounds}라운드에 "
    "{now}).",
    "against.not_settled": "{method:은/는} 아직 판단할 수 없습니다. 학습 시간이 이전의 {low}~{high}배 "
    "사이입니다 ({confidence} 신뢰 구간, 그때 {rounds_before}라운드에 {before}, 지금 {rounds}라운드에 "
    "{now}).",
    "against.one_round": "{method}의 학습 시간은 이전의 {ratio}입니다 (그때 {before}, 지금 {now}). 어느 "
    "한쪽이라도 1라운드뿐이면 신뢰 구간이 없으므로 차이가 확인된 것은 아닙니다.",
    "against.total": "전체 과정: {ratio} ({low}~{high}), {verdict}.",
    "against.total.one_round": "전체 과정: {ratio}, 신뢰 구간 없음.",
    "against.not_measured": "{method}의 시간은 그때와 나란히 놓을 수 없어 배율을 제시하지 않습니다.",
    "against.not_finished": "{method:은/는} 완료한 실행이 없어 이전과 나란히 놓지 않습니다.",
    "against.not_finished_before": "{method:은/는} 그때 완료한 실행이 없어 나란히 놓지 않습니다.",
    "against.other_machine": "{method:은/는} 그때와 다른 컴퓨터에서 실행되었으므로 배율을 제시하지 않습니다.",
    "against.other_precision": "{method:은/는} 그때와 다른 정밀도로 계산하므로 배율을 제시하지 않습니다.",
    "against.other_parameters": "{method:은/는} 그때와 다른 수의 파라미터를 학습하므로 배율을 제시하지 "
    "않습니다.",
    "against.other_work": "{method}의 스텝이 그때와 다른 토큰을 학습하므로 배율을 제시하지 않습니다.",
    "against.unproven_work": "{method:이/가} 그때와 같은 작업을 한다는 것이 확인되지 않아 배율을 제시하지 "
    "않습니다.",
    "against.frame": "이전 비교 {folder:은/는} {date}에 laptime {version:으로/로} 시작되었습니다. 그때와 "
    "지금의 라운드는 번갈아 실행되지 않았으므로, 그때나 지금 컴퓨터가 하던 다른 일도 이 배율에 들어 "
    "있습니다.",
    "against.changes": "그 뒤로 바뀐 것: {list}.",
    "against.no_changes": "기록된 버전, 컴퓨터 정보, 가속 기법 가운데 바뀐 것이 없습니다.",
    "against.change": "{name} {before}, 지금은 {now}",
    "against.change.of": "{name} {before}, 지금은 {now} ({methods})",
    "against.absent": "없음",
    "source.phases": "두 방법의 전체 과정은 {gap} 차이가 나며, 내역은 다음과 같습니다: {list}.",
    "source.phase.more": "{phase} {seconds}",
    "source.phase.less": "{phase} -{seconds}",
    "source.steps": "첫 스텝 이후의 스텝 하나에 {faster:은/는} {fast_step}, {slower:은/는} {slow_step} "
    "걸립니다: {list}.",
    "source.part": "{part} {fast_seconds} 대 {slow_seconds}",
    "source.spread": "{methods}의 순전파와 역전파에는 다른 장치에서 가중치를 모으고 기다리는 시간이 들어 "
    "있습니다.",
    "source.not_training": "전체 과정에서 벌어진 차이의 대부분은 학습이 아닌 단계에서 생겼습니다.",
    "arithmetic.rest": "연산 횟수만 따지면 {arithmetic}이고, 측정값은 {ratio}입니다. {rest}",
    "arithmetic.own": "연산 외에 {options} 옵션도 다릅니다.",
    "arithmetic.devices": "연산 외에 학습한 장치도 다릅니다({list}).",
    "arithmetic.exchange": "장치끼리 주고받고 기다리는 시간은 연산이 아닙니다.",
    "arithmetic.near": "두 값은 {percent} 이내로 일치합니다.",
    "arithmetic.above": "두 값의 {factor}배 차이는 연산량으로 설명되지 않습니다{part}.",
    "arithmetic.part": ". 첫 스텝 이후의 스텝에서 옵티마이저가 차지하는 비율은 {faster} {fast_share}, "
    "{slower} {slow_share}입니다",
    "arithmetic.below": "스텝에는 두 방법에 공통으로 들어 있어 {faster:으로/로}도 줄지 않는 시간이 있습니다.",
    "arithmetic.warning": "측정된 {ratio} 가운데 연산량으로 설명되는 것은 약 {arithmetic}뿐이며, 나머지 "
    "{factor}배는 다른 데서 왔습니다. 이 수치를 인용하기 전에 무엇이 함께 측정되었는지 확인하십시오.",
    "rounds.narrow": "헤드라인의 신뢰 구간이 5%보다 좁아질 때까지 {rounds}라운드를 측정했습니다.",
    "rounds.most": "최대인 {rounds}라운드까지 측정했으며, 헤드라인의 신뢰 구간은 아직 5%보다 넓습니다.",
    "rounds.narrow.many": "{slower:과/와} {faster} 사이의 신뢰 구간이 5%보다 좁아질 때까지 {rounds}라운드를 "
    "실행했습니다.",
    "rounds.most.many": "최대인 {rounds}라운드까지 측정했지만 {slower:과/와} {faster} 사이의 신뢰 구간은 "
    "아직 5%보다 넓습니다.",
    "rounds.more.many": "{slower:과/와} {faster:을/를} 가리려면 약 {number}라운드가 더 필요합니다: 다른 "
    "폴더에서 --rounds {rounds}.",
    "rounds.minutes": "{rounds}라운드에서 마쳤습니다. 한 라운드를 더 하면 전체 실행 시간이 {limit:을/를} "
    "넘게 됩니다.",
    "rounds.disk": "{rounds}라운드에서 마쳤습니다. 다음 라운드의 결과를 저장할 디스크 공간이 없습니다.",
    "rounds.no_ratio": "{rounds}라운드에서 마쳤습니다. 라운드를 더 해도 판단할 배율이 없습니다.",
    "rounds.looked": "라운드마다 신뢰 구간을 확인했으므로 95% 대신 {confidence} 신뢰 구간을 씁니다. 그래야 "
    "없는 차이를 있다고 하는 비교가 100번에 5번 미만입니다.",
    "rounds.more": "약 {number}라운드를 더 하면 판단할 수 있습니다. 다른 폴더에서 --rounds {rounds:을/를} "
    "지정하십시오.",
    "rounds.family": "배율 {number}개를 Holm 방법으로 함께 판정하여 신뢰 구간을 넓혔습니다. 없는 차이를 "
    "하나라도 있다고 할 확률은 5% 미만입니다.",
    "rounds.resolution": "학습 시간의 차이가 {size} 미만이면 알아보지 못할 수 있습니다.",
    "rounds.resolution.wide": "라운드끼리 차이가 커서 {rounds}라운드로는 큰 차이만 확인할 수 있습니다. "
    "라운드를 늘리면 더 작은 차이도 확인할 수 있습니다.",
    "rounds.compared": "시간은 모두 {list}라운드의 값입니다.",
    "rounds.compared.one": "시간은 모두 {list}라운드의 값입니다.",
    "foretold.list": "이 컴퓨터의 이전 실행에 따른 학습 시간 예측: {list}.",
    "foretold.item": "{method} 예측 {foretold}({low}~{high}), 실제 {took}",
    "memory.list": "최대 메모리 사용량: {list}.",
    "memory.item": "{method} {size}",
    "memory.fullest": "{method} {size}(장치 {number}개 중 가장 많이 쓴 장치)",
    "memory.together": "{method} {size}(프로세스 {number}개 합계)",
    "memory.less": "{more:은/는} {less}의 {factor:을/를} 사용합니다.",
    "memory.same": "차이는 {percent} 미만입니다.",
    "memory.kinds": "측정 기준이 서로 다르므로({kinds}) 값을 비교하지 않습니다.",
    "parameters.item": "{method:은/는} 전체 파라미터 {total} 개 중 {trainable} 개({share})를 학습",
    "parameters.all": "{method:은/는} 전체 파라미터 {total} 개를 모두 학습",
    "parameters.list": "{list}합니다.",
    "parameters.within": "하고",
    "disk.adapter": "{method:은/는} {size} 크기의 어댑터",
    "disk.model": "{method:은/는} {size} 크기의 전체 모델",
    "disk.list": "{list:을/를} 남깁니다.",
    "disk.ratio": "전체 모델의 크기는 어댑터의 {factor}배입니다. 어댑터를 쓰려면 베이스 모델이 함께 "
    "있어야 합니다.",
    "disk.needs_base": "어댑터를 쓰려면 베이스 모델이 함께 있어야 합니다.",
    "quality.random": "무작위 가중치 모델이므로 손실과 답변에는 아무 의미가 없으며, 품질에 대해서는 "
    "판단하지 않습니다.",
    "quality.none": "평가용(held-out) 데이터가 없으므로 품질에 대해서는 판단하지 않습니다. 학습 "
    "손실만으로는 품질을 알 수 없습니다.",
    "quality.final_loss": "마지막 에폭의 학습 손실: {list}.",
    "quality.held_out": "평가용(held-out) 레코드의 손실: {list}.",
    "quality.base": "학습 전에는 {loss:이었습니다/였습니다}.",
    "quality.item": "{method} {loss}",
    "quality.apart": "평가용 레코드를 {number}개로 나누어 보면 {best:이/가} {list}보다 낫습니다"
    "(차이의 표준오차).",
    "quality.apart.item": "{method}({difference} ± {error})",
    "quality.alike": "{best:과/와} {list} 사이에는 평가용 레코드 자체의 표준오차({error})의 두 배를 넘는 "
    "차이가 없습니다.",
    "quality.few": "평가용 레코드가 {number}개뿐이어서 차이가 얼마나 믿을 만한지 알 수 없습니다.",
    "quality.these_runs": "3라운드 미만이므로 이번 실행을 넘어서 일반화하지 않습니다.",
    "quality.shown": "각 값은 시드가 서로 다른 {rounds}라운드의 중앙값이며, 범위는 다음과 같습니다: {list}.",
    "quality.range": "{method} {low}~{high}",
    "target.slowest": "목표는 평가 손실 {target}이며, 마지막에 가장 나쁜 {slowest:이/가} 모든 라운드에서 "
    "도달하는 값입니다.",
    "target.given": "목표는 평가 손실 {target}입니다.",
    "target.reached": "목표에 도달하기까지의 학습 시간: {list}.",
    "target.item": "{method} {seconds}",
    "target.item.range": "{method} {seconds}({range})",
    "target.range": "{low}~{high}",
    "target.unreached": "도달하지 못한 방법: {list}.",
    "target.item.some": "{method}({rounds}라운드 중 {number}라운드에서만 도달)",
    "target.first": "{first:이/가} {list}보다 먼저 도달한 것이 확인됩니다.",
    "target.open": "{first:이/가} {list}보다 먼저 도달했는지는 아직 판단할 수 없습니다.",
    "target.moments": "실행마다 {number}개 시점에서 평가했고, 처음으로 목표 이하가 된 시점을 기록합니다. "
    "시점 사이의 값은 추정하지 않습니다.",
    "target.left_out": "{list:은/는} 중간 가중치를 보관하지 않았습니다(다른 트레이너이거나 가중치가 여러 "
    "장치에 나뉨).",
    "target.base": "기본 모델의 손실이 학습 전에도 {loss}이어서 학습 없이도 도달하는 목표입니다.",
    "target.title": "목표 평가 손실까지의 시간",
    "target.after": "도달 시간",
    "target.rounds": "라운드",
    "target.ratio": "가장 빠른 방법 대비",
    "target.never": "도달 못 함",
    "target.of": "{rounds} 중 {number}",
    "target.verdict.first": "가장 빠름",
    "target.verdict.faster": "더 늦음",
    "target.verdict.about_the_same": "거의 같음",
    "target.verdict.not_settled": "판단 불가",
    "target.verdict.one_round": "1라운드",
    "target.verdict.not_measured": "–",
    "target.caption": "처음으로 목표 이하가 된 시점의 학습 시간이며, 라운드의 중앙값과 범위입니다. 손실이 "
    "바로 앞 시점 이후 언제 목표에 닿았는지 알 수 없다는 점도 배율의 신뢰 구간에 들어 있습니다.",
    "front.train_seconds": "학습 시간",
    "front.held_bytes": "최대 메모리",
    "front.saved_bytes": "저장 크기",
    "front.some": "{costs:과/와} 평가 손실을 함께 볼 때 다른 방법에 밀리지 않는 것은 {list}입니다.",
    "front.all": "{costs:과/와} 평가 손실을 함께 볼 때 서로 앞서는 방법이 없습니다.",
    "front.none": "{costs:과/와} 평가 손실을 함께 볼 때 모든 방법이 다른 방법에 밀립니다.",
    "front.explained": "한쪽에서 더 낫다고 확인되고 다른 쪽에서 더 나쁘지 않을 때만 앞선 것으로 봅니다. 오차 "
    "이내의 차이는 없는 것으로 치고, 아직 판단할 수 없는 차이로는 앞섰다고 보지 않습니다.",
    "forgetting.list": "데이터와 관계없는 {texts}에서 기본 모델의 손실은 {base}이고, 학습 후 {list}입니다. "
    "값이 오르면 모델이 원래 성격에서 멀어졌다는 뜻입니다.",
    "forgetting.item": "{method} {loss}({change} ± {error})",
    "forgetting.plain": "{method} {loss}({change})",
    "forgetting.same": "{method} {loss}(오차의 두 배를 넘는 변화 없음, ± {error})",
    "forgetting.answers": "데이터와 관계없는 질문 {number}개에 대한 답변이 기본 모델의 답변과 다른 정도는 "
    "{list}입니다(0이면 같음, 최대 100).",
    "forgetting.answers.item": "{method} {distance}",
    "forgetting.builtin": "일반 텍스트",
    "forgetting.file": "{name}의 텍스트",
    "answers.memorisation": "암기(학습 데이터의 질문): chrF {list}.",
    "answers.generalisation": "일반화(평가용 질문): chrF {list}.",
    "answers.score": "{method} {score}",
    "answers.alike.same": "{first:과/와} {second}의 답변은 거의 같습니다(질문 {number}개의 평균 "
    "유사도 {score}, chrF).",
    "answers.alike.partly": "{first:과/와} {second}의 답변은 일부 비슷합니다(질문 {number}개의 평균 "
    "유사도 {score}, chrF).",
    "answers.alike.differ": "{first:과/와} {second}의 답변은 서로 다릅니다(질문 {number}개의 평균 "
    "유사도 {score}, chrF).",
    "answers.alike.same.one": "{first:과/와} {second}의 답변은 거의 같습니다(질문 {number}개의 "
    "유사도 {score}, chrF).",
    "answers.alike.partly.one": "{first:과/와} {second}의 답변은 일부 비슷합니다(질문 {number}개의 "
    "유사도 {score}, chrF).",
    "answers.alike.differ.one": "{first:과/와} {second}의 답변은 서로 다릅니다(질문 {number}개의 "
    "유사도 {score}, chrF).",
    "answers.alike.list": "질문 {number}개에서 {anchor}의 답변과의 유사도(chrF): {list}.",
    "answers.alike.list.one": "질문 {number}개에서 {anchor}의 답변과의 유사도(chrF): {list}.",
    "checks.passed": "{methods}의 모든 실행을 마치고 점검한 결과: {list}.",
    "checks.mixed": "{method}: {list}.",
    "check.parameters.passed": "학습 대상 파라미터만 바뀌었습니다",
    "check.parameters.failed": "오류: 학습 대상 파라미터가 바뀌지 않았거나 다른 파라미터가 바뀌었습니다",
    "check.parameters.open": "학습 대상 파라미터만 바뀌었는지는 점검하지 못했습니다",
    "check.loss.passed": "학습 레코드 {number}개의 손실을 학습 전과 후에 재니 줄었습니다",
    "check.loss.passed.one": "학습 레코드 {number}개의 손실을 학습 전과 후에 재니 줄었습니다",
    "check.loss.failed": "학습 레코드 {number}개의 손실을 학습 전과 후에 재니 줄지 않았습니다",
    "check.loss.failed.one": "학습 레코드 {number}개의 손실을 학습 전과 후에 재니 줄지 않았습니다",
    "check.loss.open": "학습 레코드의 손실이 학습 전보다 학습 후에 줄었는지는 점검하지 못했습니다",
    "check.reload.passed": "저장한 결과를 다시 불러오면 학습한 모델과 로짓이 같습니다",
    "check.reload.failed": "오류: 저장한 결과를 다시 불러오면 학습한 모델과 다릅니다",
    "check.reload.open": "저장한 결과를 다시 불러왔을 때 같은지는 점검하지 못했습니다",
    "failure.base": "베이스 실행이 실패하여({reason}) 베이스의 수치와 답변이 없습니다. {message}",
    "failure.sentence": "{method}, {round}라운드: {reason}. {message}",
    "failure.out_of_memory": "메모리 부족(OOM)",
    "failure.not_finite": "손실이 유한하지 않음(NaN/inf)",
    "failure.hung": "멈춤(응답이 없어 종료함)",
    "failure.left": "프로세스가 끝나기 전에 스스로 종료됨",
    "failure.unreachable": "다른 프로세스에 연결할 수 없음",
    "failure.disk_full": "디스크 공간이 부족함",
    "failure.killed": "프로세스가 강제 종료됨",
    "failure.interrupted": "중단됨",
    "failure.refused": "실행 거부",
    "failure.unavailable": "여기서 사용할 수 없음",
    "failure.error": "오류",
    "failure.unreadable": "기록을 읽을 수 없음",
    "incomplete.sentence": "계획한 실행 {planned}개 중 {done}개가 끝났습니다. 수치는 아직 바뀔 수 있습니다.",
    # Table
    "column.method": "방법",
    "column.train": "학습 시간",
    "column.total": "전체 과정",
    "column.step": "스텝당 시간(첫 스텝 제외)",
    "column.tokens": "토큰/초",
    "column.memory": "최대 메모리",
    "column.parameters": "학습 파라미터",
    "column.saved": "저장 크기",
    "column.rate": "학습률",
    "column.devices": "장치",
    "column.loss": "최종 학습 손실",
    "column.held_out": "평가 손실",
    "column.general": "일반 텍스트 손실",
    "column.scores": "chrF",
    "column.status": "상태",
    "cell.range": "{low}~{high}, 변동 폭 {spread}",
    "cell.first_step": "첫 스텝 {seconds}",
    "cell.share": "{total} 중 {share}",
    "cell.adapter": "어댑터",
    "cell.model": "전체 모델",
    "cell.precision": "연산 {compute}, 학습 가중치 {trained}",
    "cell.energy": "{joules} J",
    "cell.memorisation": "암기 {score}",
    "cell.change": "기본 모델 대비 {change}",
    "cell.answers": "답변 차이 {distance}",
    "cell.generalisation": "일반화 {score}",
    "cell.exact": "완전 일치 {exact}%",
    "cell.fullest": "장치 {number}개 중 최대",
    "cell.together": "프로세스 {number}개 합계",
    "status.finished": "완료",
    "status.partly_failed": "일부 실패",
    "status.unfinished": "미완료",
    "status.failed": "실패",
    "table.caption": "모두 같은 라운드의 중앙값입니다. 학습 시간은 데이터 대기를 포함한 모든 "
    "옵티마이저 스텝의 시간입니다. 전체 과정은 import, 로드, 준비, 워밍업, 학습, 저장을 합한 시간이며 "
    "평가와 답변 생성은 포함하지 않습니다. 토큰 수에서 패딩은 제외합니다.",
    "devices.differ": "행마다 학습한 장치가 다르므로({list}), 이들 사이의 배율에는 방법의 차이와 장치의 "
    "차이가 함께 들어 있습니다.",
    "devices.same": "모두 {devices} 장치에서 학습했습니다.",
    "devices.same.single": "{devices} 장치에서 학습했습니다.",
    "devices.item": "{method} {devices}",
    "devices.exchanged": "장치끼리 교환하고 기다린 시간: {list}.",
    "devices.share": "{method} 학습 시간의 최대 {share}",
    "devices.title": "장치별 측정값",
    "devices.rank": "프로세스",
    "devices.device": "장치",
    "devices.parameters": "보유 파라미터",
    "devices.compute": "그중 계산",
    "devices.exchange": "그중 교환",
    "devices.caption": "라운드의 중앙값입니다. 장치가 여러 개인 행은 장치 수만큼의 프로세스가 함께 "
    "학습합니다. CPU에서는 프로세스들이 코어를 나누어 쓰고 메모리는 합해서 듭니다. 모든 스텝을 함께 하므로 "
    "한 스텝은 가장 느린 프로세스만큼 걸립니다. 교환은 그래디언트, 손실, 가중치, 토큰의 상태를 주고받고 다른 "
    "프로세스를 기다린 시간이고, 계산은 학습 시간의 나머지입니다. 행의 최대 메모리는 가장 많이 쓴 GPU의 "
    "값이고, CPU에서는 프로세스들의 합계입니다.",
    "devices.caption.single": "여러 프로세스가 함께 학습했습니다. CPU에서는 프로세스들이 코어를 나누어 "
    "쓰고 메모리는 합해서 듭니다. 모든 스텝을 함께 하므로 한 스텝은 가장 느린 프로세스만큼 걸립니다. "
    "교환은 그래디언트, 손실, 가중치, 토큰의 상태를 주고받고 다른 프로세스를 기다린 시간이고, 계산은 학습 "
    "시간의 나머지입니다. 위의 최대 메모리는 가장 많이 쓴 GPU의 값이고, CPU에서는 프로세스들의 합계입니다.",
    "devices.whole": "{methods}: 장치마다 모델 전체를 두고 한 스텝의 레코드를 나누어 맡습니다.",
    "devices.spread": "{methods}: 가중치, 그래디언트, 모멘트를 장치에 나누어 둡니다. 장치마다 그 일부만 "
    "두고, 레이어가 필요할 때 모읍니다.",
    "devices.hidden": "{methods}: GPU에서는 가중치를 모으는 일과 계산이 함께 진행됩니다. 기다린 시간은 "
    "순전파와 역전파 안에 있고, 따로 재지 않으므로 여기서는 계산에 들어 있습니다.",
    "devices.slowest": "{method}에서는 프로세스 {rank}의 계산이 가장 길어 다른 프로세스가 기다렸습니다.",
    "counter.vm_hwm": "프로세스 메모리(VmHWM)",
    "counter.cuda_allocated": "CUDA 할당 메모리",
    "counter.cuda_reserved": "CUDA 예약 메모리",
    "counter.gpu_process": "프로세스의 GPU 메모리",
    "pairs.title": "모든 쌍의 비교",
    "pairs.pair": "쌍",
    "pairs.train": "학습 시간 배율",
    "pairs.total": "전체 과정 배율",
    "pairs.arithmetic": "연산량 배율",
    "pairs.verdict": "판정",
    "pairs.over": "{slower} / {faster}",
    "pairs.interval": "{ratio} ({low}~{high})",
    "verdict.faster": "유의하게 빠름",
    "verdict.slower": "유의하게 느림",
    "verdict.about_the_same": "거의 같음",
    "verdict.not_settled": "아직 판단할 수 없음",
    "verdict.one_round": "1라운드, 신뢰 구간 없음",
    "verdict.unequal_work": "작업이 달라 배율 없음",
    "verdict.not_measured": "측정되지 않음",
    # Phases and parts of a step
    "phase.import": "import",
    "phase.encode": "인코딩",
    "phase.load": "모델 로드",
    "phase.prepare": "준비",
    "phase.warm_up": "워밍업",
    "phase.train": "학습",
    "phase.checkpoint": "체크포인트",
    "phase.save": "저장",
    "part.data": "데이터",
    "part.forward": "순전파",
    "part.backward": "역전파",
    "part.exchange": "교환",
    "part.optimizer": "옵티마이저",
    # Charts
    "chart.phases": "단계별 시간",
    "chart.phases.text": "전체 과정에 포함되는 각 단계의 중앙값(초)입니다.",
    "chart.memory": "최대 메모리",
    "chart.memory.text": "평가 전까지의 최대 사용량입니다. 막대가 짧을수록 좋습니다.",
    "chart.memory.devices": "GPU가 여러 개이면 가장 많이 쓴 GPU의 값이고, CPU에서는 프로세스들의 합계입니다.",
    "chart.loss_step": "스텝별 손실",
    "chart.loss_step.text": "각 업데이트 직전의 학습 손실입니다.",
    "chart.loss_second": "시간별 손실",
    "chart.loss_second.text": "첫 번째로 완료된 라운드의 손실을 스텝에 쓴 시간(초) 기준으로 나타냈습니다.",
    "chart.front.train_seconds": "시간 대비 평가 손실",
    "chart.front.held_bytes": "메모리 대비 평가 손실",
    "chart.front.saved_bytes": "저장 크기 대비 평가 손실",
    "chart.front.text": "왼쪽 아래에 가까울수록 좋습니다. 선은 라운드 사이의 범위이고, 고리로 표시한 것은 "
    "다른 방법에 밀리지 않는 방법입니다.",
    "chart.moments": "학습 중 평가 손실",
    "chart.moments.text": "라운드마다 한 선이며 가로축은 학습 시간(초)입니다. 점선은 목표 {target}입니다.",
    "chart.quality_held_out": "시간 대비 평가 손실",
    "chart.quality_held_out.text": "왼쪽 아래에 가까울수록 시간이 짧고 손실이 작아 좋습니다.",
    "chart.quality_train": "시간 대비 학습 손실",
    "chart.quality_train.text": "평가용 데이터가 없습니다. 최종 학습 손실은 학습이 이루어졌음을 보여 줄 뿐, "
    "품질을 보여 주지는 않습니다.",
    "chart.saved": "저장 크기",
    "chart.saved.text": "사용자가 보관하는 결과물의 크기입니다.",
    "chart.log": "로그 눈금입니다.",
    "chart.random": "무작위 가중치이므로 값에는 의미가 없습니다.",
    "axis.held_bytes": "최대 메모리({unit})",
    "axis.saved_bytes": "저장 크기({unit})",
    "axis.seconds": "초",
    "axis.step": "스텝",
    "axis.loss": "손실",
    "axis.train_seconds": "학습 시간(초)",
    "axis.held_out_loss": "평가 손실",
    "axis.train_loss": "최종 학습 손실",
    # Answers
    "answers.intro": "첫 번째로 완료된 라운드에서 같은 프롬프트로 생성한 그리디 디코딩 답변입니다.",
    "answers.none": "질문이 없었습니다.",
    "answers.reference": "기준 답변",
    "answers.empty": "(빈 답변)",
    "answers.missing": "답변 없음",
    "chip.end_of_sequence": "스스로 종료",
    "chip.length": "길이 제한에서 잘림",
    "chip.tokens": "토큰 {number}개",
    "chip.tokens.one": "토큰 {number}개",
    "chip.chrf": "chrF {score}",
    "chip.exact": "완전 일치",
    "source.trained": "암기: 학습 데이터에 있는 질문",
    "source.held_out": "일반화: 평가용(held-out) 질문",
    "source.asked": "직접 입력: 어느 데이터에도 없는 질문",
    "alike.pair": "{first:과/와} {second} 답변의 유사도: chrF {score}.",
    # Saved
    "saved.intro": "경로는 이 보고서가 있는 폴더를 기준으로 합니다. 코드는 그 폴더에서 실행하십시오.",
    "saved.base": "이 어댑터는 베이스 모델({model})에 얹어 쓰므로 베이스 모델이 함께 있어야 합니다.",
    "saved.nothing": "저장된 것이 없습니다",
    "saved.random": "베이스 모델의 무작위 가중치는 따로 남아 있지 않습니다. 저장된 결과물은 크기와 속도만 "
    "보여 주며 학습된 지식은 없습니다.",
    "saved.toy": "체험용 모델은 패키지에 들어 있습니다.",
    "saved.ask": "베이스 모델과 모든 결과물에 한 번에 질문하려면:",
    "saved.question": "질문",
    # Speedups
    "speedups.intro": "같은 학습을 더 빠르게 하는 기법입니다. 적용할 수 있는 기법은 따로 끄지 않는 한 모두 "
    "적용합니다. 결과는 해당 기법 없이 실행했을 때와 비교한 것입니다.",
    "speedups.name": "기법",
    "speedups.ran": "적용됨",
    "speedups.off": "적용 안 됨",
    "claims.bitwise": "결과가 비트 단위까지 같음",
    "claims.rounding": "결과가 반올림을 제외하면 같음",
    "claims.different": "결과가 다름",
    "speedup.answer_head": "출력층을 학습 대상 토큰에만 적용",
    "speedup.answer_rows": "마지막 레이어의 뒷부분을 학습 대상 토큰에만 적용",
    "speedup.background_save": "평가하는 동안 결과를 저장",
    "speedup.compiled_attention": "회전과 어텐션을 이 CPU에 맞게 빌드한 C 코드로 계산",
    "speedup.compiled_loss": "로짓에서 손실과 기울기를 이 CPU에 맞게 빌드한 C 코드로 계산",
    "speedup.compiled_optimizer": "클리핑과 갱신을 이 CPU에 맞게 빌드한 C 코드로 수행",
    "speedup.compiled_rounding": "4비트로 두는 베이스의 반올림을 이 CPU에 맞게 빌드한 C 코드로 계산",
    "speedup.compiled_parts": "정규화와 게이트를 이 CPU에 맞게 빌드한 C 코드로 계산",
    "speedup.compiled_projections": "가중치와 어댑터의 곱을 이 CPU에 맞게 빌드한 C 코드로 계산",
    "speedup.float32_products": "CPU가 반정밀도를 에뮬레이션할 곱셈을 float32로 계산",
    "speedup.fused_blocks": "정규화, 회전, 게이트, 잔차를 적은 메모리 접근으로 계산",
    "speedup.fused_optimizer": "가중치와 모멘트를 한 번의 메모리 접근으로 갱신",
    "speedup.fused_projections": "입력이 같은 레이어를 어댑터까지 한꺼번에 계산",
    "speedup.light_imports": "쓰지 않는 것은 임포트하지 않음",
    "speedup.no_padding": "배치의 레코드를 패딩 없이 이어 붙임",
    "speedup.prefix_cache": "아래쪽의 고정된 레이어를 레코드마다 한 번만 계산",
    "speedup.prepacked_weights": "고정된 가중치를 CPU 커널에 맞게 미리 재배치",
    "speedup.read_ahead": "라이브러리를 임포트하는 동안 가중치를 읽음",
    "speedup.short_attention": "짧은 레코드의 어텐션을 행렬 곱으로 직접 계산",
    "ablation.title": "{method}: 가속 기법을 하나씩 껐을 때",
    "ablation.without": "끈 기법",
    "ablation.ratio": "모두 켰을 때 대비",
    "ablation.nothing": "없음(모두 적용)",
    "ablation.plain": "전부(기본 경로)",
    "ablation.also": "함께 꺼짐: {names}",
    "ablation.interval": "{low}~{high}",
    "ablation.faster": "유의한 효과",
    "ablation.slower": "여기서는 오히려 느림",
    "ablation.caption": "기법을 껐을 때의 스텝당 시간(첫 스텝 제외)을 켰을 때의 시간으로 나눈 값이며, "
    "라운드별로 짝지어 신뢰 구간과 함께 나타냈습니다(1라운드면 구간 없음). 모든 행을 Holm 방법으로 함께 "
    "판정하므로 없는 차이를 하나라도 있다고 할 확률은 5% 미만입니다. 1보다 크면 효과가 있으며, 유의한 "
    "효과가 있는 기법이 먼저 나옵니다. 각각 따로 실행해 학습까지만 진행했으며 다른 수치에는 포함하지 "
    "않습니다. 같은 시간을 줄이는 기법이 여럿이면 하나씩 껐을 때의 차이는 작게 보입니다.",
    # Learning rates that were tried
    "tuning.chosen": "경주 전에 행마다 기본값을 중심으로 한 같은 격자에서 학습률 {number}개를 시도해 "
    "평가 손실로 골랐습니다: {list}. 시도에 {seconds} 걸렸으며 행의 시간에는 들어가지 않습니다.",
    "tuning.item": "{method} {rate}(기본값 {default}의 {factor})",
    "tuning.default": "{method} 기본값 {default}",
    "tuning.edge": "{methods}의 최선은 시도한 값 중 가장 작거나 큰 값이므로 더 좋은 값이 있을 수 있습니다.",
    "tuning.none": "{methods:은/는} 어떤 학습률로도 손실을 얻지 못해 기본값으로 경주합니다.",
    "tuning.same": "같은 평가용 레코드로 고르고 평가하므로 모든 행이 조금씩 유리합니다.",
    "tuning.title": "시도한 학습률",
    "tuning.rate": "학습률",
    "tuning.loss": "평가 손실",
    "tuning.best": "선택",
    "tuning.failed": "손실 없음",
    # Why one of two contestants is faster
    "explanation.title": "{first:과/와} {second}의 시간이 다른 이유",
    "explanation.less": "시작부터 저장까지 {first:은/는} {before}, {second:은/는} {after} 걸려 {difference} "
    "짧았습니다({number}개 라운드의 평균).",
    "explanation.less.one": "시작부터 저장까지 {first:은/는} {before}, {second:은/는} {after} 걸려 "
    "{difference} 짧았습니다(한 라운드).",
    "explanation.more": "시작부터 저장까지 {first:은/는} {before}, {second:은/는} {after} 걸려 {difference} "
    "길었습니다({number}개 라운드의 평균).",
    "explanation.more.one": "시작부터 저장까지 {first:은/는} {before}, {second:은/는} {after} 걸려 "
    "{difference} 길었습니다(한 라운드).",
    "explanation.one": "둘은 한 가지만 다릅니다: {cause}. 달라진 시간: {parts}.",
    "explanation.causes": "한쪽에서 다른 쪽으로 하나씩 바꾸며, 바꾸기 전과 후를 각각 실행해 쟀습니다: "
    "{list}. 모두 더하면 전체 차이와 같으며 남는 부분이 없습니다.",
    "explanation.saves": "{cause} {seconds} 단축",
    "explanation.costs": "{cause} {seconds} 증가",
    "explanation.unsure": "{told}({verdict})",
    "explanation.depends": "{cause:은/는} 나머지 조건에 따라 효과가 다릅니다: 먼저 바꾼 것에 따라 {low} 또는 "
    "{high}. 표의 값은 둘의 평균입니다.",
    "explanation.nothing_differs": "{first:과/와} {second:은/는} 시간에 영향을 주는 설정이 모두 같습니다.",
    "explanation.unequal_work": "{first:과/와} {second:은/는} 서로 다른 작업을 했으므로(확인 사항 참고) "
    "차이를 나누지 않습니다.",
    "explanation.not_finished": "아직 차이를 나눌 수 없습니다. 끝난 실행이 없는 것: {lacking}.",
    "explanation.cause": "다른 점",
    "explanation.saved": "시간",
    "explanation.share": "비율",
    "explanation.ratio": "전/후 비",
    "explanation.parts": "달라진 곳",
    "explanation.rest": "그 밖",
    "explanation.caption": "시작부터 저장까지, 라운드의 평균이며 0보다 작으면 줄어든 시간입니다. 비율은 전체 "
    "차이에 대한 것으로, 반대로 작용하는 것이 있으면 100 %를 넘습니다. 여러 가지가 "
    "다르면 두 가지 순서로 바꾸었고 값은 둘의 평균입니다. 비는 라운드별로 짝지어 Holm 방법으로 함께 "
    "판정했습니다. 두 행 사이의 실행은 라운드마다 같은 방식으로 실행했으며 다른 수치에는 들어가지 않습니다.",
    "cause.method": "학습 방법({first} → {second})",
    "cause.trainer": "학습 도구({first} → {second})",
    "cause.ours": "가속 기법 없는 laptime",
    "cause.option": "{option}({first} → {second})",
    "cause.speedups": "가속 기법",
    "cause.on": "켬",
    "cause.off": "끔",
    "waterfall.first_step": "첫 스텝",
    "waterfall.steps": "스텝의 나머지",
    "waterfall.unsplit": "스텝",
    "waterfall.between": "스텝 사이",
    "chart.explanation": "{first}에서 {second:으로/로}",
    "chart.explanation.text": "다른 점 하나하나가 줄이거나 늘린 시간(시작부터 저장까지).",
    # Findings
    "findings.none": "모든 실행이 같은 조건에서 같은 작업을 했으며, 이상 징후는 없었습니다.",
    "findings.wrong": "실패한 자체 점검",
    "findings.unequal": "같지 않은 작업",
    "findings.stated": "방법의 특성이나 선택에 따라 다른 점",
    "findings.flag": "측정 관련 주의 사항",
    "finding.different_work": "{methods}의 배치가 서로 다릅니다. 다이제스트를 보면 토큰이나 순서가 같지 "
    "않으므로 배율을 제시하지 않습니다.",
    "finding.unknown_work": "{lacking}의 기록에 라운드 {round}의 스텝 일부가 없습니다. 같은 작업이었음을 "
    "보일 수 없으므로 {methods} 사이의 배율을 제시하지 않습니다.",
    "finding.unproven_work": "{lacking}은(는) 어떤 토큰을 학습했는지 보이지 못하므로 같은 작업이었음을 "
    "확인할 수 없습니다. {methods} 사이의 배율을 제시하지 않습니다.",
    "finding.different_parameters": "{methods}이(가) 학습하는 파라미터 수가 다릅니다({values}). 배율을 "
    "제시하지 않습니다.",
    "finding.different_loss": "첫 스텝의 손실이 갱신 전부터 다릅니다({values}). {methods}의 계산이 같지 "
    "않으므로 배율을 제시하지 않습니다.",
    "finding.trainers": "트레이너마다 사용하는 패키지 버전이 다릅니다: {values}.",
    "finding.devices": "행마다 학습한 장치가 다릅니다({values}). 이들 사이의 배율에는 방법의 차이와 장치의 "
    "차이가 함께 들어 있습니다.",
    "finding.different_steps": "스텝 수가 서로 다르므로({values}) 배율을 제시하지 않습니다.",
    "finding.other_batches": "{methods}의 스텝에 들어가는 레코드가 서로 다르므로({values}), 서로 다른 것 "
    "사이의 배율은 제시하지 않습니다.",
    "finding.different_training_option": "{option} 값이 실행마다 다릅니다: {values}.",
    "finding.own_options": "{method}에만 지정한 옵션: {options}.",
    "finding.learning_rate": "학습률이 다릅니다({values}). 같은 학습률에서의 품질이 아니라 "
    "시간을 비교한 것입니다.",
    "finding.trained_dtype": "방법마다 옵티마이저가 학습 대상을 유지하는 정밀도가 다릅니다({values}).",
    "finding.compute_dtype": "연산 정밀도가 다릅니다({values}).",
    "finding.spread": "{method}의 학습 시간 변동 폭(최대−최소)이 중앙값의 {percent}입니다.",
    "finding.cuts_differ": "라운드마다 남은 메모리가 달라 {method}의 한 스텝에 든 레코드를 나누어 계산한 "
    "크기가 다릅니다(한 번에 {sizes}개). 시간에는 이 차이도 들어 있습니다.",
    "finding.other_rounds": "{method:은/는} 비교에 쓴 라운드와 다른 라운드({rounds})를 완료했으므로 시간을 "
    "다른 방법과 나란히 놓지 않습니다. 그 라운드의 학습 시간은 {seconds}입니다.",
    "finding.load": "{run} 실행 중 시스템에 다른 부하가 있었습니다: 코어 {cores}개에 평균 부하(load average) "
    "{load_average}.",
    "finding.fewer_threads": "시작할 때 다른 프로그램이 실행 중이어서 코어 {cores}개 중 {free}개만 비어 "
    "있었습니다. 모든 실행의 스레드 수: {threads}.",
    "finding.swap": "{run} 실행 중 메모리 스왑이 일어났습니다.",
    "finding.throttled": "{run} 실행 중 발열로 프로세서 클럭이 제한되었습니다.",
    "finding.clock_drift": "첫 라운드와 마지막 라운드 사이에 프로세서 클럭이 {percent} 변했습니다.",
    "finding.drift": "{method}의 학습 시간이 첫 라운드부터 마지막 라운드까지 한 방향으로 {percent} "
    "변했습니다.",
    "finding.one_round": "1라운드뿐이므로 신뢰 구간이 없으며, 같은 배율이 다시 나온다고 주장하지 않습니다.",
    "finding.unfinished": "계획한 실행이 모두 끝나지 않았습니다.",
    "finding.answer_cut": "{method}의 답변 {number}개가 토큰 수 제한에서 잘렸습니다.",
    "finding.answer_cut.one": "{method}의 답변 1개가 토큰 수 제한에서 잘렸습니다.",
    "finding.not_learned": "{method}의 학습이 진행되는 동안, 스텝마다 그 스텝의 레코드로 계산한 손실은 "
    "줄지 않았습니다.",
    "finding.skipped_steps": "fp16에서 그래디언트가 오버플로되어 {method}의 스텝 {number}개를 "
    "건너뛰었습니다.",
    "finding.resumed": "{run:은/는} 멈췄다가 스텝 {steps} 다음부터 이어서 실행했으므로, 학습 시간은 여러 "
    "프로세스의 시간을 더한 값입니다.",
    "finding.restarted": "{run:은/는} 다음 이유로 끝난 뒤 자동으로 다시 시작되었습니다(--max-restarts): "
    "{reasons}.",
    "finding.resumed_elsewhere": (
        "{run:은/는} 다른 컴퓨터, 다른 버전 또는 다른 프로세스 수로 이어서 실행했습니다: {changed}."
    ),
    "finding.damaged_checkpoint": "{run:은/는} 더 오래된 체크포인트에서 이어서 실행했습니다: {reasons}.",
    "finding.damaged_record": "{run}: 기록에서 손상된 줄을 뺐습니다({lines}번째 줄, 원래 파일: {kept}). "
    "그 줄이 필요한 수치는 제시하지 않습니다.",
    "finding.no_checkpoint": "{run}: 체크포인트 {number}개를 쓰지 못했습니다({error}).",
    "finding.retried": "{run:은/는} 중단되어 처음부터 다시 실행했습니다.",
    "finding.check_parameters": "{run}: 학습 대상 파라미터가 바뀌지 않았거나 다른 파라미터가 "
    "바뀌었습니다({note}).",
    "finding.check_loss": "{run}: 학습 레코드의 손실이 학습 전보다 학습 후에 줄지 않았습니다({note}).",
    "finding.check_reload": "{run}: 저장한 결과를 다시 불러오면 학습한 모델과 다릅니다({note}).",
    "finding.note": "{method}: {note}.",
    "finding.plain": "가속 기법을 모두 껐습니다(--plain). 시간에 가속 기법의 효과는 들어 있지 않습니다.",
    "finding.switched_off": "이름을 지정해 끈 가속 기법: {names}. 시간은 이 기법 없이 측정한 값입니다.",
    "finding.switched_off_for": "{methods}에서 끈 가속 기법: {names}. 시간은 이 기법 없이 측정한 값입니다.",
    "finding.speedups_differ": "{method}의 라운드마다 적용된 가속 기법이 다릅니다: {names}.",
    "finding.reused": "{run} 실행은 레코드 {number}개에 대해 이전 실행이 남긴 {name} 결과를 다시 "
    "썼으므로, 학습 시간에 그 작업이 들어 있지 않습니다.",
    "finding.nothing_to_switch_off": "스텝에 영향을 주는 가속 기법이 적용되지 않아 끌 것이 없었습니다.",
    # Environment
    "environment.machine": "하드웨어와 버전",
    "environment.model": "모델",
    "environment.data": "데이터",
    "environment.training": "학습 설정",
    "environment.order": "실행 순서",
    "environment.methods": "방법별 옵션",
    "environment.seeds": "시드: {seeds}. 라운드마다 하나씩이며 모든 방법에 똑같이 적용됩니다.",
    "environment.trackers": "트래커",
    "trackers.here": "이 폴더에서 실행:",
    "trackers.more": "외 {number}개",
    "environment.repeat": "같은 비교를 다시 실행하는 명령",
    "environment.precision": "정밀도",
    "environment.energy": "에너지",
    "footer.made": "comparison.json만으로 생성했습니다(Laptime {version}, {date}).",
    "footer.made.trackers": "comparison.json과 trackers.json만으로 생성했습니다(Laptime {version}, {date}).",
    "yes": "예",
    "no": "아니요",
    # Terminal
    "terminal.questions": "나머지 질문 {number}개는 보고서에 있습니다",
    "terminal.questions.one": "나머지 질문 {number}개는 보고서에 있습니다",
    "terminal.findings": "공정성과 측정에 대한 알림 {number}건, 자세한 내용은 보고서 참고",
    "terminal.findings.one": "공정성과 측정에 대한 알림 {number}건, 자세한 내용은 보고서 참고",
    "terminal.no_findings": "이상 징후 없음",
    "terminal.exact": "완전 일치와 chrF: 평가용 질문에 대한 답변의 점수",
    "terminal.general": "일반 손실, 변화, 오차: 데이터와 관계없는 텍스트의 손실, 기본 모델 대비 변화와 그 "
    "오차",
    "terminal.apart": "답변 차이: 관계없는 질문에 대한 답변이 기본 모델과 다른 정도(0이면 같음, 최대 100)",
    "terminal.devices": "교환은 그래디언트, 손실, 가중치, 토큰의 상태를 주고받고 다른 프로세스를 기다린 "
    "시간입니다. 행의 메모리는 가장 많이 쓴 GPU의 값이고, CPU에서는 "
    "프로세스들의 합계입니다.",
    "terminal.devices.spread": "{methods}의 나눈 가중치를 모으는 시간은 계산에 들어 있습니다.",
    # In the place of the string of the same name where one training alone is shown
    "headline.no_pair.single": "{method}의 학습은 {seconds} 걸렸습니다",
    "headline.nothing.single": "학습이 끝까지 진행되지 않았습니다",
    "subline.incomplete.single": "아직 끝나지 않았습니다",
    "banner.incomplete.text.single": "실행이 끝나지 않았습니다. 이 폴더에서 이어서 하려면:",
    "section.saved.single": "학습 결과물",
    "section.findings.single": "측정 관련 알림",
    "quality.these_runs.single": "한 번 실행한 결과이므로 이 실행을 넘어서 일반화하지 않습니다.",
    "checks.passed.single": "{methods} 실행을 마치고 점검한 결과: {list}.",
    "failure.sentence.single": "{method}: {reason}. {message}",
    "incomplete.sentence.single": "실행이 끝나지 않았습니다. 수치는 아직 바뀔 수 있습니다.",
    "table.caption.single": "학습 시간은 데이터 대기를 포함한 모든 옵티마이저 스텝의 시간입니다. 전체 과정은 "
    "import, 로드, 준비, 워밍업, 학습, 저장을 합한 시간이며 평가와 답변 생성은 포함하지 않습니다. 토큰 "
    "수에서 패딩은 제외합니다.",
    "chart.phases.text.single": "전체 과정에 포함되는 각 단계의 시간(초)입니다.",
    "chart.loss_step.text.single": "각 업데이트 직전의 학습 손실입니다.",
    "answers.intro.single": "학습을 마친 뒤 그리디 디코딩으로 생성한 답변입니다.",
    "saved.ask.single": "베이스 모델과 결과물에 한 번에 질문하려면:",
    "speedups.intro.single": "학습을 더 빠르게 하는 기법입니다. 적용할 수 있는 기법은 모두 적용합니다. "
    "결과는 해당 기법 없이 실행했을 때와 비교한 것입니다.",
    "findings.none.single": "이상 징후는 없었습니다.",
    "finding.unfinished.single": "실행이 끝나지 않았습니다.",
    "environment.seeds.single": "시드: {seeds}.",
    "terminal.findings.single": "측정에 대한 알림 {number}건, 자세한 내용은 보고서 참고",
    "terminal.findings.single.one": "측정에 대한 알림 {number}건, 자세한 내용은 보고서 참고",
}
