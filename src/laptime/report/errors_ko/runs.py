"""Korean for the error lines of models, of runs and their folders, and of comparisons."""

PHRASES: dict[str, str] = {
    # What several of these files say
    "leave it out": "빼세요",
    "leave one of the two out": "둘 중 하나를 빼세요",
    "give a folder": "폴더를 지정하세요",
    "give a new folder": "새 폴더를 지정하세요",
    "give a new or empty folder": "새 폴더나 빈 폴더를 지정하세요",
    "give a new --out": "--out에 새 폴더를 지정하세요",
    "a file": "파일입니다",
    "no such folder": "그런 폴더가 없습니다",
    "cannot be written to ({error})": "쓸 수 없습니다({error})",
    "put back a whole copy": "온전한 사본으로 되돌려 놓으세요",
    "put back a whole copy, or do the run anew": "온전한 사본으로 되돌려 놓거나 실행을 새로 하세요",
    "put back a whole copy, or begin anew with another --out": "온전한 사본으로 되돌려 놓거나 "
    "다른 --out으로 새로 시작하세요",
    "put back what was there": "원래 있던 것으로 되돌려 놓으세요",
    "this laptime reads 1 to {version}": "이 laptime은 1부터 {version}까지 읽습니다",
    "needs {library}": "{library:이/가} 필요합니다",
    "install it with {command}": "다음 명령으로 설치하세요: {command}",
    "there are {names}": "사용 가능: {names}",
    # models/config_shape.py
    "the model holds at most {limit} tokens": "모델이 다룰 수 있는 길이는 최대 {limit}토큰입니다",
    # models/config_sizes.py: with the place, for "x is y" alone would fit much else
    "{key} is {value}; expected a whole number from {least}": "{key:은/는} {least} 이상의 정수여야 "
    "합니다(받은 값: {value})",
    "{key} is {value}; expected a probability from 0 to 1": "{key:은/는} 0 이상 1 이하의 확률이어야 "
    "합니다(받은 값: {value})",
    "{key} is {value}; expected a number from 0": "{key:은/는} 0 이상의 수여야 합니다(받은 값: {value})",
    "{key} is {value}; expected a number above 0": "{key:은/는} 0보다 큰 수여야 합니다(받은 값: {value})",
    "{key} is {value}; expected a share above 0, up to 1": "{key:은/는} 0 초과 1 이하의 비율이어야 "
    "합니다(받은 값: {value})",
    "{place}num_key_value_heads is {value}; expected a divisor of its {heads} num_attention_heads": ""
    "{place}num_key_value_heads는 num_attention_heads({heads})의 약수여야 합니다(받은 값: {value})",
    # models/digest.py, with what data/input_manifest.py puts behind it
    "{name} is gone since {folder} was begun": "{name:이/가} {folder:을/를} 시작한 뒤에 없어졌습니다",
    "{name} is new since {folder} was begun": "{name:이/가} {folder:을/를} 시작한 뒤에 새로 생겼습니다",
    "{name} has changed since {folder} was begun": "{name:이/가} {folder:을/를} 시작한 뒤에 바뀌었습니다",
    "{name} cannot be read ({error}) since {folder} was begun": "{name:을/를} {folder:을/를} 시작한 "
    "뒤로는 읽을 수 없습니다({error})",
    # models/folder.py
    "an adapter": "어댑터입니다",
    "give its base model instead": "대신 베이스 모델을 지정하세요",
    "no config.json in this folder": "이 폴더에 config.json이 없습니다",
    "holds an adapter beside the model": "모델과 함께 어댑터가 들어 있습니다",
    "take {file} away": "{file:을/를} 다른 곳으로 옮기세요",
    "{name} leaves the folder": "{name:이/가} 폴더 밖을 가리킵니다",
    "what the run saved is no longer there": "실행이 저장한 결과가 더는 없습니다",
    "no safetensors weights in it": "safetensors 가중치가 들어 있지 않습니다",
    "not a saved adapter ({config} and {weights})": "저장된 어댑터가 아닙니다({config:과/와} {weights} 필요)",
    "peft_type {kind}": "peft_type이 {kind}입니다",
    "names a tokenizer elsewhere": "다른 곳에 있는 토크나이저를 지정하고 있습니다",
    "asks for more than an adapter's weights": "어댑터 가중치 말고 다른 것도 요구합니다",
    "not ours": "laptime이 저장한 것이 아닙니다",
    "a link that leaves the folder": "폴더 밖을 가리키는 링크입니다",
    "copy the file": "파일을 복사해 넣으세요",
    "neither a file nor a folder": "파일도 폴더도 아닙니다",
    "not a weight index": "가중치 인덱스가 아닙니다",
    "missing, though {index} names it": "{index}에 적혀 있는데 파일이 없습니다",
    "not a whole safetensors file": "온전한 safetensors 파일이 아닙니다",
    "expected an object ({{...}})": "객체({{...}})여야 합니다",
    "brings its own Python code": "자체 Python 코드가 들어 있습니다",
    "read it, then add --trust-remote-code": "코드를 읽어 본 뒤 --trust-remote-code를 추가하세요",
    "{key} names code of a repository": "{key:이/가} 저장소의 코드를 지정하고 있습니다",
    "take it away, or add --trust-remote-code": "그 항목을 지우거나 --trust-remote-code를 추가하세요",
    # models/loading.py
    "too many open files to read it": "열린 파일이 너무 많아 읽을 수 없습니다",
    "raise the limit: ulimit -n 1024": "한도를 늘리세요: ulimit -n 1024",
    "cannot be loaded ({error})": "불러올 수 없습니다({error})",
    "no causal language model can be built from it ({error})": "이 설정으로는 인과 언어 모델을 만들 수 "
    "없습니다({error})",
    # models/source.py
    "give the folder that holds config.json": "config.json이 있는 폴더를 지정하세요",
    "the repository has no config.json": "저장소에 config.json이 없습니다",
    "no model_type in it": "model_type이 없습니다",
    "is this a transformers model?": "transformers 모델인지 확인하세요",
    "quantised weights ({what})": "양자화된 가중치입니다({what})",
    "take a copy of the model in float32, bf16 or fp16": "float32, bf16, fp16 중 하나로 된 모델을 쓰세요",
    "architectures is no list of names": "architectures가 이름 목록이 아닙니다",
    "{name} is no causal language model": "{name:은/는} 인과 언어 모델이 아닙니다",
    "only pickled weights ({file}), which can hold hostile code": "pickle 형식의 가중치만 있으며({file}), "
    "악성 코드가 들어 있을 수 있습니다",
    "convert them to safetensors, or add --allow-pickled-weights": "safetensors로 변환하거나 "
    "--allow-pickled-weights를 추가하세요",
    "no weights": "가중치가 없습니다",
    "or --random-weights, for speed alone": "또는 속도만 재려면 --random-weights를 쓰세요",
    # models/stored_weights.py
    "{names} in no part of the model": "{names}: 모델의 어느 부분에도 없는 가중치입니다",
    "{name} is in no part of the model": "{name:은/는} 모델의 어느 부분에도 없는 가중치입니다",
    "{name} and {number} more are in no part of the model": "{name} 외 {number}개는 모델의 어느 부분에도 "
    "없는 가중치입니다",
    "is config.json theirs?": "config.json이 이 가중치의 것인지 확인하세요",
    "not a whole safetensors file ({error})": "온전한 safetensors 파일이 아닙니다({error})",
    "{names} stored as {format}, not in float32, bf16 or fp16": "{names}: float32, bf16, fp16이 아니라 "
    "{format:으로/로} 저장되어 있습니다",
    "{name} is stored as {format}, not in float32, bf16 or fp16": "{name:이/가} float32, bf16, fp16이 "
    "아니라 {format:으로/로} 저장되어 있습니다",
    "{name} and {number} more are stored as {format}, not in float32, bf16 or fp16": "{name} 외 "
    "{number}개가 float32, bf16, fp16이 아니라 {format:으로/로} 저장되어 있습니다",
    "take a copy of the model that is not quantised": "양자화되지 않은 모델을 쓰세요",
    "{name} is {found}, the model of config.json has {wanted}; is config.json theirs?": "{name:은/는} "
    "{found}인데 config.json의 모델에서는 {wanted}입니다; config.json이 이 가중치의 것인지 확인하세요",
    "its weight files lack {name}": "가중치 파일에 {name:이/가} 없습니다",
    "its weight files lack {name} and {number} more": "가중치 파일에 {name} 외 {number}개가 없습니다",
    "{name} differs from {other}, though config.json ties them": "{name:과/와} {other:은/는} config.json에 "
    "따르면 하나여야 하는데 값이 다릅니다",
    "set tie_word_embeddings to false there": "config.json에서 tie_word_embeddings를 false로 바꾸세요",
    # models/tokenizer_files.py
    "put back the file that came with the model": "모델에 딸려 온 파일로 되돌려 놓으세요",
    "no tokenizer can be made of it ({error})": "이 파일로는 토크나이저를 만들 수 없습니다({error})",
    "invalid UTF-8 at byte {place}": "{place}번째 바이트가 올바른 UTF-8이 아닙니다",
    "no tokenizer in this folder ({file})": "이 폴더에 토크나이저가 없습니다({file})",
    "its tokenizer cannot be loaded ({error})": "토크나이저를 불러올 수 없습니다({error})",
    "put back the tokenizer's files that came with the model ({files})": "모델에 딸려 온 토크나이저 "
    "파일({files})로 되돌려 놓으세요",
    # runs/between.py
    "sets two side by side (got {names})": "둘을 나란히 놓는 옵션입니다(받은 값: {names})",
    "name two with --methods": "--methods로 둘을 지정하세요",
    "a step of {first} has {count} examples, one of {second} {other}: that is other work": "스텝의 레코드 "
    "수가 {first:은/는} {count}개, {second:은/는} {other}개여서 서로 다른 작업입니다",
    "give both the same {option}": "둘에 같은 {option:을/를} 지정하세요",
    # runs/checks.py
    "--speedups asks for it": "--speedups에 지정되어 있습니다",
    "{trainer} trains what lies on the disk": "{trainer:은/는} 디스크에 있는 가중치를 학습합니다",
    "{trainer} can only be run on one device here": "{trainer:은/는} 여기서 장치 하나로만 실행할 수 있습니다",
    "give more to contestants that laptime trains itself": "장치 여러 개는 laptime이 직접 학습하는 비교 "
    "대상에 지정하세요",
    "{trainer} trains by AdamW here": "{trainer:은/는} 여기서 AdamW로 학습합니다",
    "{method} on --devices {devices} spreads the moments, and those of {optimizer} can't be": ""
    "{method:은/는} --devices {devices}에서 모멘트를 나누는데 {optimizer}의 모멘트는 나눌 수 없습니다",
    "AdamW with moments of 8 bits": "8비트 모멘트 AdamW",
    "SGD with momentum": "모멘텀 SGD",
    "{method} brings an AdamW of its own": "{method:은/는} 자체 AdamW를 씁니다",
    "leave it out, or take full": "빼거나 full을 쓰세요",
    "{option}: {optimizer} has none of AdamW's": "{option}: {optimizer}에는 AdamW의 이 값이 없습니다",
    "{place}: --adam-{option}: {optimizer} has none of AdamW's": "{place}: --adam-{option}: {optimizer}에는 "
    "AdamW의 이 값이 없습니다",
    "no method '{name}'": "'{name}' 방법은 없습니다",
    "did you mean '{name}'? there are {names}": "혹시 '{name}'인가요? 사용 가능: {names}",
    "not among the methods {names}": "지정한 방법({names})에 없습니다",
    "leave {name}= out": "{name}= 부분을 빼세요",
    "must be above 0 (got {value})": "0보다 커야 합니다(받은 값: {value})",
    "a question in which nothing can be seen": "보이는 글자가 하나도 없는 질문입니다",
    # runs/devices.py
    "the {count} processes that were started have GPUs of their own": "시작된 프로세스 {count}개에 GPU가 "
    "따로 정해져 있습니다",
    "give their number, or leave it out": "GPU 개수를 지정하거나 빼세요",
    "{number} processes were started (WORLD_SIZE)": "시작된 프로세스는 {number}개입니다(WORLD_SIZE)",
    "start as many, or ask for fewer": "그만큼 시작하거나 더 적게 지정하세요",
    # runs/disk.py
    "the runs leave {results}, with {spare} to spare for records and the report": "실행이 남기는 것은 "
    "{results}이고, 기록과 보고서를 위한 여유 {spare:이/가} 더 필요합니다",
    "their results": "결과",
    "{size} of results": "결과 {size}",
    "their results and about {inputs} of encoded examples": "결과와 인코딩된 레코드 약 {inputs}",
    "{size} of results and about {inputs} of encoded examples": "결과 {size}, 인코딩된 레코드 약 {inputs}",
    "{size} of results and {kept} of checkpoints": "결과 {size}, 체크포인트 {kept}",
    "{size} of results and {kept} of checkpoints and moments": "결과 {size}, 체크포인트와 중간 가중치 {kept}",
    "{size} of results and {kept} of checkpoints and about {inputs} of encoded examples": "결과 {size}, "
    "체크포인트 {kept}, 인코딩된 레코드 약 {inputs}",
    "{size} of results and {kept} of checkpoints and moments and about {inputs} of encoded examples": ""
    "결과 {size}, 체크포인트와 중간 가중치 {kept}, 인코딩된 레코드 약 {inputs}",
    "{size} are free": "{size} 비어 있습니다",
    "use another disk": "다른 디스크를 쓰세요",
    "use {options} or another disk": "{options:을/를} 줄이거나 다른 디스크를 쓰세요",
    "a lower --keep-checkpoints": "--keep-checkpoints",
    "a lower --keep-checkpoints, {rest}": "--keep-checkpoints, {rest}",
    "fewer --moments": "--moments",
    "fewer --moments, {rest}": "--moments, {rest}",
    "fewer --rounds": "--rounds",
    "{option} leaves nothing to keep": "{option} 때문에 저장해 둘 것이 없습니다",
    "--reuse-cache: {folder} cannot be written to ({error})": "--reuse-cache: {folder}에 쓸 수 "
    "없습니다({error})",
    "set XDG_CACHE_HOME to a folder": "XDG_CACHE_HOME에 폴더를 지정하세요",
    # runs/folder.py
    "holds something else ({name})": "다른 것이 들어 있습니다({name})",
    "go on with that version, or give a new folder": "그 버전으로 이어서 하거나 새 폴더를 지정하세요",
    "begun with other options ({options})": "다른 옵션으로 시작한 폴더입니다({options})",
    "--contestant in another order": "순서가 다른 --contestant",
    "{options}, --contestant in another order": "{options}, 순서가 다른 --contestant",
    "give another folder, or the options it was begun with": "다른 폴더를 지정하거나 시작할 때의 옵션을 "
    "쓰세요",
    "no {file} here: records alone, as they are published, can't be asked": "{file:이/가} 없습니다. 공개된 "
    "기록만으로는 질문할 수 없습니다",
    "ask where they were made, or do the same again with another --out and ask that": "기록을 만든 곳에서 "
    "질문하거나, 다른 --out으로 같은 작업을 다시 해서 질문하세요",
    "the records of a comparison alone, as they are published: nothing goes on there": "공개된 비교의 "
    "기록만 들어 있어 이어서 할 수 없습니다",
    # runs/given_ranks.py
    "no such rank": "그런 랭크는 없습니다",
    "no such task": "그런 태스크는 없습니다",
    "set both {how}": "둘 다 {how} 설정하세요",
    "as torchrun sets them": "torchrun이 하는 대로",
    "as srun does": "srun이 하는 대로",
    "MASTER_ADDR is not set": "MASTER_ADDR이 설정되어 있지 않습니다",
    "set it and MASTER_PORT {how}": "MASTER_ADDR과 MASTER_PORT를 {how} 설정하세요",
    "names no node": "노드 이름이 없습니다",
    "set MASTER_ADDR to the node of the first task": "MASTER_ADDR에 첫 태스크의 노드를 지정하세요",
    "not a port": "포트 번호가 아닙니다",
    "set one from 1 to {port}": "1부터 {port}까지의 포트를 지정하세요",
    "not a number": "숫자가 아닙니다",
    "set it {how}": "{how} 설정하세요",
    # runs/given_team.py
    "the place where the {count} processes meet could not be kept": "프로세스 {count}개가 만날 주소를 "
    "유지하지 못했습니다",
    "give MASTER_ADDR and MASTER_PORT an address of rank 0 that is free": "MASTER_ADDR과 MASTER_PORT에 "
    "랭크 0의 비어 있는 주소를 지정하세요",
    "{number} processes were started": "시작된 프로세스는 {number}개입니다",
    "only the command takes them (torchrun ... -m laptime train), from Python devices={count} starts as "
    "many on this machine": "여러 프로세스는 명령(torchrun ... -m laptime train)만 받으며, Python에서는 "
    "devices={count:으로/로} 이 컴퓨터에서 그만큼 시작하세요",
    # runs/job.py, runs/plan.py, comparison/result.py: what a file should be
    "a job": "작업 파일",
    "a plan": "계획",
    "a comparison": "비교",
    "a run": "실행",
    # runs/lock.py and runs/machine_lock.py
    "locked by {owner}": "다른 프로세스가 쓰고 있습니다({owner})",
    "this machine: locked by {owner}": "이 컴퓨터: 다른 비교가 진행 중입니다({owner})",
    "this GPU: locked by {owner}": "이 GPU: 다른 비교가 진행 중입니다({owner})",
    "this machine: locked by {owner}; two measurements at once would falsify both; --wait waits for it": ""
    "이 컴퓨터: 다른 비교가 진행 중입니다({owner}); 동시에 측정하면 양쪽 결과가 모두 틀어집니다; --wait를 "
    "쓰면 끝날 때까지 기다립니다",
    "this GPU: locked by {owner}; two measurements at once would falsify both; --wait waits for it": ""
    "이 GPU: 다른 비교가 진행 중입니다({owner}); 동시에 측정하면 양쪽 결과가 모두 틀어집니다; --wait를 쓰면 "
    "끝날 때까지 기다립니다",
    "pid {number} since {when}": "pid {number}, {when}부터",
    "pid {number} on {host} since {when}": "{host}의 pid {number}, {when}부터",
    "two measurements at once would falsify both": "동시에 측정하면 양쪽 결과가 모두 틀어집니다",
    "--wait waits for it": "--wait를 쓰면 끝날 때까지 기다립니다",
    "a process of an earlier command still works there": "이전 명령의 프로세스가 아직 작업하고 있습니다",
    "this machine: a process of an earlier command still works there": "이 컴퓨터: 이전 명령의 프로세스가 "
    "아직 작업하고 있습니다",
    "this GPU: a process of an earlier command still works there": "이 GPU: 이전 명령의 프로세스가 아직 "
    "작업하고 있습니다",
    "end it first": "먼저 그 프로세스를 끝내세요",
    "{path} cannot be locked ({error})": "{path:을/를} 잠글 수 없습니다({error})",
    "this machine: {path} cannot be locked ({error})": "이 컴퓨터: {path:을/를} 잠글 수 없습니다({error})",
    "this GPU: {path} cannot be locked ({error})": "이 GPU: {path:을/를} 잠글 수 없습니다({error})",
    "this machine: cannot be written to ({error})": "이 컴퓨터: 잠금 파일을 쓸 수 없습니다({error})",
    "this GPU: cannot be written to ({error})": "이 GPU: 잠금 파일을 쓸 수 없습니다({error})",
    "cannot be made ({error})": "만들 수 없습니다({error})",
    "set TMPDIR to a folder": "TMPDIR에 폴더를 지정하세요",
    "not a folder of yours alone": "자신만 쓸 수 있는 폴더가 아닙니다",
    "remove it, or set TMPDIR to another place": "지우거나 TMPDIR에 다른 곳을 지정하세요",
    # runs/plan.py
    "done by laptime {version} with options that this one does not have ({error})": "laptime {version}에서 "
    "이 버전에 없는 옵션으로 실행한 것입니다({error})",
    "plan version {version}": "계획의 버전이 {version}입니다",
    "round {round} of a comparison that has at most {limit}": "라운드 {round:이/가} 비교의 최대 라운드 수 "
    "{limit:을/를} 벗어납니다",
    # runs/preparation.py
    "changed since {folder} was begun": "{folder:을/를} 시작한 뒤에 바뀌었습니다",
    "--data {data} or --chat-template {template}: changed since {folder} was begun": "--data {data} 또는 "
    "--chat-template {template}: {folder:을/를} 시작한 뒤에 바뀌었습니다",
    # runs/process.py and runs/watchdog.py
    "the inputs could not be prepared: {why}": "입력을 준비할 수 없습니다({why})",
    "the inputs could not be prepared: {why}, so it was ended": "입력을 준비할 수 없어 끝냈습니다({why})",
    "ended by {signal}": "{signal}에 의해 종료됨",
    "no output": "출력 없음",
    "often the system is out of memory": "대개 시스템의 메모리가 부족한 경우입니다",
    "the inputs could not be prepared: {why}; often the system is out of memory": "입력을 준비할 수 "
    "없습니다({why}); 대개 시스템의 메모리가 부족한 경우입니다",
    "not even the reason can be written why the inputs could not be prepared": "입력을 준비하지 못한 "
    "까닭조차 기록할 수 없습니다",
    "no event and no processor time for {time} after step {step}": "스텝 {step} 이후 {time} 동안 이벤트도 "
    "CPU 사용도 없음",
    "no event and no processor time for {time} after step {step} ({state})": "스텝 {step} 이후 {time} 동안 "
    "이벤트도 CPU 사용도 없음, {state}",
    "no event and no processor time for {time} before its first step": "첫 스텝 전 {time} 동안 이벤트도 "
    "CPU 사용도 없음",
    "no event and no processor time for {time} before its first step ({state})": "첫 스텝 전 {time} 동안 "
    "이벤트도 CPU 사용도 없음, {state}",
    "stopped by a signal": "시그널로 멈춤",
    "stopped by a debugger": "디버거로 멈춤",
    "waiting for a disk or a device": "디스크나 장치를 기다리는 중",
    "the process that watches its ranks was stopped for {time}": "랭크를 지켜보는 프로세스가 {time} 동안 "
    "멈춰 있었음",
    "{number} s": "{number}초",
    "{number} min": "{number}분",
    "deleted while its run went on": "실행 중에 폴더가 삭제되었습니다",
    "the run was ended": "실행을 끝냈습니다",
    # runs/record.py and runs/record_lines.py
    "the record has no first line": "기록에 첫 줄이 없습니다",
    "the run ended before it began": "실행이 시작되기 전에 끝났습니다",
    "record version {version}": "기록의 버전이 {version}입니다",
    "round {round} of a run that has at most {limit}": "라운드 {round:이/가} 실행의 최대 라운드 수 "
    "{limit:을/를} 벗어납니다",
    "its end is not as it was written": "끝부분이 기록할 때와 다릅니다",
    "it does not match its checksum": "체크섬과 맞지 않습니다",
    "it has no checksum": "체크섬이 없습니다",
    "not a record of this version of laptime ({error})": "이 버전의 laptime이 읽을 수 있는 기록이 "
    "아닙니다({error})",
    "nested too deeply": "중첩이 너무 깊음",
    # runs/resumption.py
    "--resume {folder}: a comparison; it goes on with: {command}": "--resume {folder}: 비교 폴더입니다; "
    "이어서 하려면: {command}",
    "it goes on with: {command}": "이어서 하려면: {command}",
    "finished already": "이미 끝났습니다",
    "nothing is left to do": "남은 작업이 없습니다",
    "trained to its end, its result is in {folder}": "학습이 끝까지 진행되었고 결과는 {folder}에 있습니다",
    "there is no checkpoint to go on from": "이어서 할 체크포인트가 없습니다",
    "begun by laptime {version}, whose options differ": "옵션이 다른 laptime {version:으로/로} 시작한 "
    "실행입니다",
    "resume with that version": "그 버전으로 이어서 하세요",
    "its {option} is not here but in {folder}, where the run was begun": "{option:이/가} 여기에는 없고 "
    "실행을 시작한 {folder}에 있습니다",
    "resume it from there": "그곳에서 이어서 하세요",
    "{option} differs ({now}, {folder} has {before})": "{option} 값이 다릅니다(지금은 {now}, {folder}에서는 "
    "{before})",
    "the default": "기본값",
    "leave it out or start a new --out": "빼거나 --out에 새 폴더를 지정해 새로 시작하세요",
    # runs/single_run.py
    "holds a finished training": "끝난 학습이 들어 있습니다",
    "a training was begun here": "여기에서 시작한 학습이 있습니다",
    "give a new folder, or go on: {command}": "새 폴더를 지정하거나 이어서 하세요: {command}",
    "not empty ({name})": "비어 있지 않습니다({name})",
    "give a new folder, so that nothing is overwritten": "덮어쓰지 않도록 새 폴더를 지정하세요",
    # comparison/belonging.py
    "of run {run} (method {method}, round {round}, measured)": "측정 실행 {run}의 기록입니다(방법 {method}, "
    "라운드 {round})",
    "of run {run} (method {method}, round {round}, base)": "베이스 모델 실행 {run}의 기록입니다(방법 "
    "{method}, 라운드 {round})",
    "of run {run} (method {method}, round {round}, ablation)": "어블레이션 실행 {run}의 기록입니다(방법 "
    "{method}, 라운드 {round})",
    "of run {run} (method {method}, round {round}, between)": "중간 단계 실행 {run}의 기록입니다(방법 "
    "{method}, 라운드 {round})",
    "of run {run} (method {method}, round {round}, tuning)": "학습률 탐색 실행 {run}의 기록입니다(방법 "
    "{method}, 라운드 {round})",
    "{plan} has {run} in this folder: put the folders of the runs back where they were": "{plan}에 따르면 이 "
    "폴더에는 {run:이/가} 있어야 하므로 실행 폴더를 원래 자리로 되돌려 놓으세요",
    "of a run of another comparison": "다른 비교에 속한 실행의 기록입니다",
    "put back the folder that was there, or move this one away: the same laptime compare makes the run "
    "anew": "원래 있던 폴더를 되돌려 놓거나 이 폴더를 다른 곳으로 옮기세요. 같은 laptime compare 명령이 "
    "실행을 새로 합니다",
    "of a run with other options ({options}) than {plan} has": "{plan:과/와} 옵션이 다른 실행의 "
    "기록입니다({options})",
    "not as the run saved it": "실행이 저장한 그대로가 아닙니다",
    "put back what the run saved": "실행이 저장한 파일로 되돌려 놓으세요",
    # comparison/checks.py
    "--rounds {rounds} is a number already": "--rounds {rounds}에 이미 횟수가 정해져 있습니다",
    "--plain leaves nothing to switch off": "--plain 때문에 끌 것이 없습니다",
    "chooses by the held-out loss": "평가 손실로 고릅니다",
    "is a held-out loss": "평가 손실에 대한 목표입니다",
    "give --held-out (a file, or a share: 0.1)": "--held-out에 파일이나 비율(예: 0.1)을 지정하세요",
    "with --random-weights no loss means anything": "--random-weights를 쓰면 손실에 아무 의미가 없습니다",
    "every row has a learning rate already": "모든 비교 대상에 학습률이 이미 정해져 있습니다",
    "other trainers keep no moments": "다른 트레이너는 중간 가중치를 남기지 않습니다",
    "let laptime train a row too": "laptime이 학습하는 비교 대상도 넣으세요",
    "goes with --target-loss alone": "--target-loss와 함께만 쓸 수 있습니다",
    "give it too, or leave both out": "그것도 지정하거나 둘 다 빼세요",
    # comparison/older.py: whole lines where what is said of the machines holds "; "
    "leave --against out": "--against를 빼세요",
    "or leave --against out": "--against를 빼세요",
    "--out is the same folder": "--out과 같은 폴더입니다",
    "give a new --out, {otherwise}": "--out에 새 폴더를 지정하거나 {otherwise}",
    "{folder} was begun without --against": "{folder:은/는} --against 없이 시작했습니다",
    "{folder} was begun beside {other}, begun {date} with laptime {version}; give a new --out, "
    "{otherwise}": "{folder:은/는} {date}에 laptime {version:으로/로} 시작한 {other:과/와} 비교하도록 "
    "시작했습니다; --out에 새 폴더를 지정하거나 {otherwise}",
    "no comparison": "비교 폴더가 아닙니다",
    "a single training": "학습 하나만 들어 있습니다",
    "give the folder of a comparison": "비교 폴더를 지정하세요",
    "give the folder of a whole comparison, {otherwise}": "온전한 비교 폴더를 지정하거나 {otherwise}",
    "not finished, {runs} still to run": "끝나지 않았습니다(남은 실행: {runs})",
    "more rounds": "추가 라운드",
    "go on there, {otherwise}": "그곳에서 이어서 하거나 {otherwise}",
    "no run of it has finished": "끝난 실행이 없습니다",
    "finish it first, {otherwise}": "먼저 끝내거나 {otherwise}",
    "a run that took {seconds} s, as none can": "{seconds}초가 걸렸다는, 있을 수 없는 실행이 들어 있습니다",
    "compare anew, {otherwise}": "새로 비교하거나 {otherwise}",
    "done on another machine ({facts})": "다른 컴퓨터에서 실행한 비교입니다({facts})",
    "compare there, {otherwise}": "그 컴퓨터에서 비교하거나 {otherwise}",
    "--against {folder}: done on another machine ({facts}); compare there, {otherwise}": "--against "
    "{folder}: 다른 컴퓨터에서 실행한 비교입니다({facts}); 그 컴퓨터에서 비교하거나 {otherwise}",
    "cpu {then}, here {now}": "CPU {then}, 여기는 {now}",
    "cpu {then}, here {now}; {rest}": "CPU {then}, 여기는 {now}; {rest}",
    "cpu {then}, here {now}; cores {had}, here {has}; {rest}": "CPU {then}, 여기는 {now}; 코어 {had}개, "
    "여기는 {has}개; {rest}",
    "cores {then}, here {now}": "코어 {then}개, 여기는 {now}개",
    "cores {then}, here {now}; {rest}": "코어 {then}개, 여기는 {now}개; {rest}",
    "gpu {then}, here {now}": "GPU {then}, 여기는 {now}",
    "gpu {then}, here {now}; {rest}": "GPU {then}, 여기는 {now}; {rest}",
    "device {then}, here {now}": "장치 {then}, 여기는 {now}",
    "device {then}, here {now}; {rest}": "장치 {then}, 여기는 {now}; {rest}",
    "memory {then}, here {now}": "메모리 {then}, 여기는 {now}",
    "memory {then}, here {now}; {rest}": "메모리 {then}, 여기는 {now}; {rest}",
    "other examples than in --against {folder}": "--against {folder:과/와} 레코드가 다릅니다",
    "another model than in --against {folder}": "--against {folder:과/와} 모델이 다릅니다",
    "the examples give other tokens than in --against {folder}": "레코드의 토큰이 --against {folder:과/와} "
    "다릅니다",
    "put back what was there, {otherwise}": "원래 있던 것으로 되돌려 놓거나 {otherwise}",
    # comparison/race.py
    "changed since the comparison was begun": "비교를 시작한 뒤에 바뀌었습니다",
    # comparison/result.py
    "not written by laptime": "laptime이 쓴 파일이 아닙니다",
    "move it away, then repeat": "다른 곳으로 옮긴 뒤 다시 실행하세요",
    "move it away: laptime report makes it anew from the records": "다른 곳으로 옮기세요. laptime report가 "
    "기록에서 다시 만듭니다",
    # comparison/waterfall.py
    "has not come to its end, so there is no whole to be split": "끝까지 진행되지 않아 나눌 전체 시간이 "
    "없습니다",
    "its record lacks steps, so its training can't be split": "기록에 빠진 스텝이 있어 학습 시간을 나눌 수 "
    "없습니다",
    "{folder} is a single run": "{folder:은/는} 실행 하나의 폴더입니다",
    "leave the name out": "이름을 빼세요",
    "named twice": "두 번 지정했습니다",
    "name two rows or runs": "비교 대상이나 실행을 둘 지정하세요",
    "neither a row nor a run of {folder}": "{folder}의 비교 대상도 실행도 아닙니다",
    "no run of {name} has come to its end yet": "아직 끝난 {name} 실행이 없습니다",
    "{runs} are of two rounds, whose orders differ": "{runs}: 라운드가 달라 레코드 순서가 다릅니다",
    "{first} and {second} are of two rounds, whose orders differ": "{first:과/와} {second:은/는} 라운드가 "
    "달라 레코드 순서가 다릅니다",
    "name two of one round": "같은 라운드의 실행을 둘 지정하세요",
    # comparison/fairness.py, with what comparison/waterfall.py puts behind it
    "{why} Their seconds can't be set side by side": "{why} 시간을 나란히 놓을 수 없습니다",
    "{methods} train other examples in a step ({values}), so there is no ratio between such as differ. "
    "Their seconds can't be set side by side": "{methods:은/는} 스텝에 들어가는 레코드가 서로 달라({values}) "
    "배율이 없고, 시간을 나란히 놓을 수 없습니다",
    "The precision of compute differs: {values}. Their seconds can't be set side by side": "연산 정밀도가 "
    "달라({values}) 시간을 나란히 놓을 수 없습니다",
    "{methods} were trained with a different {option}: {values}. Their seconds can't be set side by side": ""
    "{methods:은/는} {option} 값이 달라({values}) 시간을 나란히 놓을 수 없습니다",
    "{methods}: equal work is not shown; {names} cannot show which tokens it trained. Their seconds can't "
    "be set side by side": "{methods}: 같은 작업이었음을 확인할 수 없습니다. {names:은/는} 어떤 토큰을 "
    "학습했는지 보이지 못하므로 시간을 나란히 놓을 수 없습니다",
    "{methods}: equal work is not shown; the record of {names} lacks steps in round {round}. Their seconds "
    "can't be set side by side": "{methods}: 같은 작업이었음을 확인할 수 없습니다. {names}의 기록에 라운드 "
    "{round}의 스텝 일부가 없으므로 시간을 나란히 놓을 수 없습니다",
    "{methods} made different numbers of steps in round {round}: {values}. Their seconds can't be set side "
    "by side": "{methods:은/는} 라운드 {round}의 스텝 수가 달라({values}) 시간을 나란히 놓을 수 없습니다",
    "{methods} did not do the same work: step {step} of round {round} trains other tokens. Their seconds "
    "can't be set side by side": "{methods:은/는} 라운드 {round}의 스텝 {step}에서 학습하는 토큰이 달라 "
    "시간을 나란히 놓을 수 없습니다",
    "{methods} did not do the same work: the examples are not the same. Their seconds can't be set side by "
    "side": "{methods:은/는} 레코드가 달라 시간을 나란히 놓을 수 없습니다",
    "{methods} did not do the same work: the base models are not the same. Their seconds can't be set side "
    "by side": "{methods:은/는} 베이스 모델이 달라 시간을 나란히 놓을 수 없습니다",
    "{methods} train different numbers of parameters: {values}. Their seconds can't be set side by side": ""
    "{methods:은/는} 학습하는 파라미터 수가 달라({values}) 시간을 나란히 놓을 수 없습니다",
    "{methods} have different losses in their first step, before any update: {values}. Their seconds can't "
    "be set side by side": "{methods:은/는} 업데이트 전인 첫 스텝의 손실이 달라({values}) 시간을 나란히 놓을 "
    "수 없습니다",
}
