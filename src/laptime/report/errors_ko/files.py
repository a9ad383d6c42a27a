"""Korean for the error lines of reading, writing and fetching files."""

PHRASES: dict[str, str] = {
    # util/hub.py
    "gated": "접근 승인이 필요합니다",
    "accept its terms at {page}, then `hf auth login` (or set HF_TOKEN)": ""
    "{page}에서 약관에 동의한 뒤 `hf auth login`을 실행하세요(또는 HF_TOKEN을 설정하세요)",
    "the hub has it, but not in this --revision": "허브에 있지만 이 --revision에는 없습니다",
    "no such folder here, and no model of that name on the hub (or a private one: then `hf auth login`)": ""
    "그런 폴더가 없고 허브에도 그런 이름의 모델이 없습니다(비공개라면 `hf auth login`을 실행하세요)",
    "no such file or folder here, and no data set of that name on the hub (or a private one: then `hf auth "
    "login`)": ""
    "그런 파일이나 폴더가 없고 허브에도 그런 이름의 데이터 세트가 없습니다"
    "(비공개라면 `hf auth login`을 실행하세요)",
    "no such {local} here, and no {what} of that name on the hub (or a private one: then `hf auth login`)": ""
    "그런 {local:이/가} 없고 허브에도 그런 이름의 {what:이/가} 없습니다"
    "(비공개라면 `hf auth login`을 실행하세요)",
    "neither a folder nor the id of a hub model": "폴더도 아니고 허브의 모델 ID도 아닙니다",
    "neither a file or folder nor the id of a hub data set": ""
    "파일이나 폴더도 아니고 허브의 데이터 세트 ID도 아닙니다",
    "neither a {local} nor the id of a hub {what}": "{local}도 아니고 허브의 {what} ID도 아닙니다",
    "the hub answered: {error}": "허브의 응답: {error}",
    "no such folder here, not in the cache, and the hub cannot be reached": ""
    "그런 폴더가 없고 캐시에도 없으며, 허브에 연결할 수 없습니다",
    "no such file or folder here, not in the cache, and the hub cannot be reached": ""
    "그런 파일이나 폴더가 없고 캐시에도 없으며, 허브에 연결할 수 없습니다",
    "no such {local} here, not in the cache, and the hub cannot be reached": ""
    "그런 {local:이/가} 없고 캐시에도 없으며, 허브에 연결할 수 없습니다",
    "give the path of a local copy": "로컬 사본의 경로를 지정하세요",
    # util/min_versions.py
    "{name} is not installed, {floor} or newer is needed": ""
    "{name:이/가} 설치되어 있지 않습니다({floor} 이상 필요)",
    "{name} {version} is too old, {floor} or newer is needed": ""
    "{name} {version:은/는} 너무 오래되었습니다({floor} 이상 필요)",
    "pip install {names}": "설치하세요: pip install {names}",
    # util/packed_files.py
    "{place}: not packed with gzip; name it {file}": ""
    "{place}: gzip으로 압축한 파일이 아닙니다; 파일 이름을 {file:으로/로} 바꾸세요",
    "holds more than {number} times its size, as no text does": ""
    "압축을 풀면 파일 크기의 {number}배를 넘어 텍스트로 볼 수 없습니다",
    "a truncated gzip file (its end is missing)": "gzip 파일이 잘렸습니다(끝부분이 없음)",
    "a damaged gzip file ({error})": "손상된 gzip 파일입니다({error})",
    # util/sealed_file.py
    "damaged: it does not match its digest": "손상되었습니다: 다이제스트와 맞지 않습니다",
    "damaged: it is empty": "손상되었습니다: 비어 있습니다",
    "damaged: its end is cut off": "손상되었습니다: 끝부분이 잘렸습니다",
    "damaged: it is no JSON any more": "손상되었습니다: 더 이상 JSON이 아닙니다",
    "damaged: it has no digest at its end": "손상되었습니다: 끝에 다이제스트가 없습니다",
    "begin anew with another --out": "--out을 다르게 지정해 새로 시작하세요",
    "remove it": "지우세요",
    "add it again": "다시 추가하세요",
    # util/strict_json.py
    "malformed JSON: nested too deeply": "JSON 형식이 잘못되었습니다: 너무 깊이 중첩되었습니다",
    "malformed JSON at {place}: {message}": "JSON 형식이 잘못되었습니다({place}: {message})",
    "truncated JSON: {message} at {place}": "JSON이 중간에 끝났습니다({place}: {message})",
    "column {number}": "{number}번째 글자",
    "line {line} column {number}": "{line}행 {number}번째 글자",
    "expecting value": "값이 있어야 함",
    "expecting property name enclosed in double quotes": "큰따옴표로 묶은 이름이 있어야 함",
    "expecting ':' delimiter": "':'이 있어야 함",
    "expecting ',' delimiter": "','가 있어야 함",
    "expecting ',' or ']'": "','나 ']'가 있어야 함",
    "a comma before ']'": "']' 앞에 쉼표가 있음",
    "illegal trailing comma before end of object": "객체 끝에 쉼표가 있음",
    "illegal trailing comma before end of array": "배열 끝에 쉼표가 있음",
    "unterminated string starting": "닫히지 않은 문자열",
    "invalid control character": "허용되지 않는 제어 문자",
    "invalid \\escape: ": "잘못된 \\ 이스케이프",
    "invalid \\escape:": "잘못된 \\ 이스케이프",
    "invalid \\uXXXX escape": "잘못된 \\uXXXX 이스케이프",
    "extra data": "뒤에 남는 내용이 있음",
    "{name} is not a JSON value": "{name:은/는} JSON 값이 아닙니다",
    "duplicate key '{key}'": "'{key}' 키가 두 번 있습니다",
    "lone surrogate \\u{code} (half a character)": "짝이 없는 서로게이트 \\u{code}입니다(글자의 반쪽)",
    # util/text_files.py
    "save the {what} in a file": "파일로 저장해서 지정하세요({what})",
    "save the data in a file": "데이터를 파일로 저장하세요",
    "save the options in a file": "옵션을 파일로 저장하세요",
    "packed with gzip": "gzip으로 압축한 파일입니다",
    "name it .gz behind its own suffix (.jsonl.gz), or unpack it (gunzip)": ""
    "확장자 뒤에 .gz를 붙이거나(.jsonl.gz) 압축을 푸세요(gunzip)",
    "compressed with bzip2": "bzip2로 압축한 파일입니다",
    "unpack it first (bunzip2)": "먼저 압축을 푸세요(bunzip2)",
    "compressed with xz": "xz로 압축한 파일입니다",
    "unpack it first (unxz)": "먼저 압축을 푸세요(unxz)",
    "compressed with zstd": "zstd로 압축한 파일입니다",
    "unpack it first (unzstd)": "먼저 압축을 푸세요(unzstd)",
    "a ZIP archive or an Excel workbook": "ZIP 파일이나 Excel 통합 문서입니다",
    "unpack it, or save the sheet as CSV": "압축을 풀거나 시트를 CSV로 저장하세요",
    "an Excel workbook": "Excel 통합 문서입니다",
    "save the sheet as CSV": "시트를 CSV로 저장하세요",
    "a Parquet file": "Parquet 파일입니다",
    "name it .parquet": "파일 이름을 .parquet으로 바꾸세요",
    "an Arrow file": "Arrow 파일입니다",
    "save it as Parquet": "Parquet으로 저장하세요",
    "a PDF": "PDF 파일입니다",
    "save its text as JSONL or CSV": "텍스트를 JSONL이나 CSV로 저장하세요",
    "a Git LFS pointer, not the data": "데이터가 아니라 Git LFS 포인터입니다",
    "fetch them with git lfs pull": "git lfs pull로 받으세요",
    "an HTML page, not data": "데이터가 아니라 HTML 페이지입니다",
    "download the file itself": "파일 자체를 내려받으세요",
    "{place}: {encoding} text; save it as UTF-8 (iconv -f {given} -t UTF-8)": ""
    "{place}: {encoding} 텍스트입니다; UTF-8로 저장하세요(iconv -f {given} -t UTF-8)",
    "a NUL byte at byte {number} of the line": "이 줄의 {number}번째 바이트가 NUL입니다",
    "the file is damaged, or no text": "파일이 손상되었거나 텍스트가 아닙니다",
    "invalid UTF-8 at byte {number} of the line (0x{byte})": ""
    "이 줄의 {number}번째 바이트가 UTF-8이 아닙니다(0x{byte})",
    "the line ends in the middle of a letter": "줄이 글자 중간에서 끝납니다",
    "the file ends in the middle of a letter": "파일이 글자 중간에서 끝납니다",
    "save the file as UTF-8": "파일을 UTF-8로 저장하세요",
    "it reads as CP949: iconv -f CP949 -t UTF-8": "CP949로 보이니 변환하세요: iconv -f CP949 -t UTF-8",
    # util/untrusted.py
    "not a file": "파일이 아닙니다",
    "too large ({number} GB) for what it should hold": "들어 있어야 할 내용에 비해 너무 큽니다({number} GB)",
    "no {file} here": "여기에 {file:이/가} 없습니다",
    "give the folder of {what}": "{what} 폴더를 지정하세요",
    "a pipe": "파이프",
    "a socket": "소켓",
    "a folder": "폴더",
    "a device": "장치",
    "a file of the system": "시스템 파일",
    "Too many levels of symbolic links": "심볼릭 링크가 너무 많이 이어집니다",
    "take it away": "치우세요",
    "not facts of this version of laptime ({error})": "이 버전의 laptime이 쓰는 파일이 아닙니다({error})",
    "not {what} of this version of laptime ({error})": ""
    "이 버전의 laptime이 쓰는 {what} 파일이 아닙니다({error})",
    "no whole JSON ({error})": "온전한 JSON이 아닙니다({error})",
    "it was damaged, or is not facts": "손상되었거나 그런 파일이 아닙니다",
    "it was damaged, or is not {what}": "손상되었거나 {what} 파일이 아닙니다",
    "a trial": "시험 측정",
    "a measurement": "측정",
    "an environment": "환경",
    "general texts": "일반 텍스트",
    "the encoded data": "인코딩한 데이터",
    "its records hold what cannot be shown ({why})": "기록에 표시할 수 없는 값이 있습니다({why})",
    "{name} is no name of a run": "{name} 값은 실행 이름이 될 수 없습니다",
    "{path}: a link that leaves the folder": "{path}: 폴더 밖을 가리키는 링크입니다",
}
