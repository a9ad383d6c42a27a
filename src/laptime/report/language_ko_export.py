"""The strings of exports and conversations in Korean; those in English have the same keys."""

STRINGS: dict[str, str] = {
    "export.merging": "{method}: 베이스에 텐서 하나씩 float32로 병합하고 {dtype}로 한 번만 변환했습니다",
    "export.merging.gguf": "{method}: 베이스에 텐서 하나씩 float32로 병합하고 {format} 형식의 "
    "GGUF로 저장했습니다",
    "export.copying": "모델 전체를 학습한 결과이므로 파일을 그대로 복사했습니다",
    "export.unquantised": "4비트 베이스 위에서 학습했지만 양자화하지 않은 베이스({dtype})에 "
    "병합합니다. 실행 때의 답변과 다를 수 있습니다",
    "export.template.written": "학습에 쓴 프롬프트({name})를 토크나이저의 채팅 템플릿으로 저장했습니다",
    "export.template.inexact": "채팅 템플릿 없음: 토크나이저가 학습에 쓴 템플릿({name})을 다르게 "
    "인코딩합니다",
    "export.no_converter": "Ollama에는 {reason}의 변환기가 없습니다. Ollama가 그대로 읽을 수 있는 "
    "GGUF로 저장합니다",
    "export.no_modelfile": "Modelfile 없음: {reason}",
    "export.not_by_llama_cpp": "llama.cpp로는 검증하지 않음: llama-cpp-python이 설치되어 있지 않아 "
    "transformers로만 검증했습니다",
    "export.proven": "검증: 레코드 {examples}개, 토큰 {tokens}개의 로짓이 학습한 모델과 최대 "
    "{difference} 다르고, 가중치 반올림을 빼면 {inexact} 다릅니다. 그리디 답변 {answers}개 중 "
    "{equal}개가 같습니다",
    "export.proven.llama_cpp": "llama.cpp로도 검증: 로짓이 최대 {difference} 다르고, 같은 가중치를 "
    "쓴 transformers와는 {inexact} 다릅니다. 그리디 답변 {answers}개 중 {equal}개가 같고, 레코드의 "
    "토큰도 같습니다",
    "export.saved": "저장:   {folder} ({size})",
    "export.next.upload": "업로드:",
    "export.next.serve": "서빙:  ",
    "export.next.ollama": "ollama:",
    "export.not_served": "vLLM은 이런 어댑터를 서빙하지 못합니다({reason}). --to merged로 내보낸 "
    "모델은 서빙할 수 있습니다",
    "export.not_served.at_all": "vLLM은 이런 어댑터를 서빙하지 못합니다({reason}). PEFT로 베이스 위에 "
    "불러와 쓸 수 있습니다",
    "export.unknown.base": "베이스의 허브 ID를 알 수 없어 카드에 링크를 넣지 못했습니다. "
    "--base-id로 지정할 수 있습니다",
    "export.unknown.license": "베이스의 라이선스를 알 수 없어 카드에 적지 못했습니다. --license로 "
    "지정할 수 있습니다",
    "card.what.model": "{base}의 가중치를 {method} 방법으로 Laptime에서 학습한 모델입니다.",
    "card.what.adapter": "{base}에 얹는 어댑터로, {method} 방법으로 Laptime에서 학습했습니다.",
    "card.prompt": "프롬프트",
    "card.loading": "불러오는 방법",
    "card.made": "만든 방법",
    "card.ends": "답변은 {stops} 토큰에서 끝납니다.",
    "card.unknown": "알 수 없음",
    "card.base": "베이스",
    "card.license": "베이스의 라이선스",
    "card.method": "방법",
    "card.data": "데이터",
    "card.examples": "레코드 (학습 대상 / 전체 토큰)",
    "card.steps": "옵티마이저 스텝",
    "card.rate": "학습률",
    "card.precision": "정밀도",
    "card.training": "학습 시간",
    "card.machine": "장비",
    "card.loss": "마지막 에폭의 학습 손실",
    "card.held_out.before": "학습 전 평가 손실",
    "card.held_out": "학습 후 평가 손실",
    "card.chrf": "평가용 질문 답변의 chrF",
    "chat.begin": "질문을 입력하세요. Ctrl-D를 누르면 끝납니다",
    "chat.no_turns": "이 학습의 템플릿({template})에는 대화 턴이 없어 질문마다 따로 답합니다",
    "chat.too_long": "너무 깁니다: 토큰 {number}개인데, 답변까지 합쳐 {most}개만 들어갑니다",
    "chat.forgotten": "{name}: 자리가 모자라 오래된 턴을 뺐습니다",
}
