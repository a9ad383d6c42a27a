"""The strings of the recommendation and the write-up in Korean; those in English have the same keys."""

STRINGS: dict[str, str] = {
    # Which row to use and why
    "section.recommendation": "추천",
    "recommend.use": "{reasons} {method:을/를} 권합니다.",
    "recommend.time.faster": "{other}보다 {ratio} 빠르게 학습했고",
    "recommend.time.one_round": "1라운드 측정에서 {other}보다 {ratio} 빠르게 학습했고",
    "recommend.time.about_the_same": "학습 시간이 {other:과/와} 거의 같고",
    "recommend.time.not_settled": "{other:과/와} 학습 시간의 유의한 차이가 아직 확인되지 않았고",
    "recommend.time.slower.faster": "{other:이/가} {ratio} 빠르지만",
    "recommend.time.slower.one_round": "1라운드 측정에서 {other:이/가} {ratio} 빠르지만",
    "recommend.quality.none": "품질은 측정하지 않았으므로, 시간과 크기를 기준으로",
    "recommend.quality.open": "평가 손실이 {loss}(상대는 {other})이므로",
    "recommend.quality.alike": "평가 손실에 유의한 차이가 없으므로({loss}, 상대는 {other})",
    "recommend.quality.better": "평가 손실이 더 낮으므로({loss}, 상대는 {other})",
    "recommend.quality.worse": "평가 손실은 더 높지만({loss}, 상대는 {other})",
    "recommend.answers.same": "답변이 거의 같으므로(질문 {number}개의 평균 유사도 {score}점)",
    "recommend.answers.same.one": "답변이 거의 같으므로(질문 {number}개의 유사도 {score}점)",
    "recommend.answers.partly": "답변이 일부 비슷하므로(질문 {number}개의 평균 유사도 {score}점)",
    "recommend.answers.partly.one": "답변이 일부 비슷하므로(질문 {number}개의 유사도 {score}점)",
    "recommend.answers.differ": "답변은 서로 다르지만(질문 {number}개의 평균 유사도 {score}점)",
    "recommend.answers.differ.one": "답변은 서로 다르지만(질문 {number}개의 유사도 {score}점)",
    "recommend.shape.adapter": "베이스 모델의 가중치를 고정한 채 전체 파라미터 {total} 개 중 {trainable} "
    "개({share})만 학습하며{memory} 공유할 결과물은 {size} 크기의 어댑터입니다{instead}.",
    "recommend.shape.part": "전체 파라미터 {total} 개 중 {trainable} 개({share})를 학습하며{memory} "
    "베이스 모델 없이 쓸 수 있는 {size} 크기의 전체 모델을 남깁니다.",
    "recommend.shape.model": "전체 파라미터 {total} 개를 모두 학습하며{memory} 베이스 모델 없이 쓸 수 "
    "있는 {size} 크기의 전체 모델을 남깁니다.",
    "recommend.memory": ", 최대 메모리는 {theirs} 대신 {mine:을/를} 쓰고,",
    "recommend.unlearned": "다만 평가 데이터에서는 베이스보다 못합니다(손실 {loss}, 베이스는 {base}). 학습한 "
    "내용이 평가 데이터에 통하지 않으므로, --epochs나 --learning-rate를 줄여 보세요.",
    "recommend.instead": "(전체 모델은 {size})",
    # A ratio far beyond arithmetic
    "label.suspects": "의심되는 원인",
    "headline.faster.beyond": "{faster:이/가} {slower}보다 {ratio} 빠르게 학습했지만, 연산량으로 설명되는 "
    "것은 약 {arithmetic}뿐입니다 ({confidence} 신뢰 구간 {low}~{high}, {rounds}라운드)",
    "headline.one_round.beyond": "1라운드 결과: {faster:이/가} {slower}보다 {ratio} 빠르게 학습했지만, "
    "연산량으로 설명되는 것은 약 {arithmetic}뿐입니다 (신뢰 구간 없음)",
    "suspects.likely": "기록이 가리키는 원인: {list}.",
    "suspects.cleared": "기록으로 보아 원인이 아닌 것: {list}.",
    "suspects.none": "기록에는 이를 설명하는 것이 없습니다. 다시 실행하면서 컴퓨터의 상태를 함께 "
    "살펴보십시오.",
    "suspects.swap": "스왑({runs} 실행 중 메모리를 디스크로 내보냄)",
    "suspects.swap.none": "스왑(느린 쪽의 실행에서 일어나지 않음)",
    "suspects.memory": "메모리({method:이/가} {room} 중 {held}, {share} 사용)",
    "suspects.optimizer": "옵티마이저 상태의 오프로드나 페이징(옵티마이저가 스텝당 {slow}, 다른 쪽은 "
    "{fast:으로/로} 두 스텝 차이의 {share})",
    "suspects.checkpoints": "체크포인트({method}에서 {seconds} 걸렸으나 학습 시간에는 들어 있지 않음)",
    "suspects.checkpoints.none": "체크포인트(학습 중에 쓰지 않음)",
    "suspects.precision": "정밀도(둘 다 {slow:으로/로} 연산, {reason})",
    "suspects.precision.differs": "정밀도(느린 쪽은 {slow}, 빠른 쪽은 {fast:으로/로} 연산, {reason})",
    "suspects.data": "데이터 대기({method}의 스텝에서 {share})",
    "suspects.first_step": "{method}의 첫 스텝({first}, 이후는 {steady})",
    "suspects.uneven": "{method}의 일부 스텝(최대 {longest}, 중앙값 {steady})",
    "suspects.even": "{method}의 일부 스텝(최대 {longest}, 중앙값 {steady})",
    # The write-up
    "write_up.title": "{model}: {methods} 비교",
    "write_up.title.two": "{model}: {first:과/와} {second} 비교",
    "write_up.environment": "환경",
    "write_up.technique": "기법",
    "write_up.results": "결과",
    "write_up.answers": "답변 비교",
    "write_up.conclusion": "결론",
    "write_up.links": "트래커",
    "write_up.training": "{epochs}에폭, 배치 크기 {batch}, {steps}스텝",
    "write_up.training.one": "{epochs}에폭, 배치 크기 {batch}, {steps}스텝",
    "write_up.technique.adapter": "베이스 모델을 고정하고 전체 파라미터 {total} 개 중 {trainable} "
    "개({share})를 학습",
    "write_up.technique.part": "전체 파라미터 {total} 개 중 {trainable} 개({share})를 학습",
    "write_up.technique.model": "전체 파라미터 {total} 개를 모두 학습",
    "write_up.technique.rate": "학습률 {rate}",
    "write_up.technique.precision": "연산 {compute}, 학습 가중치 {trained}",
    "write_up.total": "시작·로드·저장 포함",
    "write_up.question": "질문",
    "write_up.more": "나머지 질문 {number}개는 report.md에 있습니다.",
    "write_up.more.one": "나머지 질문 {number}개는 report.md에 있습니다.",
    "write_up.alike": "두 답변의 유사도는 질문 {number}개 평균으로 100점 만점에 {score}점입니다.",
    "write_up.alike.one": "두 답변의 유사도는 100점 만점에 {score}점입니다(질문 {number}개).",
    "write_up.one_row": "하나만 학습했으므로 비교 대상이 없습니다.",
    "write_up.no_recommendation": "측정한 결과만으로는 어느 쪽도 권하지 않습니다.",
    "write_up.repeat": "다시 실행하는 명령:",
}
