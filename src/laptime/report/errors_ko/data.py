"""Korean for the error lines of reading data."""

PHRASES: dict[str, str] = {
    # data/cells.py: what a value is ("null" stays, "text" stands in phrases: columns are called so)
    "a boolean": "불리언",
    "binary data": "바이너리 데이터",
    "a number": "숫자",
    "a list": "목록",
    "an object": "객체",
    "a datetime": "날짜와 시간",
    "a date": "날짜",
    "a time": "시각",
    "a Decimal": "Decimal 값",
    # data/skipped.py: behind the first bad example
    "known: {names} (and {number} more {rows}": "사용 가능: {names}(그 밖에 {rows} {number}개",
    "known: {names} (and at least {number} more {rows}": "사용 가능: {names}(그 밖에 {rows} {number}개 이상",
    "it reads as CP949: iconv -f CP949 -t UTF-8 (and {number} more {rows}": ""
    "CP949로 보이니 변환하세요: iconv -f CP949 -t UTF-8(그 밖에 {rows} {number}개",
    "it reads as CP949: iconv -f CP949 -t UTF-8 (and at least {number} more {rows}": ""
    "CP949로 보이니 변환하세요: iconv -f CP949 -t UTF-8(그 밖에 {rows} {number}개 이상",
    "{place}: {text} (and {number} more {rows}": "{place}: {text}(그 밖에 {rows} {number}개",
    "{place}: {text} (and at least {number} more {rows}": "{place}: {text}(그 밖에 {rows} {number}개 이상",
    "{text} (and {number} more {rows}": "{text}(그 밖에 {rows} {number}개",
    "{text} (and at least {number} more {rows}": "{text}(그 밖에 {rows} {number}개 이상",
    "bad row": "잘못된 행",
    "bad rows": "잘못된 행",
    "such example": "그런 레코드",
    "such examples": "그런 레코드",
    "laptime data lists them)": "laptime data로 모두 볼 수 있습니다)",
    "nothing left to train on: all {number} examples are bad": ""
    "레코드 {number}개가 모두 잘못되어 학습할 것이 없습니다",
    "nothing left to train on: its one example is bad": "하나뿐인 레코드가 잘못되어 학습할 것이 없습니다",
    # data/chat.py and data/template_file.py
    "a turn of it is to be context alone, which --train-on all would train": ""
    "문맥으로만 쓸 발화가 있는데 --train-on all은 그것도 학습합니다",
    "leave the option out, or the mark": "옵션이나 그 표시를 빼세요",
    "the tokenizer has no end-of-sequence token, so no answer would ever end": ""
    "토크나이저에 종료 토큰이 없어 답변이 끝나지 않습니다",
    "set eos_token in the model's tokenizer_config.json": ""
    "모델의 tokenizer_config.json에 eos_token을 지정하세요",
    "the chat template does not write the answer as it stands in the data": ""
    "채팅 템플릿이 답변을 데이터에 있는 그대로 쓰지 않습니다",
    "use --template (qa-en, or a string)": "--template을 쓰세요(qa-en 또는 문자열)",
    "the chat template does not write the calls of tools as they stand in the data": ""
    "채팅 템플릿이 도구 호출을 데이터에 있는 그대로 쓰지 않습니다",
    "write them out as text, or give a --chat-template that does": ""
    "텍스트로 풀어 쓰거나, 그대로 쓰는 템플릿을 --chat-template으로 지정하세요",
    "the chat template hides which tokens are the answer": ""
    "채팅 템플릿에서는 어느 토큰이 답변인지 알 수 없습니다",
    "the chat template leaves out the system text": "채팅 템플릿이 시스템 텍스트를 빠뜨립니다",
    "take that out, or give a --template with {{system}}, {{prompt}} and {{completion}}": ""
    "시스템 텍스트를 빼거나, {{system}}, {{prompt}}, {{completion}}이 있는 --template을 지정하세요",
    "the chat template leaves out the tools": "채팅 템플릿이 도구를 빠뜨립니다",
    "take them out, or give a --chat-template that writes them": ""
    "도구를 빼거나, 도구를 쓰는 템플릿을 --chat-template으로 지정하세요",
    "the chat template refuses this conversation ({why})": "채팅 템플릿이 이 대화를 거부합니다({why})",
    "the chat template fails in its line {number} on {source} ({why})": ""
    "채팅 템플릿 {number}행이 {source}에서 실패합니다({why})",
    "the chat template fails in its line {number} ({why})": "채팅 템플릿 {number}행이 실패합니다({why})",
    "the chat template fails on {source} ({why})": "채팅 템플릿이 {source}에서 실패합니다({why})",
    "the chat template fails ({why})": "채팅 템플릿이 실패합니다({why})",
    "mend it, or use --template (qa-en, or a string)": "고치거나 --template을 쓰세요(qa-en 또는 문자열)",
    # data/chat_templates.py
    "--template {name} leaves it unused": "--template {name:을/를} 쓰면 이 옵션은 쓰이지 않습니다",
    "give one of the two": "둘 중 하나만 지정하세요",
    "no chat template: it does not write the messages": "채팅 템플릿이 아닙니다: messages를 쓰지 않습니다",
    "no chat template ({error})": "채팅 템플릿이 아닙니다({error})",
    "no such template or file": "그런 템플릿이나 파일이 없습니다",
    "more than {number} MB": "{number} MB를 넘습니다",
    "give a file with a chat template": "채팅 템플릿이 든 파일을 지정하세요",
    "this tokenizer has no special token {names}": "이 토크나이저에는 특수 토큰 {names:이/가} 없습니다",
    "--chat-template {name} fits it": "--chat-template {name:은/는} 맞습니다",
    "or give a file with a template of tokens that it has": ""
    "또는 이 토크나이저에 있는 토큰을 쓰는 템플릿 파일을 지정하세요",
    "give a file with a template of tokens that it has": ""
    "이 토크나이저에 있는 토큰을 쓰는 템플릿 파일을 지정하세요",
    # data/collected.py (kinds stand in phrases: columns are called so)
    "holds conversations, the rows before it pairs": "대화인데, 앞의 행은 질문과 답변입니다",
    "holds conversations, the rows before it text": "대화인데, 앞의 행은 일반 텍스트입니다",
    "holds pairs, the rows before it conversations": "질문과 답변인데, 앞의 행은 대화입니다",
    "holds pairs, the rows before it text": "질문과 답변인데, 앞의 행은 일반 텍스트입니다",
    "holds text, the rows before it conversations": "일반 텍스트인데, 앞의 행은 대화입니다",
    "holds text, the rows before it pairs": "일반 텍스트인데, 앞의 행은 질문과 답변입니다",
    "holds {kind}, the rows before it {other}": "{kind}인데, 앞의 행은 {other}입니다",
    "{number} letters in one example, more than the {most} that are read": ""
    "레코드 하나가 {number}자로, 읽을 수 있는 {most}자를 넘습니다",
    "split it into several examples": "여러 레코드로 나누세요",
    # data/columns.py
    "{file} has no such column": "{file}에 그런 열이 없습니다",
    "no '{column}' in this row (it has {names})": "이 행에 '{column}' 열이 없습니다(있는 열: {names})",
    "{first} and {second} exclude each other: an example has one shape": ""
    "{first:과/와} {second:은/는} 함께 쓸 수 없습니다: 레코드의 형식은 하나입니다",
    "columns {first} and {second} and {third} could both be meant": ""
    "{first}, {second}, {third} 열 가운데 어느 것인지 알 수 없습니다",
    "columns {first} and {second} could both be meant": ""
    "{first}, {second} 열 가운데 어느 것인지 알 수 없습니다",
    "choose with {option}": "{option:으로/로} 고르세요",
    "preference pairs ({names})": "선호 쌍 데이터입니다({names})",
    "--messages-column or --completion-column chosen trains one side": ""
    "한쪽만 학습하려면 --messages-column이나 --completion-column chosen을 지정하세요",
    "--completion-column chosen trains one side": "한쪽만 학습하려면 --completion-column chosen을 지정하세요",
    "no answer column beside '{column}' (columns: {names})": ""
    "'{column}' 열과 짝이 될 답변 열이 없습니다(열: {names})",
    "name it with --completion-column": "--completion-column으로 지정하세요",
    "no question column beside '{column}' (columns: {names})": ""
    "'{column}' 열과 짝이 될 질문 열이 없습니다(열: {names})",
    "name it with --prompt-column": "--prompt-column으로 지정하세요",
    "tokenised already ({names})": "이미 토큰으로 바뀐 데이터입니다({names})",
    "give the text itself, so that its tokens can be checked": ""
    "토큰을 확인할 수 있도록 원래 텍스트를 지정하세요",
    "columns of no known shape ({names})": "알 수 없는 형식의 열입니다({names})",
    "name them with --prompt-column and --completion-column, --messages-column or --text-column": ""
    "--prompt-column과 --completion-column, 또는 --messages-column이나 --text-column으로 지정하세요",
    "'{column}' is {what}, expected text": "'{column}' 값은 텍스트여야 합니다(받은 값: {what})",
    "'{column}' is blank": "'{column}' 값이 공백뿐입니다",
    "'{column}' is empty": "'{column}' 값이 비어 있습니다",
    "'{column}' holds no answer": "'{column}' 열에 답변이 없습니다",
    "'{column}' stands beside plain text, which has no place for it": ""
    "'{column}' 열은 일반 텍스트와 함께 쓸 수 없습니다",
    "write it into '{column}', or choose that alone with --text-column": ""
    "'{column}' 열에 써 넣거나, --text-column으로 그 열만 지정하세요",
    "'{column}' does not end with an assistant turn": "'{column}' 열이 assistant 발화로 끝나지 않습니다",
    "'{column}' keeps its last turn out of training": ""
    "'{column}' 열의 마지막 발화가 학습에서 제외되어 있습니다",
    "leave the row out": "행을 빼세요",
    "'{column}' stands beside turns": "'{column}' 열은 대화와 함께 쓸 수 없습니다",
    "put it into those of '{column}', or take it out": "'{column}' 열의 발화에 넣거나 빼세요",
    # data/conversations.py
    "'{column}' is text, expected a list of turns": "'{column}' 값은 발화 목록이어야 합니다(받은 값: 텍스트)",
    "'{column}' is {what}, expected a list of turns": ""
    "'{column}' 값은 발화 목록이어야 합니다(받은 값: {what})",
    "'{column}' holds no turn": "'{column}' 열에 발화가 없습니다",
    "'{column}' has no assistant turn: nothing to train on": ""
    "'{column}' 열에 assistant 발화가 없어 학습할 것이 없습니다",
    "'{column}' keeps every assistant turn out of training": ""
    "'{column}' 열의 assistant 발화가 모두 학습에서 제외되어 있습니다",
    "turn 1 of '{column}' is the {role}'s": "'{column}' 열의 첫 발화가 {role} 발화입니다",
    "expected a user or system turn": "user나 system 발화여야 합니다",
    "turn {number} of '{column}' is text, expected an object with role and content": ""
    "'{column}' 열의 {number}번째 발화는 role과 content가 있는 객체여야 합니다(받은 값: 텍스트)",
    "turn {number} of '{column}' is {what}, expected an object with role and content": ""
    "'{column}' 열의 {number}번째 발화는 role과 content가 있는 객체여야 합니다(받은 값: {what})",
    "turn {number} of '{column}' has '{key}', which is not supported": ""
    "'{column}' 열의 {number}번째 발화에 지원하지 않는 '{key}' 항목이 있습니다",
    "write it as tool_calls, or out as text": "tool_calls로 쓰거나 텍스트로 풀어 쓰세요",
    "turn {number} of '{column}' holds parts that are not text (images, audio): not supported": ""
    "'{column}' 열의 {number}번째 발화에 텍스트가 아닌 것(이미지, 오디오)이 있어 지원하지 않습니다",
    "turn {number} of '{column}' has '{key}' beside its text, which would be left out": ""
    "'{column}' 열의 {number}번째 발화에 텍스트 말고 '{key}' 항목도 있어, 그 항목이 빠지게 됩니다",
    "write it into the text, or take it out": "텍스트에 써 넣거나 빼세요",
    "turn {number} of '{column}' has the keys {names}": ""
    "'{column}' 열의 {number}번째 발화에 있는 항목은 {names}입니다",
    "expected role and content": "role과 content가 있어야 합니다",
    "turn {number} of '{column}' ({role}) calls tools, as only an assistant does": ""
    "'{column}' 열의 {number}번째 발화({role})가 도구를 호출하는데, 도구는 assistant만 호출할 수 있습니다",
    "turn {number} of '{column}' ({role}) is empty": ""
    "'{column}' 열의 {number}번째 발화({role})가 비어 있습니다",
    "turn {number} of '{column}' has '{key}' beside '{question}' and '{answer}'": ""
    "'{column}' 열의 {number}번째 발화에 '{question}', '{answer}' 말고 '{key}' 항목도 있습니다",
    "take it out": "빼세요",
    "turn {number} of '{column}': {names} differ on whether it is trained": ""
    "'{column}' 열의 {number}번째 발화를 학습할지가 {names}에서 서로 다릅니다",
    "turn {number} of '{column}': '{first}' and '{second}' differ": ""
    "'{column}' 열의 {number}번째 발화에서 '{first}', '{second}' 값이 서로 다릅니다",
    "keep one of them": "하나만 남기세요",
    "turn {number} of '{column}': 'tool_calls' is no list of calls, each an object with a name": ""
    "'{column}' 열의 {number}번째 발화에서 'tool_calls'는 이름이 있는 객체(호출)의 목록이어야 합니다",
    "turn {number} of '{column}': '{key}' is text": ""
    "'{column}' 열의 {number}번째 발화에서 '{key}' 값이 텍스트입니다",
    "turn {number} of '{column}': '{key}' is {value}": ""
    "'{column}' 열의 {number}번째 발화에서 '{key}' 값이 {value}입니다",
    "expected 1 (trained) or 0 (context alone)": "1(학습) 또는 0(문맥으로만 사용)이어야 합니다",
    "turn {number} of '{column}': its role is {what}, expected text": ""
    "'{column}' 열의 {number}번째 발화의 역할은 텍스트여야 합니다(받은 값: {what})",
    "turn {number} of '{column}': unknown role '{role}'": ""
    "'{column}' 열의 {number}번째 발화에 알 수 없는 역할 '{role}' 값이 있습니다",
    "turn {number} of '{column}': its content is text, expected text": ""
    "'{column}' 열의 {number}번째 발화의 내용은 텍스트여야 합니다",
    "turn {number} of '{column}': its content is {what}, expected text": ""
    "'{column}' 열의 {number}번째 발화의 내용은 텍스트여야 합니다(받은 값: {what})",
    "turn {number} of '{column}' holds a part with two texts that differ": ""
    "'{column}' 열의 {number}번째 발화에 서로 다른 텍스트가 둘 든 부분이 있습니다",
    "keep one": "하나만 남기세요",
    # data/tools.py
    "turn {number} of '{column}': the arguments of '{name}' are text, expected an object": ""
    "'{column}' 열의 {number}번째 발화에서 '{name}' 호출의 인수는 객체여야 합니다(받은 값: 텍스트)",
    "turn {number} of '{column}': the arguments of '{name}' are {what}, expected an object": ""
    "'{column}' 열의 {number}번째 발화에서 '{name}' 호출의 인수는 객체여야 합니다(받은 값: {what})",
    "turn {number} of '{column}': the arguments of '{name}': {error}": ""
    "'{column}' 열의 {number}번째 발화에서 '{name}' 호출의 인수: {error}",
    "turn {number} of '{column}': 'tool_calls' holds what JSON cannot": ""
    "'{column}' 열의 {number}번째 발화의 'tool_calls'에 JSON으로 쓸 수 없는 값이 있습니다",
    "'{column}' holds what JSON cannot": "'{column}' 열에 JSON으로 쓸 수 없는 값이 있습니다",
    "'{column}' is text, expected a list of tools, each an object with a name": ""
    "'{column}' 값은 이름이 있는 객체(도구)의 목록이어야 합니다(받은 값: 텍스트)",
    "'{column}' is {what}, expected a list of tools, each an object with a name": ""
    "'{column}' 값은 이름이 있는 객체(도구)의 목록이어야 합니다(받은 값: {what})",
    "a list with something else": "다른 것이 섞인 목록",
    # data/side_columns.py
    "'{name}' holds more than text, which is not trained on": ""
    "'{name}' 열에 학습하지 않는, 텍스트가 아닌 것이 있습니다",
    "'{name}' is not supported (no template is given calls or settings)": ""
    "'{name}' 열은 지원하지 않습니다(템플릿에 호출이나 설정을 넘기지 않음)",
    "'{name}' makes this preference data, which is not supported": ""
    "'{name}' 열이 있는 선호 데이터는 지원하지 않습니다",
    "'{name}' is {value}: an answer that is not wanted (KTO), which is not to be learnt": ""
    "'{name}' 값이 {value}입니다: 원하지 않는 답변(KTO)이므로 학습하면 안 됩니다",
    "'{name}' is {value}: an answer that is not wanted, which is not to be learnt": ""
    "'{name}' 값이 {value}입니다: 원하지 않는 답변이므로 학습하면 안 됩니다",
    "'{name}' is {value}: examples cannot be weighted": ""
    "'{name}' 값이 {value}입니다: 레코드에 가중치를 줄 수 없습니다",
    "'{name}' is {value}, which keeps the row out of training": ""
    "'{name}' 값이 {value}이므로 이 행은 학습에서 제외됩니다",
    "{advice}, or choose what to train on with {flags}": ""
    "{advice}. 또는 {flags:으로/로} 학습할 열을 지정하세요",
    "take the column out": "열을 빼세요",
    "--prompt-column and --completion-column": "--prompt-column과 --completion-column",
    "'{first}' and '{second}' and '{third}' differ": "'{first}', '{second}', '{third}' 값이 서로 다릅니다",
    "'{first}' and '{second}' differ": "'{first}', '{second}' 값이 서로 다릅니다",
    "'{column}' is text, expected a list of [question, answer]": ""
    "'{column}' 값은 [질문, 답변]의 목록이어야 합니다(받은 값: 텍스트)",
    "'{column}' is {what}, expected a list of [question, answer]": ""
    "'{column}' 값은 [질문, 답변]의 목록이어야 합니다(받은 값: {what})",
    "item {number} of '{column}' is not [question, answer]": ""
    "'{column}' 열의 {number}번째 값이 [질문, 답변]이 아닙니다",
    "item {number} of '{column}' is empty": "'{column}' 열의 {number}번째 값이 비어 있습니다",
    "turn 1 of '{column}' is another system text than the row's": ""
    "'{column}' 열의 첫 발화가 행의 시스템 텍스트와 다릅니다",
    # data/data_files.py
    "a link that leads to no file": "가리키는 파일이 없는 링크입니다",
    "no such file or folder (nor a folder {folder})": "그런 파일이나 폴더가 없습니다({folder} 폴더도 없음)",
    "no such file or folder": "그런 파일이나 폴더가 없습니다",
    "{file} is named twice": "{file:이/가} 두 번 지정되었습니다",
    "name it once": "한 번만 지정하세요",
    "--split {split}: the file {file} has no splits": "--split {split}: 파일 {file}에는 split이 없습니다",
    "{what} has no splits": "{what}에는 split이 없습니다",
    "leave the option out": "옵션을 빼세요",
    "cannot be read ({error})": "읽을 수 없습니다({error})",
    "{file} is packed": "{file:은/는} 압축된 파일입니다",
    "unpack it, or take it out of the folder": "압축을 풀거나 폴더에서 빼세요",
    "{file} lies there twice, once packed": "{file:이/가} 압축한 것과 함께 두 번 들어 있습니다",
    "take one of them away": "둘 중 하나를 치우세요",
    "no data file in this folder": "이 폴더에 데이터 파일이 없습니다",
    "an empty folder": "빈 폴더입니다",
    "expected {names} or {last}, or all but Parquet packed as .gz": ""
    "{names}, {last} 파일이어야 합니다(Parquet 말고는 .gz로 압축해도 됨)",
    "no data file for --split {split} in this folder": ""
    "이 폴더에 --split {split}에 해당하는 데이터 파일이 없습니다",
    "its data files: {names}": "있는 데이터 파일: {names}",
    # data/encoded.py and data/token_cache.py
    "not the encoded data of this version of laptime": "이 버전의 laptime이 쓰는 인코딩한 데이터가 아닙니다",
    "damaged: its content is not what was written (the digest differs)": ""
    "손상되었습니다: 내용이 기록한 것과 다릅니다(다이제스트 불일치)",
    "not the examples that {file} tells of": "{file}에 적힌 레코드가 아닙니다",
    "put back what was there, or begin anew with another --out": ""
    "원래대로 되돌려 놓거나 --out을 다르게 지정해 새로 시작하세요",
    "kept under another name": "다른 이름으로 보관된 것입니다",
    # data/encoder.py
    "{first} to {last}: there is not enough memory to encode it": ""
    "{first}~{last}: 인코딩할 메모리가 부족합니다",
    "there is not enough memory to encode it": "인코딩할 메모리가 부족합니다",
    "shorten it": "더 짧게 줄이세요",
    "{first} to {last}: the tokenizer failed ({error})": "{first}~{last}: 토크나이저가 실패했습니다({error})",
    "the tokenizer failed ({error})": "토크나이저가 실패했습니다({error})",
    "nothing left to train: the tokenizer has no token for any letter of the answer": ""
    "토크나이저에 답변의 어느 글자에 대한 토큰도 없어 학습할 것이 없습니다",
    "nothing left to train: the prompt alone has {number} tokens, an example holds {most}": ""
    "프롬프트만 {number}토큰이고 레코드 하나에는 {most}토큰까지만 들어가므로 학습할 것이 없습니다",
    "shorten it, or raise --max-length as far as the model goes": ""
    "더 짧게 줄이거나, 모델이 허용하는 만큼 --max-length를 늘리세요",
    # data/files.py
    "cannot read '{suffix}' files": "'{suffix}' 파일은 읽을 수 없습니다",
    "no suffix tells what it holds": "확장자가 없어 무엇이 들었는지 알 수 없습니다",
    "Parquet, which holds packed data itself": "Parquet은 그 자체가 압축된 형식입니다",
    "unpack it first": "먼저 압축을 푸세요",
    "the file is empty": "파일이 비어 있습니다",
    "a line of more than {number} MB": "한 줄이 {number} MB를 넘습니다",
    "a lone '{mark}': expected one JSON object a line (name an array .json)": ""
    "'{mark}' 하나만 있는 줄입니다: 한 줄에 JSON 객체가 하나씩 있어야 합니다"
    "(배열이면 파일 이름을 .json으로 바꾸세요)",
    "an empty object": "빈 객체입니다",
    "expected a JSON object, found {what}": "JSON 객체여야 합니다(받은 값: {what})",
    "an array": "배열",
    "a string": "문자열",
    # data/formats.py
    "no example in it": "레코드가 없습니다",
    "holds conversations, the data to train on pairs": "대화인데, 학습할 데이터는 질문과 답변입니다",
    "holds conversations, the data to train on text": "대화인데, 학습할 데이터는 일반 텍스트입니다",
    "holds pairs, the data to train on conversations": "질문과 답변인데, 학습할 데이터는 대화입니다",
    "holds pairs, the data to train on text": "질문과 답변인데, 학습할 데이터는 일반 텍스트입니다",
    "holds text, the data to train on conversations": "일반 텍스트인데, 학습할 데이터는 대화입니다",
    "holds text, the data to train on pairs": "일반 텍스트인데, 학습할 데이터는 질문과 답변입니다",
    "holds {kind}, the data to train on {other}": "{kind}인데, 학습할 데이터는 {other}입니다",
    "found beside the data: choose with --held-out, or name the file to train on": ""
    "데이터 옆에서 찾은 평가용 파일입니다: --held-out으로 고르거나 학습할 파일을 지정하세요",
    "give a fraction between 0 and 1 (0.1), or a file": "0과 1 사이의 비율(예: 0.1)이나 파일을 지정하세요",
    "a fraction lies between 0 and 1 (0.1)": "비율은 0과 1 사이여야 합니다(예: 0.1)",
    "one example cannot be split": "레코드가 하나뿐이라 나눌 수 없습니다",
    "give a file": "파일을 지정하세요",
    # data/general.py
    "no file": "파일이 아닙니다",
    "give a file of texts, or none": "텍스트 파일이나 none을 지정하세요",
    "larger than {number} MiB": "{number} MiB보다 큽니다",
    "a few texts will do": "텍스트 몇 개면 충분합니다",
    "no UTF-8 text": "UTF-8 텍스트가 아닙니다",
    "give a text file, or JSONL as for --data": "텍스트 파일이나 --data에 쓰는 것과 같은 JSONL을 지정하세요",
    "holds no text": "텍스트가 없습니다",
    "give a text a line, or none": "한 줄에 텍스트를 하나씩 쓰거나 none을 지정하세요",
    "no JSON, though it begins like it": "JSON처럼 시작하지만 JSON이 아닙니다",
    "has no 'text'": "'text' 항목이 없습니다",
    # data/hub_datasets.py
    "several configurations ({names})": "구성이 여러 개입니다({names})",
    "name one: --data {name}": "하나를 지정하세요: --data {name}",
    "no file for --split {split}": "--split {split}에 해당하는 파일이 없습니다",
    "it has no data files that can be read": "읽을 수 있는 데이터 파일이 없습니다",
    # data/input_manifest.py
    "another model than {begun} was begun with": "{begun:을/를} 시작할 때 쓴 모델이 아닙니다",
    "put that one back, or begin anew with another --out": ""
    "그 모델을 되돌려 놓거나 --out을 다르게 지정해 새로 시작하세요",
    "{file} is gone since {begun} was begun": "{file:이/가} {begun:을/를} 시작한 뒤 없어졌습니다",
    "{file} is new since {begun} was begun": "{file:이/가} {begun:을/를} 시작한 뒤 새로 생겼습니다",
    "{file} has changed since {begun} was begun": "{file:이/가} {begun:을/를} 시작한 뒤 바뀌었습니다",
    "{file} cannot be read ({error}) since {begun} was begun": ""
    "{file:을/를} {begun:을/를} 시작한 뒤로 읽을 수 없습니다({error})",
    "put it back as it was, or begin anew with another --out": ""
    "원래대로 되돌려 놓거나, --out을 다르게 지정해 새로 시작하세요",
    # data/json_text.py
    "a value of more than {number} MB": "값 하나가 {number} MB를 넘습니다",
    "one example a line (.jsonl) can be read whatever stands beside it": ""
    "한 줄에 레코드가 하나씩(.jsonl) 있으면 읽을 수 있습니다",
    # data/room.py, data/spool.py, util/disk.py and util/temporary.py
    "the disk is full ({why}): {needs}": "디스크가 가득 찼습니다({why}): {needs}",
    "too little room: {needs}": "공간이 부족합니다: {needs}",
    "the examples of {name} need about {number} {unit} there while they are prepared": ""
    "{name} 레코드를 준비하는 동안 그곳에 약 {number} {unit}가 필요합니다",
    "the examples need more than the {number} {unit} that they have there": ""
    "레코드에는 그곳에 쓴 {number} {unit}보다 더 많은 공간이 필요합니다",
    "the encoded examples need about {number} {unit} while they are made": ""
    "레코드를 인코딩하는 동안 약 {number} {unit}가 필요합니다",
    "the encoded examples need about {number} {unit}": "인코딩한 레코드에 약 {number} {unit}가 필요합니다",
    "the encoded examples need {number} {unit}": "인코딩한 레코드에 {number} {unit}가 필요합니다",
    "the preparation of the data has more to write": "데이터 준비 과정에서 더 써야 할 것이 있습니다",
    "the export takes about {number} {unit}": "내보내기에 약 {number} {unit}가 필요합니다",
    "{number} {unit} are free": "남은 공간은 {number} {unit}입니다",
    "make room, or use another disk": "공간을 비우거나 다른 디스크를 쓰세요",
    "make room, or set TMPDIR to another folder": "공간을 비우거나 TMPDIR에 다른 폴더를 지정하세요",
    "cannot keep the examples there ({error})": "그곳에 레코드를 둘 수 없습니다({error})",
    "no temporary file can be written ({error})": "임시 파일을 쓸 수 없습니다({error})",
    "No usable temporary directory found in {folders}": "쓸 수 있는 임시 폴더가 없음: {folders}",
    # data/tables.py
    "malformed CSV: {error}": "CSV 형식이 잘못되었습니다: {error}",
    "a quoted cell is never closed": "따옴표로 시작한 셀이 닫히지 않음",
    'a quote inside a quoted cell (write it twice: "")': ""
    '따옴표로 묶은 셀 안에 따옴표가 있음(두 번 쓰세요: "")',
    "a cell of more than {number} letters (a quote that is never closed?)": ""
    "셀 하나가 {number}자를 넘음(닫히지 않은 따옴표가 있나요?)",
    "duplicate column '{column}' in the header": "헤더에 '{column}' 열이 두 번 있습니다",
    "two columns without a name in the header": "헤더에 이름 없는 열이 둘 있습니다",
    "{number} cells, but the header names {all}": "셀이 {number}개인데 헤더의 열은 {all}개입니다",
    "{number} cell, but the header names {all}": "셀이 {number}개인데 헤더의 열은 {all}개입니다",
    "what it holds does not fit into memory": "내용이 메모리에 들어가지 않습니다",
    "a damaged Parquet file ({error})": "손상된 Parquet 파일입니다({error})",
    "a row of more than {number} MB": "행 하나가 {number} MB를 넘습니다",
    "holds a row of more than {number} MB": "{number} MB를 넘는 행이 있습니다",
    "split what it holds": "내용을 나누세요",
    "not a Parquet file (Parquet begins with PAR1)": "Parquet 파일이 아닙니다(Parquet은 PAR1로 시작합니다)",
    "a truncated Parquet file (its end is missing)": "Parquet 파일이 잘렸습니다(끝부분이 없음)",
    "copy it again": "다시 복사하세요",
    # data/templates.py
    "no such template": "그런 템플릿이 없습니다",
    "{found}: write {{{field}}}": "{found}: {{{field}}} 형태로 쓰세요",
    "braces around anything else are text": "다른 것을 둘러싼 중괄호는 텍스트로 봅니다",
    "unknown field {{{field}}}": "알 수 없는 항목 {{{field}}}입니다",
    "a template string holds {{{field}}} exactly once": ""
    "템플릿 문자열에는 {{{field}}} 항목이 정확히 한 번 있어야 합니다",
    "a template string ends with {{completion}}": "템플릿 문자열은 {{completion}}으로 끝나야 합니다",
    "the end of sequence is added to it": "종료 토큰은 그 뒤에 자동으로 붙습니다",
    "the data is plain text, which takes no template": "데이터가 일반 텍스트여서 템플릿을 쓰지 않습니다",
    "this tokenizer has no chat template": "이 토크나이저에 채팅 템플릿이 없습니다",
    "give one with --chat-template (chatml, llama3, or a file), or name another template "
    "(--template qa-en)": ""
    "--chat-template으로 지정하거나(chatml, llama3, 파일), 다른 템플릿을 쓰세요(--template qa-en)",
    "the data holds conversations and this tokenizer has no chat template": ""
    "데이터는 대화인데 이 토크나이저에 채팅 템플릿이 없습니다",
    "give one with --chat-template (chatml, llama3, or a file), or for single turns name a template "
    "(--template qa-en)": ""
    "--chat-template으로 지정하거나(chatml, llama3, 파일), "
    "질문과 답변이 하나씩이면 템플릿을 지정하세요(--template qa-en)",
    "tools beside the question": "질문과 함께 도구가 있습니다",
    "--template {name} has no place for them": "--template {name}에는 도구를 넣을 자리가 없습니다",
    "use a chat template (--chat-template gives one)": "채팅 템플릿을 쓰세요(--chat-template으로 지정)",
    "earlier turns beside the question": "질문과 함께 이전 발화가 있습니다",
    "a conversation of {number} turns": "발화가 {number}개인 대화입니다",
    "--template {name} holds one question and one answer, more turns need a chat template "
    "(--chat-template gives one)": ""
    "--template {name}에는 질문과 답변이 하나씩만 들어가며, "
    "발화가 더 있으면 채팅 템플릿이 필요합니다(--chat-template으로 지정)",
    "a system text beside the question, which --template {name} has no place for": ""
    "질문과 함께 시스템 텍스트가 있는데 --template {name}에는 넣을 자리가 없습니다",
    "give a string with {{system}}, {{prompt}} and {{completion}}, or a chat template "
    "(--chat-template gives one)": ""
    "{{system}}, {{prompt}}, {{completion}}이 있는 문자열이나 "
    "채팅 템플릿을 지정하세요(--chat-template으로 지정)",
}
