"""Phrases as records hold them, in English, and what a Korean report says for each.

A name between braces stands for anything, which is put into the Korean phrase and, where it is such a phrase
itself, put into Korean too.
"""

PHRASES: dict[str, str] = {
    # Speedups: what each did
    "{number} words, trained tokens only": "단어 {number}개, 학습 대상 토큰만",
    "{number} words": "단어 {number}개",
    "{number} layers": "레이어 {number}개",
    "{number} of {all} layers": "레이어 {all}개 중 {number}개",
    "{number} layers of {family}": "{family} 레이어 {number}개",
    "{number} layers in {groups} groups": "레이어 {number}개를 {groups}개 그룹으로",
    "{number} layers in {groups} groups; {left} run as they stand": "레이어 {number}개를 {groups}개 "
    "그룹으로, {left}개는 그대로",
    "the last layer's feed-forward part sees the trained tokens only": "마지막 레이어의 피드포워드를 학습 "
    "대상 토큰에만 적용",
    "beside the evaluation": "평가와 동시에 진행",
    "examples of up to {number} tokens": "레코드 최대 {number}토큰",
    "records of up to {number} tokens": "레코드 최대 {number}토큰",
    "AdamW and the gradients' norm": "AdamW와 그래디언트 노름",
    "norm and gate of {number} layers": "레이어 {number}개의 정규화와 게이트",
    "{dtype} weights, float32 activations and products": "가중치 {dtype}, 활성값과 곱은 float32",
    "torch's fused AdamW": "torch의 fused AdamW",
    "{number} packages put off": "패키지 {number}개의 임포트를 미룸",
    "batches are packed": "배치를 이어 붙임",
    "the {number} lowest of {all} layers": "레이어 {all}개 중 아래쪽 {number}개",
    "{before}; {number} of {all} examples were cached by an earlier run": "{before}, 레코드 {all}개 중 "
    "{number}개는 이전 실행의 캐시 사용",
    "{before}; {number} cached files were damaged and are made again": "{before}, 손상된 캐시 파일 "
    "{number}개는 다시 만듦",
    # Why a speedup did not run
    "switched off": "사용자가 끔",
    "works inside {other}, which did not run": "{other} 안에서 동작하는데 {other} 미적용",
    "the weights are spread over several devices": "가중치가 여러 장치에 나뉘어 있음",
    "the head is a {kind}, not a plain linear layer": "출력층이 일반 선형층이 아님({kind})",
    "the model's logits are not what its head makes of its last layer's output": "로짓이 마지막 레이어의 "
    "출력에 출력층을 적용한 값과 다름",
    "LoRA dropout draws one number for each token": "LoRA 드롭아웃이 토큰마다 난수를 뽑음",
    "LoRA dropout draws one number for each place of a padded batch": "LoRA 드롭아웃이 패딩을 포함한 "
    "자리마다 난수를 뽑음",
    "LoRA dropout is drawn anew for every layer": "LoRA 드롭아웃을 레이어마다 새로 뽑음",
    "nothing is left to do beside it: no held-out set": "평가용 데이터가 없어 동시에 할 일이 없음",
    "every forward pass takes the model apart: adapters change weights of experts": "어댑터가 "
    "전문가(expert) 가중치를 바꾸므로 순전파마다 모델을 분해함",
    "the C parts can't be used: {reason}": "C 코드를 쓸 수 없음: {reason}",
    "the processor, or its C compiler, has no instruction for products of {dtype}": "CPU나 C 컴파일러에 "
    "{dtype} 곱셈 명령이 없음",
    "torch's products were faster when both were tried: {theirs} against {ours} ms for a layer": "둘 다 "
    "재 보니 torch의 곱셈이 더 빠름(레이어당 {theirs}ms, C 코드는 {ours}ms)",
    "the method puts tokens of its own before each example": "방법이 레코드마다 앞에 자체 토큰을 붙임",
    "for CPUs only": "CPU 전용",
    "no base is held in 4 bits as it is read": "읽으면서 4비트로 두는 베이스가 없음",
    "for bfloat16 and float32, not {dtype}": "bfloat16과 float32 전용({dtype} 사용 중)",
    "for bfloat16 only, not {dtype}": "bfloat16 전용({dtype} 사용 중)",
    "short_attention was asked for by name": "short_attention을 이름으로 지정함",
    "prepacked_weights was asked for by name": "prepacked_weights를 이름으로 지정함",
    "examples of up to {number} tokens; made for {most}": "레코드 최대 {number}토큰, {most}토큰까지 지원",
    "examples of up to {number} tokens; short means {most}": "레코드 최대 {number}토큰, {most}토큰까지를 "
    "짧다고 봄",
    "the width of a head is no multiple of 32": "헤드 폭이 32의 배수가 아님",
    "no layer has weights of even sizes, with or without a float32 adapter": "가중치 크기가 짝수인 "
    "레이어가 없음",
    "{dtype} is native here": "이 컴퓨터는 {dtype:을/를} 직접 지원",
    "{dtype} is not native here": "이 컴퓨터는 {dtype:을/를} 직접 지원하지 않음",
    "torch's fused kernel is AdamW's with moments of 32 bits": "torch의 fused 커널은 "
    "32비트 모멘트의 AdamW 전용",
    "no layer is a plain linear one, with or without a plain adapter": "일반 선형층(어댑터 포함)이 없음",
    "everything was imported already": "이미 모두 임포트됨",
    "no batch holds examples of different lengths": "길이가 다른 레코드가 섞인 배치가 없음",
    "no batch holds records of different lengths": "길이가 다른 레코드가 섞인 배치가 없음",
    "the lowest layer trains": "맨 아래 레이어도 학습함",
    "only CPU kernels read packed weights": "재배치한 가중치는 CPU 커널만 읽음",
    "this torch has no oneDNN": "이 torch에는 oneDNN이 없음",
    "compiled_projections reads weights as they are": "compiled_projections는 가중치를 그대로 읽음",
    "no weight is both frozen and multiplied as it is stored": "고정되어 있고 저장된 그대로 곱하는 "
    "가중치가 없음",
    "the memory that full logits would take holds no copy of a weight": "전체 로짓이 차지할 메모리로는 "
    "가중치 사본을 둘 수 없음",
    "{number} MB": "{number} MB를 미리 읽음",
    "no weight files, or more than half the memory holds": "가중치 파일이 없거나 메모리의 절반보다 큼",
    "the system had the files in memory already": "파일이 이미 메모리(페이지 캐시)에 있음",
    "a GPU's attention kernels are faster": "GPU의 어텐션 커널이 더 빠름",
    "compiled_attention attends": "compiled_attention이 어텐션을 맡음",
    "a layer is not as expected ({why})": "레이어 구조가 예상과 다름({why})",
    "{name} is a {kind} of an unknown kind": "{name:이/가} 알려지지 않은 종류({kind})",
    "written for {families}, not for {family}": "{families} 전용({family}에는 미지원)",
    "its gate is {gate}, not silu": "게이트가 silu가 아니라 {gate}",
    "the model drops attention weights": "모델이 어텐션 가중치에 드롭아웃을 적용함",
    "they are built on Linux only": "Linux에서만 빌드함",
    "there is no C compiler (cc, gcc or clang)": "C 컴파일러(cc, gcc, clang)가 없음",
    "they were not built": "빌드되지 않음",
    "torch brings no OpenMP of its own": "torch에 OpenMP가 들어 있지 않음",
    "they can't be loaded ({error})": "불러올 수 없음({error})",
    "what was built does not run here ({error})": "빌드한 코드가 여기서 실행되지 않음({error})",
    # Precision
    "asked for with --precision": "--precision으로 지정",
    "asked for with --precision; {why}": "--precision으로 지정, {why}",
    "tried on this model: a step takes {times}": "이 모델로 재 본 스텝당 시간: {times}",
    "{number} ms in {dtype}, {rest}": "{dtype} {number}ms, {rest}",
    "{number} ms in {dtype}": "{dtype} {number}ms",
    "bf16 is native ({why})": "bf16 직접 지원({why})",
    "fp16 with loss scaling: no native bf16 below 8.0 ({why})": "손실 스케일링을 적용한 fp16: 8.0 미만은 "
    "bf16을 직접 지원하지 않음({why})",
    "neither bf16 nor fp16 is fast here ({why})": "bf16도 fp16도 빠르지 않음({why})",
    "compute capability {capability}": "연산 능력 {capability}",
    "the CPU multiplies bf16 natively": "CPU가 bf16 곱셈을 직접 지원",
    "the CPU has no native bf16": "CPU가 bf16을 직접 지원하지 않음",
    "{trainer}'s own choice": "{trainer:이/가} 정함",
    # Energy
    "not measured": "측정하지 않음",
    "not measured: no energy counter is readable here": "측정하지 않음: 읽을 수 있는 에너지 카운터가 없음",
    "not measured: shorter than {seconds} s": "측정하지 않음: {seconds}초보다 짧음",
    "not measured: the counter wrapped around": "측정하지 않음: 카운터가 한 바퀴 돌았음",
    "not measured: the training spans more than one process": "측정하지 않음: 학습이 여러 프로세스에 걸쳐 "
    "있음",
    "not measured: the processes of a launcher may be on several machines": "측정하지 않음: 프로세스들이 "
    "여러 컴퓨터에 있을 수 있음",
    "{counter}, idle not subtracted": "{counter}, 유휴 전력 포함",
    "NVML, {number} GPUs": "NVML, GPU {number}개",
    # Template and columns
    "plain text is trained as it stands": "일반 텍스트는 그대로 학습",
    "chosen with --template": "--template으로 지정",
    "the chat template given with --chat-template {name}": "--chat-template {name}으로 지정한 채팅 템플릿",
    "the tokenizer brings its own chat template": "토크나이저에 채팅 템플릿이 있음",
    "the prompts bring their own headings": "프롬프트에 이미 머리말이 있음",
    "no chat template in the tokenizer, and the prompts are Korean": "토크나이저에 채팅 템플릿이 없고 "
    "프롬프트가 한국어",
    "no chat template in the tokenizer, and the prompts are not Korean": "토크나이저에 채팅 템플릿이 없고 "
    "프롬프트가 한국어가 아님",
    "answers": "답변",
    "all": "모든 토큰",
    "plain text": "일반 텍스트",
    "plain text (column {column})": "일반 텍스트({column} 열)",
    "conversations (column {columns})": "대화({columns} 열)",
    "questions and answers (question from {prompt}, answer from {answer})": "질문과 답변(질문은 {prompt} "
    "열, 답변은 {answer} 열)",
    "{before}, system text from {columns}": "{before} 열, 시스템 텍스트는 {columns}",
    "{before}, tools from {columns}": "{before} 열, 도구는 {columns}",
    "{before}, further input from {columns}": "{before} 열, 추가 입력은 {columns}",
    "{before}, earlier turns from {columns}": "{before} 열, 이전 대화는 {columns}",
    # Notes on the data
    "held out: {note}": "평가용: {note}",
    "{number} of {all} examples cut to --max-length {length} at the end of their answer, whose end of "
    "sequence is then not trained: {sources}": "레코드 {all}개 중 {number}개를 --max-length {length}에 "
    "맞춰 답변 끝에서 잘랐으며, 잘린 레코드는 종료 토큰을 학습하지 않음: {sources}",
    "{number} of {all} examples cut to --max-length {length} at the end of their answer": "레코드 {all}개 "
    "중 {number}개를 --max-length {length}에 맞춰 답변 끝에서 자름",
    "{sources} and {number} more": "{sources} 외 {number}개",
    "{number} of {all} tokens ({share}%) are characters that this tokenizer does not know ({letters}): "
    "the model can neither read nor write them": "토큰 {all}개 중 {number}개({share}%)가 토크나이저에 "
    "없는 문자({letters})여서 모델이 읽지도 쓰지도 못함",
    "the tokenizer leaves out {letters}: it has no token for them": "토크나이저가 {letters:을/를} 빼고 "
    "읽음(토큰 없음)",
    "special-token text stands in the data once: encoded as ordinary text": "데이터에 특수 토큰 문자열이 "
    "1번 나오며 일반 텍스트로 인코딩함",
    "special-token text stands in the data {number} times: encoded as ordinary text": "데이터에 특수 토큰 "
    "문자열이 {number}번 나오며 일반 텍스트로 인코딩함",
    "{number} of {all} held-out examples have a question that is also trained on": "평가용 레코드 {all}개 "
    "중 {number}개의 질문이 학습 데이터에도 있음",
    "--held-out {fraction} of {all} examples would be {wanted}: {number} held out instead "
    "({share} %)": "--held-out {fraction:은/는} 레코드 {all}개 중 {wanted}개여서 대신 {number}개를 "
    "평가용으로 남김({share}%)",
    "not read: {files} (text files beside files of examples)": "읽지 않음: {files}(레코드 파일과 함께 "
    "있는 텍스트 파일)",
    "left out (--skip-bad): {why}: {number} ({sources})": "제외(--skip-bad): {why}: {number}개({sources})",
    "encoded slowly, by tokenizers alone: {error}": "tokenizers만으로 느리게 인코딩: {error}",
    "{text}: 1 example ({source})": "{text}: 레코드 1개({source})",
    "{text}: {number} examples ({sources})": "{text}: 레코드 {number}개({sources})",
    "'{name}' is left out, so the answers are learnt without it; to train on it, write it "
    "into them": "'{name}' 열은 빼고 답변만 학습하며, 함께 학습하려면 답변에 적어야 함",
    "'{name}' is left out: every example counts alike; leave out those that should not be learnt": "'{name}' "
    "열은 쓰지 않고 모든 레코드를 똑같이 다루므로, 학습하지 않을 레코드는 빼야 함",
    "'{name}' is left out: what it says of an example changes nothing of what is learnt": "'{name}' 열은 "
    "쓰지 않으며 학습 내용을 바꾸지 않음",
    "'{name}' is NaN, no number: the example counts like every other": "'{name}' 값이 NaN이어서 다른 "
    "레코드와 똑같이 다룸",
    # Notes on a run
    "no adapters on {names}: routers, or weights that kernels read past their layers": "{names}에는 "
    "어댑터 없음(라우터이거나 커널이 레이어를 거치지 않고 읽는 가중치)",
    "saved as an adapter of rank {rank}, on the base as it was": "원래 베이스 모델에 얹는 랭크 {rank} "
    "어댑터로 저장",
    "trained beside the base in 4 bits (NF4, double quantisation)": "4비트(NF4, 이중 양자화) 베이스 모델 "
    "옆에서 학습",
    "activations are recomputed: {why}": "활성값을 다시 계산함: {why}",
    "asked for with --gradient-checkpointing": "--gradient-checkpointing으로 지정",
    "as before it was interrupted": "중단되기 전과 같음",
    "{activations} GB of activations beside {held} GB of all else do not fit {room} GB": "활성값 "
    "{activations} GB와 나머지 {held} GB가 {room} GB에 들어가지 않음",
    "a step's examples go through {number} at a time instead of {all}, for the same update: {why}": "한 "
    "스텝의 레코드를 {all}개 대신 {number}개씩 나누어 계산하며 업데이트는 같음: {why}",
    "by estimate {number} at once need {needed} GB, more than {share}% of the {room} GB there": "추정으로는 "
    "한 번에 {number}개면 {needed} GB가 필요해, 있는 {room} GB의 {share}%를 넘음",
    "embedding and head are gathered for each batch: {why}": "배치마다 임베딩과 출력층을 모음: {why}",
    "{name} is switched off": "{name:이/가} 꺼져 있음",
    "the embedding is more than a table": "임베딩이 단순한 표가 아님",
    "the head is no plain linear layer over the same words": "출력층이 같은 단어에 대한 일반 선형층이 아님",
    "{words} words are too few for {number} processes": "단어 {words}개는 프로세스 {number}개로 나누기에 "
    "너무 적음",
    "{tokens} tokens at a time are many for {words} words": "한 번에 토큰 {tokens}개는 단어 {words}개에 "
    "비해 많음",
    "{number} thread ({why})": "스레드 {number}개({why})",
    "{number} threads ({why})": "스레드 {number}개({why})",
    "{threads}, as when it began; now it would be {now}": "{threads}, 시작할 때와 같음(지금이라면 {now})",
    "asked for with --threads": "--threads로 지정",
    "as OMP_NUM_THREADS says": "OMP_NUM_THREADS로 지정",
    "all cores free": "모든 코어가 비어 있음",
    "the only core free": "하나뿐인 코어가 비어 있음",
    "its control group allows no more of {number} cores": "컨트롤 그룹이 코어 {number}개 중 일부만 허용",
    "{free} of {all} cores free: other programs are at work": "코어 {all}개 중 {free}개가 비어 있음(다른 "
    "프로그램 실행 중)",
    "as in the comparison that this one is set beside": "비교 대상인 이전 비교와 같음",
    # Self-checks
    "{number} of {all} trained tensors changed, {others} of the others": "학습 대상 텐서 {all}개 중 "
    "{number}개, 나머지 중 {others}개 변경",
    "{before}; unchanged: {names}": "{before}; 바뀌지 않은 것: {names}",
    "mean loss of {number} training examples: {before} before, {after} after": "학습 레코드 {number}개의 "
    "평균 손실: 학습 전 {before}, 학습 후 {after}",
    "mean loss of 1 training example: {before} before, {after} after": "학습 레코드 1개의 평균 손실: 학습 "
    "전 {before}, 학습 후 {after}",
    "{number} of {all} tensors differ from those in memory ({name})": "텐서 {all}개 중 {number}개가 "
    "메모리에 있는 것과 다름({name})",
    "{number} tensors and the logits of {tokens} tokens are equal to the bit": "텐서 {number}개와 토큰 "
    "{tokens}개의 로짓이 비트 단위까지 같음",
    "{number} tensors are equal to the bit, the logits differ by {difference} at most": "텐서 "
    "{number}개는 비트 단위까지 같고 로짓의 차이는 최대 {difference}",
    # Who races, and on what
    "left out: {names}: {reason}": "제외한 방법: {names}({reason})",
    "{architecture} has no biases, so that nothing would train; use lora, or ia3 for as few numbers": ""
    "{architecture}에는 편향이 없어 학습할 것이 없음, lora를 쓰거나 파라미터 수가 비슷한 ia3를 쓸 것",
    "needs {library}; install it with {command}": "{library:이/가} 필요함, 설치: {command}",
    "{trainer} has {methods}": "{trainer}에는 {methods}만 있음",
    "{method}: weights, gradients and moments are spread over {number} devices": "{method}: 가중치, "
    "그래디언트, 모멘트를 장치 {number}개에 나눔",
    "{method}: about {needed} GB don't fit one GPU of {room} GB, so weights, gradients and moments are "
    "spread over {number} devices": "{method}: 약 {needed} GB가 {room} GB인 GPU 하나에 들어가지 않아, "
    "가중치, 그래디언트, 모멘트를 장치 {number}개에 나눔",
    "{method}: the examples of a step are shared by {number} devices": "{method}: 스텝의 레코드를 장치 "
    "{number}개가 나누어 계산",
    "{method} trains on {number} of {all} devices: a step of {batch} examples can't be shared by more "
    "(--batch-size or --gradient-accumulation gives it more)": "{method:은/는} 장치 {all}개 중 {number}개로 "
    "학습: 레코드 {batch}개인 스텝은 더 못 나눔(--batch-size나 --gradient-accumulation으로 늘릴 수 있음)",
    "{method} trains on {number} of {all} devices: a step of 1 example can't be shared by more "
    "(--batch-size or --gradient-accumulation gives it more)": "{method:은/는} 장치 {all}개 중 {number}개로 "
    "학습: 레코드 1개인 스텝은 더 못 나눔(--batch-size나 --gradient-accumulation으로 늘릴 수 있음)",
}
