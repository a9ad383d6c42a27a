"""Korean for the error lines of trainings, trainers, trackers, exports, the live view and report files.

And for what tells why a run failed.
"""

PHRASES: dict[str, str] = {
    # What a system says
    "No route to host": "호스트에 이르는 경로가 없습니다",
    "{what}: No space left on device (os error 28)": "{what}: 디스크에 남은 공간이 없습니다",
    # runs/exit_reason.py: where memory ran short
    "peak {held} GB, {needed} GB needed by estimate, {room} GB there": "최대 {held} GB 사용, 추정 필요량 "
    "{needed} GB, 사용 가능 {room} GB",
    "peak {held} GB, {needed} GB needed by estimate": "최대 {held} GB 사용, 추정 필요량 {needed} GB",
    "{needed} GB needed by estimate, {room} GB there": "추정 필요량 {needed} GB, 사용 가능 {room} GB",
    "{needed} GB needed by estimate": "추정 필요량 {needed} GB",
    "peak {held} GB": "최대 {held} GB 사용",
    "its peak is not known": "최대 사용량은 알 수 없습니다",
    "by estimate it fits: look at what else takes memory there, or who ended it": "추정으로는 메모리에 "
    "들어갑니다. 메모리를 쓰는 다른 프로그램이 있는지, 누가 종료했는지 확인하세요",
    "nothing smaller of this model would fit: take a smaller model or more memory": "이 모델로는 설정을 더 "
    "줄여도 메모리에 들어가지 않습니다. 더 작은 모델을 쓰거나 메모리를 늘리세요",
    "would fit: {changes} instead of {method} + {more}": "메모리에 들어가는 설정: {changes}({method} 대신) "
    "+ {more}",
    "would fit: {changes} instead of {method} ({size})": "메모리에 들어가는 설정: {changes}({method} 대신, "
    "{size})",
    "would fit: {changes}": "메모리에 들어가는 설정: {changes}",
    # runs/exit_reason.py: how a process ended
    "the disk is full": "디스크가 가득 찼습니다",
    "ended with code {code}: {said}": "코드 {code:으로/로} 종료되었습니다: {said}",
    "left with code {code} before the end: {said}": "끝나기 전에 코드 {code:으로/로} 스스로 "
    "종료되었습니다: {said}",
    "often the system is out of memory: {shortage}": "대개 시스템의 메모리가 부족한 경우입니다: {shortage}",
    "the system ended it: {shortage}": "시스템이 종료했습니다: {shortage}",
    "not for want of memory, by the system's count": "시스템 기록으로는 메모리 부족이 원인이 아닙니다",
    # runs/watchdog.py and runs/process.py: processes that hang, and inputs that could not be prepared
    "its processes were ended": "프로세스를 종료했습니다",
    "restart {number} of at most {most}": "다시 시작합니다({number}/{most}회)",
    # training/failure.py
    "{size} needed for weights, gradients and optimizer alone, {there} there": "{size}가 가중치, "
    "그래디언트, 옵티마이저에만 필요한데 쓸 수 있는 메모리는 {there}입니다",
    "before any update: look at the examples named": "아직 업데이트하기 전입니다. 위 레코드를 확인하세요",
    "before any update: look at the examples named, or try --precision fp32": "아직 업데이트하기 전입니다. "
    "위 레코드를 확인하거나 --precision fp32로 해 보세요",
    "look at the examples named": "위 레코드를 확인하세요",
    "try {rate} (a tenth), and look at the examples named": "{rate}(10분의 1)로 해 보고 위 레코드를 "
    "확인하세요",
    "try {rate} (a tenth), --precision fp32, and look at the examples named": "{rate}(10분의 1)나 "
    "--precision fp32로 해 보고 위 레코드를 확인하세요",
    # training/meter.py and training/judging.py
    "step {step}: loss is not finite": "{step}스텝: 손실이 유한하지 않습니다(NaN 또는 inf)",
    "step {step}: gradient is not finite": "{step}스텝: 그래디언트가 유한하지 않습니다(NaN 또는 inf)",
    "step {step}: gradient at any loss scale is not finite": "{step}스텝: 손실 스케일을 바꾸어도 "
    "그래디언트가 유한하지 않습니다(NaN 또는 inf)",
    "step {step}: held-out loss is not finite": "{step}스텝: 평가 손실이 유한하지 않습니다(NaN 또는 inf)",
    "examples of the held-out set": "평가용 데이터의 레코드",
    "examples {sources} and {number} more": "레코드 {sources} 외 {number}개",
    "examples {sources}": "레코드 {sources}",
    # training/saving.py, training/checkpoint_schedule.py and training/joint_checkpoint.py
    "the result was not saved: {reason}": "결과를 저장하지 못했습니다: {reason}",
    "stopped after step {step}": "{step}스텝 뒤에 멈췄습니다",
    "the result is saved, what follows was not done": "결과는 저장했고 그다음 작업은 하지 않았습니다",
    "a checkpoint holds all that was done": "지금까지의 작업은 체크포인트에 있습니다",
    "no checkpoint was written: {why}": "체크포인트를 쓰지 못했습니다: {why}",
    "another process could not write its part": "다른 프로세스가 자기 몫을 쓰지 못했습니다",
    # training/ranks.py, training/rank_watch.py and training/team.py
    "the processes ended: the disk is full": "프로세스들이 종료되었습니다: 디스크가 가득 찼습니다",
    "the processes lost each other: {said}": "프로세스 사이의 연결이 끊어졌습니다: {said}",
    "the processes could not be started: {error}": "프로세스들을 시작할 수 없습니다: {error}",
    "rank {number} did nothing for {seconds} s while the others waited ({state})": "다른 랭크가 기다리는 "
    "{seconds}초 동안 랭크 {number}에 아무 움직임이 없었습니다({state})",
    "rank {number} did nothing for {seconds} s while the others waited": "다른 랭크가 기다리는 {seconds}초 "
    "동안 랭크 {number}에 아무 움직임이 없었습니다",
    "rank {number} worked for {time}, and came no further, while the others waited": "다른 랭크가 기다리는 "
    "{time} 동안 랭크 {number}의 작업이 나아가지 않았습니다",
    "all were ended": "모두 종료했습니다",
    "rank {number} lost the others: {error}": "랭크 {number}: 다른 랭크와 연결이 끊어졌습니다({error})",
    "rank {number} on {host}: {what}": "{host}의 랭크 {number}: {what}",
    "rank {number}: {what}": "랭크 {number}: {what}",
    # training/given_crew.py, training/board.py, training/keeper.py and training/follow.py
    "rank {number} on {host} is gone since an earlier run": "{host}의 랭크 {number:이/가} 이전 실행 뒤로 "
    "사라졌습니다",
    "rank {number} on {host} has {versions}, rank 0 {own}": "{host}의 랭크 {number:은/는} {versions}, 랭크 "
    "0은 {own}입니다. 버전이 같아야 합니다",
    "laptime {one} and torch {other}": "laptime {one}, torch {other}",
    "rank {ranks} did not come within {minutes} minutes": "랭크 {ranks:이/가} {minutes}분 안에 오지 "
    "않았습니다",
    "rank {number} on {host} gave no sign of life for {seconds} s": "{host}의 랭크 {number:이/가} "
    "{seconds}초 동안 응답하지 않았습니다",
    "rank {number} gave no sign of life for {seconds} s": "랭크 {number:이/가} {seconds}초 동안 응답하지 "
    "않았습니다",
    "the store at {place}, where the processes meet, is gone: its machine or launcher has ended": "프로세스"
    "가 모이는 저장소({place})가 사라졌습니다: 그 컴퓨터나 런처가 종료되었습니다",
    "nobody listened for {minutes} minutes: {error}": "{minutes}분 동안 응답하는 프로세스가 없었습니다: "
    "{error}",
    "its process: {error}": "프로세스: {error}",
    "{folder} is not there as rank 0 has written it: --out must lie on a disk that all machines share, under "
    "the same path": "{folder:이/가} 랭크 0이 쓴 내용과 다르거나 없습니다: --out은 모든 컴퓨터가 같은 "
    "경로로 공유하는 디스크에 있어야 합니다",
    "rank 0 at {address} is gone ({error})": "{address}의 랭크 0이 사라졌습니다({error})",
    # training/checkpoint.py: what is wrong with a checkpoint, behind its name
    "step-{step}: is a link": "step-{step}: 링크입니다",
    "step-{step}: {file} is missing": "step-{step}: {file:이/가} 없습니다",
    "step-{step}: {file} cannot be read ({error})": "step-{step}: {file:을/를} 읽을 수 없습니다({error})",
    "step-{step}: {file} does not match its digest": "step-{step}: {file:이/가} 다이제스트와 맞지 않습니다",
    "step-{step}: {file} names other files": "step-{step}: {file}에 다른 파일들이 적혀 있습니다",
    "step-{step}: {file} is of step {other}": "step-{step}: {file:이/가} {other}스텝의 것입니다",
    "step-{step}: {file} has {found} bytes instead of {expected}": "step-{step}: {file}의 크기가 {expected}"
    "바이트가 아니라 {found}바이트입니다",
    "step-{step}: {file} is not whole": "step-{step}: {file:이/가} 온전하지 않습니다",
    "step-{step}: {file} is {special}": "step-{step}: {file:이/가} 일반 파일이 아닙니다({special})",
    "checkpoint of version {version}": "버전 {version} 체크포인트입니다",
    "this laptime reads {one} and {other}: resume with the laptime that wrote it": "이 laptime은 버전 "
    "{one:과/와} {other:을/를} 읽습니다. 체크포인트를 쓴 laptime으로 이어서 하세요",
    # training/run_state.py
    "no checkpoint to go on from ({reasons})": "이어서 할 수 있는 체크포인트가 없습니다({reasons})",
    "no checkpoint to go on from ({reason}": "이어서 할 수 있는 체크포인트가 없습니다({reason}",
    "step-{step}: {file} is missing)": "step-{step}: {file:이/가} 없습니다)",
    "step-{step}: {file} does not match its digest)": "step-{step}: {file:이/가} 다이제스트와 맞지 않습니다)",
    "step-{step}: {file} has {found} bytes instead of {expected})": "step-{step}: {file}의 크기가 {expected}"
    "바이트가 아니라 {found}바이트입니다)",
    "there is none": "하나도 없습니다",
    "start a new --out": "--out에 새 폴더를 지정해 새로 시작하세요",
    "trained in {before}, this machine would go on in {now}": "{before:으로/로} 학습했는데 이 컴퓨터에서는 "
    "{now:으로/로} 이어서 하게 됩니다",
    "resume on a machine like the first, or start a new --out": "처음과 같은 종류의 컴퓨터에서 이어서 하거나 "
    "--out에 새 폴더를 지정해 새로 시작하세요",
    "holds other parameters than this run trains": "이 실행이 학습하는 것과 다른 파라미터가 들어 있습니다",
    "{name} has another shape or precision than here": "{name}의 형태나 정밀도가 여기와 다릅니다",
    "written with other options ({options})": "다른 옵션으로 쓴 체크포인트입니다({options})",
    "the examples have changed since": "그 뒤로 레코드가 바뀌었습니다",
    "the base model has changed since": "그 뒤로 베이스 모델이 바뀌었습니다",
    # training/preprocess.py
    "its tokenizer gives token {token}, its vocabulary ends at {last}": "토크나이저는 토큰 {token:을/를} "
    "내는데 모델의 어휘는 {last}까지입니다",
    "the two do not belong together": "모델과 토크나이저가 서로 맞지 않습니다",
    # training/other_trainer.py and training/peer_work.py
    "stopped by {signal}": "{signal:으로/로} 멈췄습니다",
    "this trainer's run is done anew": "이 트레이너의 실행은 처음부터 다시 합니다",
    "ended without a result": "결과 없이 종료되었습니다",
    "its Python {python} cannot be started ({why})": "이 트레이너의 Python({python})을 시작할 수 "
    "없습니다({why})",
    "{trainer} trains on CUDA GPUs alone, and there is none to use": "{trainer:은/는} CUDA GPU에서만 "
    "학습하는데 쓸 수 있는 GPU가 없습니다",
    # trainers/litgpt.py, trainers/ms_swift.py and trainers/peer/litgpt_checkpoint.py
    "keeps every activation": "활성값을 모두 보관합니다",
    "leave out --gradient-checkpointing to race it": "비교하려면 --gradient-checkpointing을 빼세요",
    "would run the code that this model brings along": "이 모델에 딸린 코드를 실행하게 됩니다",
    "--trust-remote-code allows it": "허용하려면 --trust-remote-code를 쓰세요",
    "has no adapters on {layers} apart": "{layers}에만 따로 어댑터를 둘 수 없습니다",
    "gate_proj, up_proj and down_proj go together, and q_proj, k_proj, v_proj and o_proj each alone "
    "(--lora-targets)": "gate_proj, up_proj, down_proj는 함께, q_proj, k_proj, v_proj, o_proj는 따로따로 "
    "지정할 수 있습니다(--lora-targets)",
    "takes no fraction for --lora-alpha": "--lora-alpha에 소수를 쓸 수 없습니다",
    "give it a whole number": "정수를 지정하세요",
    "its model is another than this one": "이 트레이너의 모델 구조가 이 모델과 다릅니다",
    "through it race plain {families}": "이 트레이너로는 기본 구조의 {families}만 비교할 수 있습니다",
    # trainers/trainer.py
    "no trainer '{name}'": "'{name}' 트레이너가 없습니다",
    "{place}: {trainer} has no {method}; through it race {one} and {other}": "{place}: {trainer}에는 "
    "{method:이/가} 없습니다; 이 트레이너로는 {one:과/와} {other:을/를} 비교할 수 있습니다",
    "{place}: {trainer} has no {method}; through it race {methods}": "{place}: {trainer}에는 "
    "{method:이/가} 없습니다; 이 트레이너로 비교할 수 있는 방법: {methods}",
    # trainers/environments.py and trainers/listing.py
    "the Python of {trainer}, {python}, is gone": "{trainer}의 Python({python})이 사라졌습니다",
    "put it back, or laptime trainers add {trainer}": "원래대로 되돌려 놓거나 laptime trainers add "
    "{trainer:으로/로} 다시 설치하세요",
    "{library} is not installed": "{library:이/가} 설치되어 있지 않습니다",
    "laptime trainers add {trainer}": "laptime trainers add {trainer:으로/로} 설치하세요",
    "give the python of an environment, or leave the option out": "환경의 python을 지정하거나 이 옵션을 "
    "빼세요",
    "no program": "실행할 수 있는 프로그램이 아닙니다",
    "give the python of an environment": "환경의 python을 지정하세요",
    "{package} is not installed there": "{package:이/가} 그 환경에 설치되어 있지 않습니다",
    "a link, behind which nothing is changed": "링크입니다. 링크가 가리키는 곳은 바꾸지 않습니다",
    "remove the link": "링크를 지우세요",
    "did not answer within {seconds} s": "{seconds}초 안에 응답하지 않았습니다",
    "is no Python that runs": "실행되는 Python이 아닙니다",
    "laptime trainers add {trainer}: no package index can be reached": "laptime trainers add {trainer}: "
    "패키지 저장소에 연결할 수 없습니다",
    "try again with a network, or name a Python with --python": "네트워크에 연결해 다시 해 보거나 --python에 "
    "Python을 지정하세요",
    "laptime trainers add {trainer}: could not be installed ({said})": "laptime trainers add {trainer}: "
    "설치할 수 없습니다({said})",
    "pip did not say why": "pip가 이유를 알리지 않음",
    "all of it: {log}": "전체 내용: {log}",
    "not installed": "설치되어 있지 않습니다",
    "laptime itself is always there": "laptime 자체는 항상 설치되어 있습니다",
    # trackers/
    "pip install '{extra}'": "설치: pip install '{extra}'",
    "no tracker '{name}'": "'{name}' 트래커가 없습니다",
    "{tracker} shows runs when all is over": "{tracker:은/는} 모두 끝난 뒤에만 실행을 보여 줍니다",
    "no tracker is named that could": "실시간으로 보여 줄 트래커를 지정하지 않았습니다",
    "add --track tensorboard": "--track tensorboard를 추가하세요",
    "not a list of trackers that laptime wrote": "laptime이 쓴 트래커 목록이 아닙니다",
    "move it away": "다른 곳으로 옮기세요",
    "version {version}": "버전 {version}입니다",
    "this laptime reads {version}": "이 laptime은 버전 {version:을/를} 읽습니다",
    "MLFLOW_TRACKING_URI holds a name or a password": "MLFLOW_TRACKING_URI에 이름이나 비밀번호가 들어 "
    "있습니다",
    "give the address alone, and these in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD": "주소만 "
    "적고 이름과 비밀번호는 MLFLOW_TRACKING_USERNAME과 MLFLOW_TRACKING_PASSWORD에 적으세요",
    "WANDB_BASE_URL holds a name or a password, which W&B does not read there": "WANDB_BASE_URL에 이름이나 "
    "비밀번호가 들어 있는데, W&B는 그것을 거기서 읽지 않습니다",
    "give the address alone, and the key in WANDB_API_KEY": "주소만 적고 키는 WANDB_API_KEY에 적으세요",
    "not the file of an offline run of W&B that this laptime knows": "이 laptime이 아는 W&B 오프라인 실행 "
    "파일이 아닙니다",
    "damaged at byte {position}": "{position}바이트 위치가 손상되었습니다",
    # export/exporting.py
    "not empty": "비어 있지 않습니다",
    "what {method} learned can't be put into weights": "{method:으로/로} 학습한 내용은 가중치에 합칠 수 "
    "없습니다",
    "use --to card, the adapter that PEFT loads on the base": "PEFT가 베이스 모델에 얹어 불러오는 어댑터인 "
    "--to card를 쓰세요",
    "nothing is kept": "아무것도 남기지 않았습니다",
    # export/gguf_file.py, export/gguf_kind.py, export/gguf_tokenizer.py and export/llama_cpp.py
    "needs gguf": "gguf 패키지가 필요합니다",
    "not for {architecture}": "{architecture:은/는} 지원하지 않습니다",
    "a model without a class in its config.json": "config.json에 클래스가 없는 모델",
    "{names} go": "사용 가능: {names}",
    "use --to merged": "--to merged를 쓰세요",
    "use --to merged, and llama.cpp's own converter": "--to merged로 내보낸 뒤 llama.cpp의 변환기를 쓰세요",
    "rope of the type {kind}, which is not written here": "RoPE 종류가 {kind}인 모델은 여기서 쓸 수 없습니다",
    "attention within a sliding window, which is not written here": "슬라이딩 윈도 어텐션을 쓰는 모델은 "
    "여기서 쓸 수 없습니다",
    "biases that llama.cpp does not read for this architecture": "llama.cpp가 이 구조에서 읽지 않는 편향이 "
    "있습니다",
    "llama.cpp has no name for {name} of this architecture": "llama.cpp에 이 구조의 {name}에 해당하는 "
    "이름이 없습니다",
    "{name} holds numbers that float16 has no room for": "{name}에 float16으로 나타낼 수 없는 값이 있습니다",
    "{key} is {found} in the file, not {value}": "{key} 값이 파일에서 {value:이/가} 아니라 {found}입니다",
    "llama.cpp reads {source} as other tokens": "llama.cpp가 {source:을/를} 다른 토큰으로 읽습니다",
    "a tokenizer of another kind ({kind})": "다른 종류의 토크나이저입니다({kind})",
    "BPE and SentencePiece's BPE go": "사용 가능: BPE, SentencePiece의 BPE",
    "a tokenizer without merges, which llama.cpp does not load": "merges가 없는 토크나이저는 llama.cpp가 "
    "불러오지 못합니다",
    "a SentencePiece tokenizer without tokens for bytes, which llama.cpp needs": "llama.cpp에 필요한 "
    "바이트 토큰이 없는 SentencePiece 토크나이저입니다",
    "a pre-tokenizer that has no name in llama.cpp known here, so that texts would be cut otherwise": "이 "
    "프리토크나이저에 해당하는 llama.cpp의 이름을 몰라 텍스트가 다르게 나뉠 수 있습니다",
    "llama.cpp cannot load what was written": "내보낸 파일을 llama.cpp가 불러오지 못합니다",
    # export/kind.py and export/kinds.py
    "cannot be loaded again ({error})": "다시 불러올 수 없습니다({error})",
    "the tokenizer is another when it is loaded again": "다시 불러온 토크나이저가 원래와 다릅니다",
    "a whole model was trained": "모델 전체를 학습했습니다",
    "Ollama has no converter for adapters of {architecture} (only of {names})": "Ollama에는 {architecture} "
    "어댑터의 변환기가 없습니다({names}만 있음)",
    "Ollama has no converter for the base ({reason})": "Ollama에는 이 베이스 모델의 변환기가 "
    "없습니다({reason})",
    "this pre-tokenizer": "이 프리토크나이저",
    "Ollama reads plain LoRA alone, not {method}": "Ollama는 일반 LoRA만 읽으며 {method:은/는} 읽지 못합니다",
    "Ollama converts this model by itself": "이 모델은 Ollama가 직접 변환합니다",
    # export/proof.py
    "{place}: merging changes the logits by {difference}, where {allowed} would be rounding": "{place}: "
    "병합하면 로짓이 {difference}만큼 달라져, 반올림으로 볼 수 있는 {allowed:을/를} 넘습니다",
    "{place} in llama.cpp: changes the logits by {difference}, where {allowed} would be rounding": "{place}: "
    "llama.cpp에서 로짓이 {difference}만큼 달라져, 반올림으로 볼 수 있는 {allowed:을/를} 넘습니다",
    "{place}: changes the logits by {difference}, where {allowed} would be rounding": "{place}: 로짓이 "
    "{difference}만큼 달라져, 반올림으로 볼 수 있는 {allowed:을/를} 넘습니다",
    "{place} the logits by {difference}, where {allowed} would be rounding": "{place}: 로짓의 차이 "
    "{difference:이/가} 반올림으로 볼 수 있는 {allowed:을/를} 넘습니다",
    "{place}: merging changes {changed} of {total} greedy answers": "{place}: 병합하면 그리디 답변 "
    "{total}개 중 {changed}개가 달라집니다",
    "{place} in llama.cpp: changes {changed} of {total} greedy answers": "{place}: llama.cpp에서 그리디 "
    "답변 {total}개 중 {changed}개가 달라집니다",
    "{place}: changes {changed} of {total} greedy answers": "{place}: 그리디 답변 {total}개 중 {changed}개가 "
    "달라집니다",
    "{place} {changed} of {total} greedy answers": "{place}: 그리디 답변 {total}개 중 {changed}개",
    "rounding the weights changes the logits by {difference}, of {largest} at most": "가중치를 반올림하면 "
    "로짓이 {difference}만큼 달라집니다(로짓의 최댓값 {largest})",
    "take a wider number format": "더 넓은 수 형식을 고르세요",
    "rounded weights are nearer to the base than to what was trained: too little was learned to "
    "survive it": "반올림한 가중치가 학습한 모델보다 베이스 모델에 더 가깝습니다. 학습한 변화가 작아 "
    "반올림하면 사라집니다",
    "keep the adapter (--to card)": "어댑터로 보관하세요(--to card)",
    # export/served_template.py and export/turn_format.py
    "the template of this training is encoded piece by piece, which Ollama would do otherwise": "이 학습의 "
    "템플릿은 조각별로 인코딩하는데 Ollama는 다르게 인코딩합니다",
    "the chat template of this training writes turns in a way that no template of Ollama could repeat "
    "exactly": "이 학습의 채팅 템플릿이 발화를 쓰는 방식을 Ollama 템플릿으로 똑같이 나타낼 수 없습니다",
    "use --to merged, which keeps it as it is": "템플릿을 그대로 두는 --to merged를 쓰세요",
    # export/source.py
    "trained on random weights, for speed alone": "속도만 재려고 무작위 가중치로 학습했습니다",
    "there is nothing to export": "내보낼 것이 없습니다",
    "a comparison with {count} results": "결과가 {count}개인 비교입니다",
    "name one of them: {one} or {two} or {three} or {four}": "이 중 하나를 지정하세요: {one}, {two}, "
    "{three}, {four}",
    "name one of them: {one} or {two} or {three}": "이 중 하나를 지정하세요: {one}, {two}, {three}",
    "name one of them: {one} or {two}": "이 중 하나를 지정하세요: {one}, {two}",
    "name one of them: {one}": "이 중 하나를 지정하세요: {one}",
    "no contestant '{name}' with a result": "비교 대상 '{name}'의 저장된 결과가 없습니다",
    "export a run that trained": "학습한 실행을 내보내세요",
    "export {one} or {two}": "대신 내보낼 수 있는 것: {one}, {two}",
    "export {one}": "대신 내보낼 수 있는 것: {one}",
    "the run has saved no result yet": "아직 결과를 저장하지 않은 실행입니다",
    # live/
    "more options: {error}": "추가 옵션: {error}",
    "No closing quotation": "따옴표가 닫히지 않았습니다",
    "No escaped character": "역슬래시 뒤에 글자가 없습니다",
    "close the quotes": "따옴표를 닫으세요",
    "give the name of a folder, which is made in {folder}": "{folder} 안에 만들 폴더의 이름만 지정하세요",
    "exit code {code}": "종료 코드 {code}",
    "the live view did not start": "라이브 화면이 시작되지 않았습니다",
    "shows a race in a notebook": "노트북에서 비교를 보여 주는 함수입니다",
    "in a terminal: laptime show --watch DIR": "터미널에서는 laptime show --watch DIR을 쓰세요",
    "{one} and {other} are not installed": "{one}, {other:이/가} 설치되어 있지 않습니다",
    "cannot be listened at ({refusal})": "이 주소에서 연결을 받을 수 없습니다({refusal})",
    "give 1 to 65535": "1~65535를 지정하세요",
    "give another one": "다른 것을 지정하세요",
    # report/
    "draws an SVG": "SVG로 그립니다",
    "give a name that ends with .svg": ".svg로 끝나는 이름을 지정하세요",
    "expected a file in a folder that is there": "이미 있는 폴더 안의 파일이어야 합니다",
    "not written by laptime, or changed since": "laptime이 쓴 파일이 아니거나 그 뒤에 바뀌었습니다",
    "give another name": "다른 이름을 지정하세요",
    "a link": "링크입니다",
    "take it away, then repeat": "치운 뒤 다시 하세요",
    "no font on this machine has Korean letters": "이 컴퓨터에 한글 글꼴이 없습니다",
    "install one (apt install fonts-nanum, or fonts-noto-cjk) and repeat, or use --lang en": "한글 글꼴을 "
    "설치한 뒤(apt install fonts-nanum 또는 fonts-noto-cjk) 다시 하거나 --lang en을 쓰세요",
    "report.md shows the same charts as SVG": "report.md에 같은 차트가 SVG로 있습니다",
    "{folder}/ is for runs alone": "{folder}/ 폴더는 실행 전용입니다",
    "give another, as {example}": "다른 경로를 지정하세요(예: {example})",
    "give a path within the folder: letters, digits, - _ . and / (images/, or images/race-)": "폴더 안의 "
    "경로를 글자, 숫자, - _ . /만으로 지정하세요(images/ 또는 images/race-)",
    "a link that leads out of {folder}": "{folder} 밖으로 나가는 링크입니다",
    "give another": "다른 경로를 지정하세요",
    "{path} is a file": "{path:은/는} 파일입니다",
    "give a folder, as {example}": "폴더를 지정하세요(예: {example})",
    # kernels/build.py
    "{file} is another user's or may be written by others": "{file:이/가} 다른 사용자의 것이거나 다른 "
    "사용자가 쓸 수 있음",
    "{compiler} could not be run ({error})": "{compiler:을/를} 실행할 수 없음({error})",
}
