"""Korean for the error lines of options, commands, methods and the machine."""

PHRASES: dict[str, str] = {
    # errors.py
    "did you mean '{name}'?": "혹시 '{name}'인가요?",
    "did you mean '{name}'? there are {names}": "혹시 '{name}'인가요? 사용 가능: {names}",
    "known: {names}": "사용 가능: {names}",
    "there are {names}": "사용 가능: {names}",
    "put it in quotes": "따옴표로 묶으세요",
    "an address with a name or a password in it": "주소에 사용자 이름이나 암호가 들어 있습니다",
    "give a path without": "그런 것이 없는 경로를 지정하세요",
    "a path with {letter} in it ({shown})": "경로에 {letter} 문자가 들어 있습니다({shown})",
    "give one without": "그 문자가 없는 경로를 지정하세요",
    # api.py
    "--resume goes on in {folder}": "--resume은 {folder}에서 이어서 합니다",
    "leave one of the two out": "둘 중 하나를 빼세요",
    "leave one out": "둘 중 하나를 빼세요",
    "leave it out": "빼세요",
    "leave them out": "빼세요",
    "leave this out": "빼세요",
    "leave {option} out": "{option:을/를} 빼세요",
    "done with other options ({names})": "이전 비교와 다른 옵션입니다({names})",
    "its job has {option}": "이전 작업에 {option} 옵션이 있습니다",
    "give it again, where you trust the model": "모델을 신뢰한다면 다시 지정하세요",
    # cli/ask.py
    "missing": "지정하지 않았습니다",
    "give one, or talk turn by turn with --chat": "질문을 쓰거나, --chat으로 대화하세요",
    "for a conversation": "대화에만 씁니다",
    "add --chat": "--chat을 추가하세요",
    "empty": "비어 있습니다",
    "give a question": "질문을 쓰세요",
    "tells the answers to questions": "질문의 답변을 출력할 때 씁니다",
    "leave it or --chat out": "이 옵션이나 --chat을 빼세요",
    "no run has saved a result yet": "아직 결과를 저장한 실행이 없습니다",
    "the base, which saves nothing": "베이스 모델이라 저장한 것이 없습니다",
    "nothing saved": "저장한 것이 없습니다",
    "ask all of its comparison: {command} QUESTION": "비교 전체에 질문하세요: {command} QUESTION",
    # cli/data.py
    "DATA is given too": "DATA도 지정했습니다",
    "name all of it in one way": "데이터는 한 가지 방식으로만 지정하세요",
    "--examples is given too": "--examples도 지정했습니다",
    "{number} examples refused": "레코드 {number}개를 쓸 수 없습니다",
    "at least {number} examples refused": "레코드 {number}개 이상을 쓸 수 없습니다",
    "mend them, or --skip-bad leaves them out": "고치거나, --skip-bad로 빼세요",
    # cli/doctor.py
    "torch can't be loaded, so nothing can be measured ({error})": "torch를 불러올 수 없어 아무것도 측정하지 "
    "못합니다({error})",
    # cli/explain.py
    "goes with --scenario alone": "--scenario와 함께만 쓸 수 있습니다",
    "give the folder of a training or a comparison": "학습이나 비교의 폴더를 지정하세요",
    "makes runs of its own": "실행을 직접 만듭니다",
    "leave {folder} out, or give --out": "{folder:을/를} 빼거나, --out을 지정하세요",
    "holds something else already": "이미 다른 것이 들어 있습니다",
    "give a new folder": "새 폴더를 지정하세요",
    # cli/export.py
    "for --to gguf alone": "--to gguf에만 씁니다",
    "for --to ollama alone": "--to ollama에만 씁니다",
    "--to card leaves the adapter as it is": "어댑터를 그대로 두려면 --to card를 쓰세요",
    "no id of the hub": "허브 ID가 아닙니다",
    "give one as meta-llama/Llama-3.2-1B": "meta-llama/Llama-3.2-1B와 같은 형식으로 지정하세요",
    # cli/group.py
    "no command '{name}'": "'{name}' 명령이 없습니다",
    # cli/main.py
    "the present folder is gone": "현재 폴더가 없어졌습니다",
    "change to another one": "다른 폴더로 이동하세요",
    "no option {name} of laptime {command}": "laptime {command}에는 {name} 옵션이 없습니다",
    "it is one of {commands}": "{commands} 명령의 옵션입니다",
    "it is one of {commands} and {last}": "{commands}, {last} 명령의 옵션입니다",
    "no option {name}": "{name} 옵션이 없습니다",
    "here it is {option}": "여기서는 {option:을/를} 쓰세요",
    "here it is {option} (a share of the steps)": "여기서는 {option:을/를} 쓰세요(전체 스텝에 대한 비율)",
    "leave it out: {reason}": "빼세요({reason})",
    "what is printed: {why}": "출력할 수 없습니다({why})",
    # cli/plan.py
    "give the cost of an hour, from 0.000001 to 1000000000": "시간당 비용을 0.000001에서 1000000000 사이로 "
    "지정하세요",
    "a {gpu} is not here to make steps on": "스텝을 실행해 볼 {gpu:이/가} 이 컴퓨터에 없습니다",
    "leave it or --gpu out": "이 옵션이나 --gpu를 빼세요",
    "a plan is made for laptime's own trainings": "계획은 laptime 자체의 학습에 대해서만 세웁니다",
    "name laptime among them": "laptime도 함께 지정하세요",
    "nothing grows with the examples: {why}": "레코드 수에 따라 늘어나는 것이 없습니다({why})",
    "nothing fits": "메모리에 들어가는 실행이 없음",
    "--max-steps ends every run": "모든 실행이 --max-steps에서 끝남",
    # cli/report.py
    "{file} was made from records that are gone or cut short ({runs})": "{file:을/를} 만든 기록이 없어졌거나 "
    "잘렸습니다({runs})",
    "do the run anew with: {command}": "다시 실행하세요: {command}",
    "do the runs anew with: {command}": "다시 실행하세요: {command}",
    "put back a whole copy": "온전한 사본으로 되돌려 놓으세요",
    "put back what was there": "있던 파일을 원래대로 되돌려 놓으세요",
    "or put back a whole copy": "또는 온전한 사본으로 되돌려 놓으세요",
    "or put back what was there": "또는 있던 파일을 원래대로 되돌려 놓으세요",
    "or move {file} away to report on what is left": "또는 남은 것만 보고하려면 {file:을/를} 다른 곳으로 "
    "옮기세요",
    "goes with --readme alone": "--readme와 함께만 쓸 수 있습니다",
    "add it, or leave this out": "--readme를 추가하거나, 이 옵션을 빼세요",
    # cli/running.py, and what it takes of report/language_en_terminal.py and util/disk.py
    "the disk is full ({file}: No space left on device": "디스크가 가득 찼습니다({file}: 장치에 남은 공간이 "
    "없습니다",
    "the disk is full ({file}: Disk quota exceeded": "디스크가 가득 찼습니다({file}: 디스크 할당량을 "
    "초과했습니다",
    "{size} are free)": "남은 공간 {size})",
    "interrupted": "중단되었습니다",
    "finished runs are kept. Go on with: {command}": "끝난 실행은 남아 있습니다. 이어서 하려면: {command}",
    "interrupted before the first run": "첫 실행 전에 중단되었습니다",
    "nothing is left behind": "남은 것이 없습니다",
    "interrupted before the first step": "첫 스텝 전에 중단되었습니다",
    "the same command begins anew": "같은 명령으로 처음부터 시작합니다",
    "interrupted when the run was over: {command}": "실행이 끝난 뒤에 중단되었습니다: {command}",
    "interrupted after the training": "학습을 마친 뒤에 중단되었습니다",
    "its result is in {folder}": "결과는 {folder}에 있습니다",
    "its result is in {folder} what was to follow is done, after the steps since the checkpoint, by: "
    "{command}": "결과는 {folder}에 있습니다. 체크포인트 이후의 스텝과 남은 일을 이어서 하려면: {command}",
    "go on from the newest checkpoint with: {command}": "최신 체크포인트에서 이어서 하려면: {command}",
    "interrupted before a checkpoint was written": "체크포인트를 쓰기 전에 중단되었습니다",
    "begin anew with: {command}": "처음부터 다시 하려면: {command}",
    # cli/serve.py
    "others could reach it, and start processes in your name": "다른 사람이 접속해 사용자 권한으로 "
    "프로세스를 시작할 수 있습니다",
    "--expose allows that": "허용하려면 --expose를 지정하세요",
    "no host name": "호스트 이름이 아닙니다",
    "give one as x.org, or *.x.org for all below it": "x.org처럼, 그 아래를 모두 가리키려면 *.x.org처럼 "
    "지정하세요",
    # conversation.py
    "the template of this training ({name}) has no place for a system text": "이 학습의 템플릿({name})에는 "
    "시스템 텍스트를 넣을 자리가 없습니다",
    # session.py
    "a file": "파일입니다",
    "give the folder that it lies in": "파일이 들어 있는 폴더를 지정하세요",
    "no such folder": "그런 폴더가 없습니다",
    "still being prepared": "아직 준비 중입니다",
    "nothing has run yet": "아직 실행한 것이 없습니다",
    "neither a comparison nor a run of laptime": "laptime의 비교도 실행도 아닙니다",
    "plan.json is missing": "plan.json이 없습니다",
    "record.jsonl is missing": "record.jsonl이 없습니다",
    "put it back, or begin anew with another --out": "원래대로 되돌려 놓거나, 다른 --out으로 새로 시작하세요",
    "ended while it was still being prepared": "준비 중에 끝났습니다",
    "the same command with {option} begins anew": "{option:을/를} 붙인 같은 명령으로 처음부터 시작합니다",
    # spec.py
    "expected steps (50) or a time (90s, 10min, 2h) (got '{value}')": "스텝 수(50)나 시간(90s, 10min, "
    "2h)이어야 합니다(받은 값: '{value}')",
    "unknown option '{name}'": "알 수 없는 옵션입니다: '{name}'",
    "expected a finite number (got {value})": "유한한 숫자여야 합니다(받은 값: {value})",
    "give a value or leave the option out": "값을 지정하거나 옵션을 빼세요",
    "no valid UTF-8 text": "올바른 UTF-8 텍스트가 아닙니다",
    "expected a whole number (got {value})": "정수여야 합니다(받은 값: {value})",
    "expected a whole number >= {number} (got {value})": "{number} 이상의 정수여야 합니다(받은 값: {value})",
    "expected a whole number <= {number} (got {value})": "{number} 이하의 정수여야 합니다(받은 값: {value})",
    "expected a whole number or auto (got {value})": "정수 또는 auto여야 합니다(받은 값: {value})",
    "expected a number (got {value})": "숫자여야 합니다(받은 값: {value})",
    "expected a number >= {number} (got {value})": "{number} 이상의 숫자여야 합니다(받은 값: {value})",
    "expected a number <= {number} (got {value})": "{number} 이하의 숫자여야 합니다(받은 값: {value})",
    "expected a number > {number} (got {value})": "{number}보다 큰 숫자여야 합니다(받은 값: {value})",
    "expected a number < {number} (got {value})": "{number}보다 작은 숫자여야 합니다(받은 값: {value})",
    "expected a number or slowest (got {value})": "숫자 또는 slowest여야 합니다(받은 값: {value})",
    "expected a number above 0 or slowest (got {value})": "0보다 큰 숫자 또는 slowest여야 합니다(받은 값: "
    "{value})",
    "expected a number, or one for each method (got {value})": "숫자 하나이거나 방법마다 하나씩이어야 "
    "합니다(받은 값: {value})",
    "expected text (got {value})": "텍스트여야 합니다(받은 값: {value})",
    "expected text, or a list of texts (got {value})": "텍스트이거나 텍스트의 목록이어야 합니다(받은 값: "
    "{value})",
    "expected true or false (got {value})": "true 또는 false여야 합니다(받은 값: {value})",
    "expected a list (got {value})": "목록이어야 합니다(받은 값: {value})",
    "expected a list of length >= {number} (got {value})": "항목이 {number}개 이상인 목록이어야 합니다(받은 "
    "값: {value})",
    "expected a table (got {value})": "테이블이어야 합니다(받은 값: {value})",
    "expected {choices} or {last} (got {value})": "{choices} 또는 {last:으로/로} 지정하세요(받은 값: "
    "{value})",
    # options/config_file.py
    "a config file ends in .toml, .yaml, .yml or .json": "설정 파일의 확장자는 .toml, .yaml, .yml, .json 중 "
    "하나여야 합니다",
    "no such config file": "그런 설정 파일이 없습니다",
    "expected option: value pairs at the top level": "최상위에 '옵션: 값' 쌍이 있어야 합니다",
    "nested too deeply": "너무 깊이 중첩되어 있습니다",
    "'{name}' is no name of an option": "옵션 이름으로 쓸 수 없습니다: '{name}'",
    "option '{name}' is given twice": "'{name}' 옵션을 두 번 지정했습니다",
    "{file}: option '{name}' is given twice": "{file}: '{name}' 옵션을 두 번 지정했습니다",
    "an option is given twice": "옵션을 두 번 지정했습니다",
    "{file}: an option is given twice": "{file}: 옵션을 두 번 지정했습니다",
    "'{name}' holds options": "'{name}' 안에 옵션이 들어 있습니다",
    "write them at the top level, without sections": "섹션 없이 최상위에 쓰세요",
    "the tag {tag} is not allowed": "{tag} 태그는 쓸 수 없습니다",
    "options are plain values": "옵션에는 단순한 값만 쓰세요",
    "a second document begins here": "여기서 두 번째 문서가 시작됩니다",
    "options are one, without --- between": "옵션은 --- 없이 한 문서에 쓰세요",
    "a number of too many digits": "숫자의 자릿수가 너무 많습니다",
    # options/entrants.py
    "expected NAME=METHOD and options, such as {example}": "{example}처럼 NAME=METHOD와 옵션을 쓰세요",
    "the name stands twice (capitals are as small letters)": "같은 이름이 두 번 나옵니다(대소문자는 "
    "구분하지 않음)",
    "each has its own": "비교 대상마다 다른 이름을 쓰세요",
    "no closing quotation": "따옴표가 닫히지 않았습니다",
    "no escaped character": "백슬래시 뒤에 문자가 없습니다",
    "expected a list of tables, each with name, method and options": "테이블의 목록이어야 하며, 테이블마다 "
    "name, method와 옵션이 있어야 합니다",
    "{option} belongs to the whole comparison": "{option:은/는} 비교 전체에 적용되는 옵션입니다",
    "give it outside of the contestant": "비교 대상 밖에서 지정하세요",
    "no method": "방법이 없습니다",
    "--as-it-comes leaves all to {trainer}": "--as-it-comes는 모든 것을 {trainer}에 맡깁니다",
    "speedups are Laptime's own": "가속 기능은 Laptime에만 있습니다",
    "{trainer} has none of them": "{trainer}에는 가속 기능이 없습니다",
    "{method} has no such option": "{method}에는 그런 옵션이 없습니다",
    "expected a name (got {value})": "이름이어야 합니다(받은 값: {value})",
    "is for other trainers": "다른 트레이너에만 씁니다",
    "name one with --trainer, or leave it out": "--trainer로 트레이너를 지정하거나, 빼세요",
    "no name": "이름이 없습니다",
    "every contestant has one of its own": "비교 대상마다 고유한 이름을 쓰세요",
    "a name has at most {number} characters, of a-z, A-Z, 0-9, '.', '_' and '-', and begins and ends with a "
    "letter or a digit": "이름은 a-z, A-Z, 0-9, '.', '_', '-'로 최대 {number}자이고, 영문자나 숫자로 "
    "시작하고 끝나야 합니다",
    "that is the name of a method or of the base": "방법이나 베이스 모델의 이름입니다",
    "take another": "다른 이름을 쓰세요",
    "'{text}' in a name is for runs and for equal runs": "이름의 '{text}' 부분은 실행과 같은 실행을 "
    "번호로 구분할 때 씁니다",
    "take another name": "다른 이름을 쓰세요",
    "expected a number: a contestant has one method": "숫자 하나여야 합니다(비교 대상의 방법은 하나뿐입니다)",
    "must be above 0": "0보다 커야 합니다",
    "must be above 0 (got {value})": "0보다 커야 합니다(받은 값: {value})",
    "no other trainer races": "비교에 다른 트레이너가 없습니다",
    "name some with --trainers": "--trainers로 지정하세요",
    "--trainers makes one of that name": "--trainers가 같은 이름의 비교 대상을 만듭니다",
    # options/flags.py and options/foreign_names.py
    "given {number} times": "{number}번 지정했습니다",
    "give it once": "한 번만 지정하세요",
    "one of {choices} (got {value})": "{choices} 중 하나여야 합니다(받은 값: {value})",
    "an empty name (got {value})": "빈 이름이 있습니다(받은 값: {value})",
    "give names with a comma between": "이름을 쉼표로 구분해 지정하세요",
    "{option}: {name} is given twice": "{option}: {name:을/를} 두 번 지정했습니다",
    "none of the methods {names} has this option": "{names} 중에는 이 옵션이 있는 방법이 없습니다",
    "options of another tool: {names}": "다른 도구의 옵션입니다: {names}",
    "options of another tool: {names} (a share of the steps)": "다른 도구의 옵션입니다: {names}(전체 스텝에 "
    "대한 비율)",
    "options of another tool: {names} (a share of the steps), {further}": "다른 도구의 옵션입니다: "
    "{names}(전체 스텝에 대한 비율), {further}",
    "options of another tool: leave out {one} ({why})": "다른 도구의 옵션이므로 빼세요: {one}({why})",
    "options of another tool: leave out {one} ({why}), {two} ({reason})": "다른 도구의 옵션이므로 빼세요: "
    "{one}({why}), {two}({reason})",
    "options of another tool: leave out {one} ({why}), {two} ({reason}), {three} ({ground})": "다른 도구의 "
    "옵션이므로 빼세요: {one}({why}), {two}({reason}), {three}({ground})",
    "options of another tool: leave out {one} ({why}), {two} ({reason}), {three} ({ground}), {four} "
    "({cause})": "다른 도구의 옵션이므로 빼세요: {one}({why}), {two}({reason}), {three}({ground}), "
    "{four}({cause})",
    "leave out {one} ({why})": "빼야 할 옵션: {one}({why})",
    "leave out {one} ({why}), {two} ({reason})": "빼야 할 옵션: {one}({why}), {two}({reason})",
    "leave out {one} ({why}), {two} ({reason}), {three} ({ground})": "빼야 할 옵션: {one}({why}), "
    "{two}({reason}), {three}({ground})",
    "leave out {one} ({why}), {two} ({reason}), {three} ({ground}), {four} ({cause})": "빼야 할 옵션: "
    "{one}({why}), {two}({reason}), {three}({ground}), {four}({cause})",
    "no option: {names}": "없는 옵션: {names}",
    "a batch is laid end to end without padding already": "배치는 이미 패딩 없이 이어 붙임",
    "--devices says how many work together, the method how": "장치 수는 --devices가, 나누는 방식은 방법이 "
    "정함",
    "the base is taken in full or half precision": "베이스 모델은 단정밀도나 반정밀도로 씀",
    "the embeddings get no noise": "임베딩에 노이즈를 더하지 않음",
    "attention is chosen by itself": "어텐션은 자동으로 고름",
    "it is supervised fine-tuning": "항상 지도 미세 조정",
    "it is done by itself": "자동으로 함",
    "examples are all taken": "레코드를 모두 씀",
    "adapters are those of LoRA": "어댑터는 LoRA 방식",
    # speedups/speedup.py
    "no speedup '{name}'": "'{name}' 가속 기능이 없습니다",
    "cannot apply here: {why}": "여기서는 적용할 수 없습니다({why})",
    "made for {most}": "{most}토큰까지 지원합니다",
    "short means {most}": "{most}토큰까지를 짧다고 봅니다",
    # forecast/gpus.py
    "not known": "알 수 없는 GPU입니다",
    "there are {names}, or a file (TOML, JSON) with {format}": "{names} 중에서 고르거나, {format} 항목이 "
    "있는 파일(TOML, JSON)을 지정하세요",
    "it holds {format}": "파일에 {format} 항목을 쓰세요",
    "Expected `{kind}`, got `{other}`": "{kind} 형식이어야 하는데 {other} 형식입니다",
    "Expected `{kind}`, got `{other}` - at `$.{field}`": "'{field}' 값은 {kind} 형식이어야 하는데 {other} "
    "형식입니다",
    "Object missing required field `{field}`": "필수 항목이 없습니다: '{field}'",
    "Object contains unknown field `{field}`": "알 수 없는 항목이 있습니다: '{field}'",
    "Invalid enum value '{value}' - at `$.{field}`": "'{field}'에 쓸 수 없는 값 '{value}'입니다",
    "JSON is malformed: {why} (byte {number})": "JSON 형식이 잘못되었습니다({why}, {number}번째 바이트)",
    "invalid character": "잘못된 문자",
    "trailing characters": "뒤에 남는 문자",
    "Input data was truncated": "내용이 중간에 끊겼습니다",
    "'utf-8' codec can't decode byte {byte} in position {number}: {why}": "올바른 UTF-8이 "
    "아닙니다({number}번째 바이트 {byte}: {why})",
    "invalid start byte": "잘못된 시작 바이트",
    "invalid continuation byte": "잘못된 후속 바이트",
    # doctor/examination.py and doctor/shapes.py
    "give a folder": "폴더를 지정하세요",
    "cannot be written to ({error})": "쓸 수 없습니다({error})",
    "has no linear layers that could be measured": "측정할 선형층이 없습니다",
    # hardware/device_choice.py and hardware/devices.py
    "--device cuda says otherwise": "--device cuda와 맞지 않습니다",
    "give a number from 1 to {number}": "1에서 {number} 사이의 수를 지정하세요",
    "give a number from 1 to {number} (GPU 0 by its number is written '0,')": "1에서 {number} 사이의 수를 "
    "지정하세요(GPU 0번을 가리키려면 '0,'로 씁니다)",
    "expected auto, cpu, how many (2) or which GPUs (0,1) (got '{value}')": "auto, cpu, 장치 수(2), GPU "
    "번호(0,1) 중 하나여야 합니다(받은 값: '{value}')",
    "names GPUs, and --device cpu has none": "GPU를 지정했지만 --device cpu에는 GPU가 없습니다",
    "give a number": "장치 수를 지정하세요",
    "names a GPU twice": "같은 GPU를 두 번 지정했습니다",
    "name each once": "GPU마다 한 번만 지정하세요",
    "no GPU here": "이 컴퓨터에는 GPU가 없습니다",
    "give how many processes train on the CPU (2)": "CPU에서 학습할 프로세스 수(2)를 지정하세요",
    "1 GPU here": "이 컴퓨터의 GPU는 1개입니다",
    "{number} GPUs here": "이 컴퓨터의 GPU는 {number}개입니다",
    "name those that are there": "있는 GPU만 지정하세요",
    "so many processes take about {number} GB before they train, and {left} GB are there": "이만큼의 "
    "프로세스는 학습하기 전에 약 {number} GB를 쓰는데, 남은 메모리는 {left} GB입니다",
    "ask for at most {number}": "{number}개까지만 지정하세요",
    "torch sees no CUDA device here": "torch가 CUDA 장치를 찾지 못합니다",
    "use --device cpu": "--device cpu를 쓰세요",
    # hardware/precision.py and hardware/processors.py
    "{name} (compute capability {capability}) has no kernels in this torch, which is built for {kernels}": ""
    "{name}(연산 능력 {capability})에 맞는 커널이 이 torch({kernels}용 빌드)에 없습니다",
    "install a torch that is built for it, or use --device cpu": "이 GPU를 지원하는 torch를 설치하거나, "
    "--device cpu를 쓰세요",
    "GPUs alone train in fp16, and this run is on a CPU": "fp16 학습은 GPU에서만 되는데 이 실행은 CPU에서 "
    "합니다",
    "{name} has no native {format} ({why})": "{name:은/는} {format:을/를} 직접 지원하지 않습니다({why})",
    "use auto": "auto를 쓰세요",
    "this machine has {number} cores": "이 컴퓨터의 코어는 {number}개입니다",
    "this machine has {number} cores, {left} of them for this process": "이 컴퓨터의 코어는 {number}개이고, "
    "이 프로세스는 그중 {left}개를 쓸 수 있습니다",
    # methods
    "not above --lora-rank {number}, to which AdaLoRA comes down": "AdaLoRA가 줄여 갈 --lora-rank "
    "{number}보다 커야 합니다",
    "use more, or lora": "더 큰 값이나 lora를 쓰세요",
    "PEFT would train {number} numbers of {architecture}, not the {all} of its linear layers": "PEFT가 "
    "{architecture}의 선형층에 있는 {all}개가 아니라 {number}개의 값을 학습하게 됩니다",
    "use full, or name layers with {option}": "full을 쓰거나, {option:으로/로} 레이어를 지정하세요",
    "{architecture} has no linear layer to adapt": "{architecture}에는 어댑터를 붙일 선형층이 없습니다",
    "use full": "full을 쓰세요",
    "no linear layer '{name}'": "'{name}' 선형층이 없습니다",
    "{method}: {architecture} has no biases, so that nothing would train; use lora, or ia3 for as few "
    "numbers": "{method}: {architecture}에는 편향이 없어 학습할 것이 없습니다; lora를 쓰거나, 파라미터 수가 "
    "비슷한 ia3를 쓰세요",
    "this model has {number} layers": "이 모델의 레이어는 {number}개입니다",
    "{architecture} has no numbered layers": "{architecture}에는 번호가 붙은 레이어가 없습니다",
    "this model's layers have rank {number} at most": "이 모델의 레이어는 랭크가 최대 {number}입니다",
    "not before {layer}, whose adapters change the weight itself": "{layer}에는 쓸 수 없습니다(어댑터가 "
    "가중치 자체를 바꿈)",
    "use 0, or name other layers with --lora-targets": "0을 쓰거나, --lora-targets로 다른 레이어를 "
    "지정하세요",
    "{method} can take {number} at most here, the smallest side of a layer": "여기서 {method}에는 최대 "
    "{number}까지 쓸 수 있습니다(레이어의 가장 짧은 변)",
    "not for {layer}, a weight of several experts": "여러 전문가(expert)의 가중치인 {layer}에는 쓸 수 "
    "없습니다",
    "use lora": "lora를 쓰세요",
    "no linear layer to adapt in the {number} top layers of {architecture}, by their names": "이름으로 보면 "
    "{architecture}의 위쪽 레이어 {number}개에 어댑터를 붙일 선형층이 없습니다",
    "use lora, or more --top-layers": "lora를 쓰거나, --top-layers를 늘리세요",
    "'{name}' means {method}, which needs {library}": "'{name}' 패턴이 가리키는 {method}에는 {library:이/가} "
    "필요합니다",
    "install it with {command}": "{command:으로/로} 설치하세요",
    "no method like '{name}'": "'{name}'에 맞는 방법이 없습니다",
    "no method '{name}'": "'{name}' 방법이 없습니다",
    "PEFT rotates no layers that store their weights the other way round, as those of {architecture} do": ""
    "PEFT는 {architecture}처럼 가중치를 전치해 저장하는 레이어를 회전하지 못합니다",
    "the inputs of the layers have no common divisor": "레이어들의 입력 수에 공약수가 없습니다",
    "does not divide the {number} inputs of a layer": "레이어의 입력 {number}개가 이 값으로 나누어"
    "떨어지지 않습니다",
    "use {number}": "{number:을/를} 쓰세요",
    "its tokens can't be merged into weights": "이 방법의 토큰은 가중치에 병합할 수 없습니다",
    "use the adapter on the base": "베이스 모델에 어댑터를 얹어 쓰세요",
    "{number} tokens before an example of {left} are more than the {most} that the model holds": ""
    "{left}토큰인 레코드 앞에 {number}토큰을 붙이면 모델이 받는 {most}토큰을 넘습니다",
    "use --max-length {number}": "--max-length {number:을/를} 쓰세요",
    "use --virtual-tokens {number}": "--virtual-tokens {number:을/를} 쓰세요",
    "use fewer --virtual-tokens": "--virtual-tokens를 줄이세요",
}
