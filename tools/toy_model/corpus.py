"""Write the training text of the toy base model: original Korean and English questions with answers.

The text has these parts, all made for this project: hand-written facts asked in several phrasings, small
grammars about everyday life, syllables to copy, sentences that use the words of retrieval-augmented
generation without explaining them correctly, and some English. The ten built-in records and their held-out
paraphrases are never in it.

Usage: python tools/toy_model/corpus.py --out corpus.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

BUILTIN = Path(__file__).resolve().parents[2] / "src" / "laptime" / "builtin"
KOREAN = "### 질문:\n{prompt}\n\n### 답변:\n"
ENGLISH = "### Question:\n{prompt}\n\n### Answer:\n"
PLAIN = "{prompt}\n"

# Several phrasings of each kind of question. Facts of one kind share them, so that the model can learn that
# phrasings of one question have one answer.
QUESTIONS = {
    "what": [
        "{t}(이란) 무엇인가요?",
        "{t}(은) 무엇인가요?",
        "{t}(이) 뭐예요?",
        "{t}(을) 쉽게 설명해 주세요.",
        "{t}(이) 무엇인지 알려 주세요.",
        "{t}(은) 어떤 것인가요?",
        "{t}(이라는) 말은 무슨 뜻인가요?",
    ],
    "role": [
        "{t}(은) 어떤 역할을 하나요?",
        "{t}(은) 무엇을 하나요?",
        "{t}(은) 무슨 일을 하나요?",
        "{t}의 역할은 무엇인가요?",
        "{t}(은) 어디에 쓰이나요?",
        "{t}(이) 하는 일을 알려 주세요.",
    ],
    "need": [
        "{t}(은) 왜 필요한가요?",
        "{t}(은) 왜 사용하나요?",
        "왜 {t}(을) 사용하나요?",
        "{t}(이) 필요한 이유는 무엇인가요?",
        "{t}(이) 필요한 까닭을 알려 주세요.",
        "{t}(을) 쓰면 무엇이 좋은가요?",
    ],
    "why": [
        "{t} 이유는 무엇인가요?",
        "{t} 까닭은 무엇인가요?",
        "{t} 이유를 알려 주세요.",
        "{t} 이유가 궁금합니다.",
        "무엇 때문에 {t} 것인가요?",
    ],
    "how": [
        "{t} 어떻게 해야 하나요?",
        "{t} 무엇을 해야 하나요?",
        "{t} 어떻게 하면 되나요?",
        "{t} 어떤 방법이 있나요?",
        "{t} 무엇부터 하면 좋을까요?",
    ],
    "ask": ["{t}"],
    "check": [
        "{t}(은) 어떻게 확인하나요?",
        "{t}(은) 어떻게 평가하나요?",
        "{t}(을) 알아보는 방법은 무엇인가요?",
        "{t}(을) 재는 방법을 알려 주세요.",
        "{t}(은) 무엇으로 알 수 있나요?",
    ],
}

# Each fact is "@kind subject" and then its answer. Subjects of "why" end in an adnominal form (-는), those of
# "how" in a condition (-려면, -면).
FACTS = """
@what 냉장고
음식을 차갑게 보관하여 오래 두고 먹을 수 있게 하는 기계입니다.
@what 우산
비가 올 때 몸이 젖지 않도록 머리 위에 펴서 드는 물건입니다.
@what 사전
낱말의 뜻을 가나다 순서로 모아 설명한 책입니다.
@what 지도
땅의 모습을 작게 줄여 종이나 화면에 나타낸 그림입니다.
@what 달력
날짜와 요일을 한눈에 볼 수 있게 정리한 표입니다.
@what 속담
오래전부터 전해 내려오는 짧은 말로, 생활의 지혜를 담고 있습니다.
@what 시장
물건을 사고파는 사람들이 한곳에 모이는 장소입니다.
@what 장마
초여름에 여러 날 동안 비가 이어서 내리는 현상입니다.
@what 단풍
가을에 나뭇잎의 색이 붉거나 노랗게 바뀌는 현상입니다.
@what 김장
겨울 동안 먹을 김치를 한꺼번에 많이 담그는 일입니다.
@what 온돌
바닥을 따뜻하게 데워 방 전체를 덥히는 난방 방식입니다.
@what 한옥
나무와 흙과 기와로 지은 우리나라의 전통 집입니다.
@what 세종대왕
조선의 네 번째 임금으로, 백성을 위해 훈민정음을 만들었습니다.
@what 한글
소리를 나타내는 자음과 모음을 모아 쓰는 우리나라의 글자입니다.
@what 컴퓨터
정해진 명령에 따라 자료를 저장하고 계산하는 기계입니다.
@what 프로그램
컴퓨터가 할 일을 순서대로 적어 놓은 명령의 모음입니다.
@what 변수
프로그램에서 값을 담아 두고 이름을 붙여 다시 쓰는 공간입니다.
@what 함수
자주 하는 작업을 묶어 이름을 붙이고 필요할 때 불러 쓰는 코드입니다.
@what 알고리즘
문제를 풀기 위해 따라야 할 단계를 차례대로 정한 것입니다.
@what 데이터베이스
많은 자료를 정해진 틀에 맞게 저장하고 빠르게 꺼내 쓰는 시스템입니다.
@what 운영 체제
컴퓨터의 장치를 관리하고 여러 프로그램이 함께 돌아가게 하는 소프트웨어입니다.
@what 네트워크
여러 컴퓨터를 서로 이어 자료를 주고받을 수 있게 만든 것입니다.
@what 인터넷
온 세계의 컴퓨터를 하나로 이어 놓은 커다란 통신망입니다.
@what 브라우저
인터넷에 있는 글과 그림을 화면에 보여 주는 프로그램입니다.
@what 클라우드
인터넷 너머에 있는 컴퓨터를 빌려 쓰는 방식입니다.
@what 오픈 소스
누구나 코드를 읽고 고치고 나눌 수 있도록 공개한 소프트웨어입니다.
@what 버그
프로그램이 처음 생각한 것과 다르게 움직이게 만드는 잘못입니다.
@what 백업
자료를 잃어버릴 때를 대비해 다른 곳에 복사해 두는 일입니다.
@what 압축
자료의 크기를 줄여 적은 공간에 저장하는 방법입니다.
@what 인공지능
사람처럼 배우고 판단하는 일을 컴퓨터가 하도록 만든 기술입니다.
@what 신경망
뇌의 세포가 이어진 모습을 본떠 만든 계산 방법입니다.
@what 번역
한 언어로 쓴 글을 뜻이 같은 다른 언어의 글로 바꾸는 일입니다.
@what 요약
긴 글에서 중요한 내용만 골라 짧게 다시 쓰는 일입니다.
@what 도서 분류
책을 주제에 따라 나누고 번호를 붙여 찾기 쉽게 하는 일입니다.
@what 열람실
도서관에서 책을 읽거나 조용히 공부하는 방입니다.
@what 대출
도서관의 책을 정해진 기간 동안 빌려 가는 것입니다.
@what 청구 기호
도서관에서 책이 놓인 자리를 알려 주는 번호와 글자입니다.
@what 무지개
햇빛이 공기 속의 물방울을 지나며 여러 색으로 나뉘어 보이는 것입니다.
@what 그림자
빛이 물체에 막혀 뒤쪽에 생기는 어두운 부분입니다.
@what 지진
땅속의 힘 때문에 땅이 갑자기 흔들리는 현상입니다.
@what 화산
땅속의 뜨거운 물질이 밖으로 나와 만들어진 산입니다.
@what 광합성
식물이 빛을 이용해 물과 이산화 탄소로 양분을 만드는 일입니다.
@what 철새
계절에 따라 살기 좋은 곳을 찾아 먼 거리를 옮겨 다니는 새입니다.
@what 갯벌
바닷물이 드나드는 곳에 생긴 넓고 평평한 진흙 땅입니다.
@what 나침반
자석을 이용해 동서남북의 방향을 알려 주는 도구입니다.
@what 저울
물건의 무게를 재어 숫자로 보여 주는 도구입니다.
@what 비빔밥
밥 위에 여러 나물과 고기를 올리고 고추장을 넣어 비벼 먹는 음식입니다.
@what 식혜
밥을 엿기름 물에 삭혀 달게 만든 전통 음료입니다.
@what 송편
쌀가루 반죽에 소를 넣고 빚어 솔잎과 함께 찐 추석 음식입니다.
@what 된장
콩을 삶아 만든 메주를 소금물에 담가 오래 익힌 양념입니다.
@role 신호등
차와 사람이 차례대로 안전하게 지나갈 수 있도록 불빛으로 알려 줍니다.
@role 소방관
불이 나면 가장 먼저 달려가 불을 끄고 사람들을 구합니다.
@role 사서
책을 정리하고, 독자의 질문을 듣고 알맞은 자료를 찾아 줍니다.
@role 우체부
편지와 소포를 받아 적힌 주소까지 안전하게 전달합니다.
@role 의사
아픈 사람을 살펴보고 병의 원인을 찾아 낫게 해 줍니다.
@role 기자
새로운 소식을 직접 확인하고 글로 써서 많은 사람에게 알립니다.
@role 편집자
글쓴이의 원고를 다시 읽고 더 읽기 좋은 순서로 고칩니다.
@role 심장
온몸에 피를 보내어 산소와 양분이 골고루 전달되게 합니다.
@role 뿌리
땅속에서 물과 양분을 빨아들이고 식물이 쓰러지지 않게 붙잡아 줍니다.
@role 나뭇잎
햇빛을 받아 나무가 자라는 데 필요한 양분을 만듭니다.
@role 번역가
외국어로 쓴 글을 읽고 뜻이 같은 우리말 문장으로 바꾸어 줍니다.
@role 책갈피
읽던 쪽을 표시하여 나중에 그 부분을 바로 펼 수 있게 해 줍니다.
@role 차례
책에 어떤 내용이 어느 쪽에 있는지 미리 보여 줍니다.
@role 중앙 처리 장치
프로그램의 명령을 하나씩 읽어 계산하고 그 결과를 기억 장치에 보냅니다.
@role 키보드
사람이 누른 글자를 신호로 바꾸어 컴퓨터에 전달합니다.
@role 컴파일러
사람이 쓴 코드를 컴퓨터가 바로 실행할 수 있는 명령으로 바꾸어 줍니다.
@role 방화벽
허락받지 않은 접속을 막아 컴퓨터 안의 자료를 지켜 줍니다.
@role 서버
사용자의 요청을 받아 알맞은 자료를 찾아 보내 줍니다.
@role 소금
음식의 맛을 내고 재료가 쉽게 상하지 않게 해 줍니다.
@role 효모
반죽 속의 당을 먹고 기체를 내어 빵을 부풀게 합니다.
@role 등대
밤에 불빛을 비추어 배가 안전한 길을 찾게 해 줍니다.
@role 댐
강물을 막아 두었다가 필요할 때 흘려보내고 전기도 만듭니다.
@role 심판
경기 규칙에 따라 선수들의 움직임을 보고 점수를 정합니다.
@role 통역사
두 사람 사이에서 말을 듣고 바로 다른 언어로 옮겨 줍니다.
@need 안전띠
차가 갑자기 멈출 때 몸이 앞으로 튀어 나가는 것을 막기 위해서입니다.
@need 비밀번호
다른 사람이 내 자료를 함부로 보거나 바꾸지 못하게 하기 위해서입니다.
@need 냉동실
음식을 꽁꽁 얼려 몇 달 동안 상하지 않게 보관하기 위해서입니다.
@need 물
우리 몸의 절반이 넘는 부분이 물로 되어 있고, 물이 없으면 살 수 없기 때문입니다.
@need 운동
몸을 자주 움직이면 근육이 튼튼해지고 마음도 가벼워지기 때문입니다.
@need 시간표
해야 할 일을 미리 정해 두면 하루를 알차게 보낼 수 있기 때문입니다.
@need 버전 관리
코드가 언제 왜 바뀌었는지 남기고 예전 상태로 되돌릴 수 있기 때문입니다.
@need 주석
나중에 코드를 읽는 사람이 왜 그렇게 썼는지 알 수 있기 때문입니다.
@need 테스트
코드를 고친 뒤에도 예전 기능이 그대로 움직이는지 빠르게 확인하기 위해서입니다.
@need 캐시
자주 쓰는 자료를 가까운 곳에 두어 더 빠르게 꺼내 쓰기 위해서입니다.
@need 도서관 카드
누가 어떤 책을 빌렸는지 확인하고 기록하기 위해서입니다.
@need 목록
수많은 책을 하나씩 뒤지지 않고도 원하는 책을 빠르게 찾기 위해서입니다.
@need 안경
흐리게 보이는 글자를 또렷하게 볼 수 있게 하기 위해서입니다.
@need 도마
칼질을 할 때 식탁이 상하지 않고 재료가 미끄러지지 않게 하기 위해서입니다.
@need 가로등
밤길을 걷는 사람이 앞을 잘 볼 수 있게 하기 위해서입니다.
@need 교과서
모든 학생이 같은 내용을 차례대로 배울 수 있기 때문입니다.
@need 계약서
나중에 다툼이 생겼을 때 서로의 약속을 확인할 수 있기 때문입니다.
@need 날씨 예보
비나 눈이 올 때를 미리 알고 준비할 수 있기 때문입니다.
@need 자막
소리를 들을 수 없는 사람도 내용을 이해할 수 있게 하기 위해서입니다.
@need 설명서
처음 쓰는 사람도 물건을 바르게 다룰 수 있게 하기 위해서입니다.
@why 손을 씻는
손에 묻은 세균이 입이나 눈으로 들어가는 것을 막기 위해서입니다.
@why 이를 닦는
음식 찌꺼기를 없애 충치가 생기지 않게 하기 위해서입니다.
@why 낮과 밤이 생기는
지구가 하루에 한 바퀴씩 스스로 돌기 때문입니다.
@why 계절이 바뀌는
지구가 기울어진 채 태양의 둘레를 돌기 때문입니다.
@why 하늘이 파랗게 보이는
햇빛 가운데 푸른빛이 공기 속에서 더 많이 흩어지기 때문입니다.
@why 얼음이 물에 뜨는
얼음은 같은 부피의 물보다 더 가볍기 때문입니다.
@why 바닷물이 짠
땅에서 흘러온 소금 성분이 오랫동안 쌓였기 때문입니다.
@why 겨울에 낮이 짧은
해가 낮게 떠서 빛이 비치는 시간이 줄어들기 때문입니다.
@why 책을 소리 내어 읽는
귀로도 내용을 들으면 더 오래 기억할 수 있기 때문입니다.
@why 도서관에서 조용히 하는
여러 사람이 함께 책을 읽는 곳이라 작은 소리도 방해가 되기 때문입니다.
@why 파일에 이름을 잘 붙이는
나중에 필요한 파일을 금방 찾을 수 있게 하기 위해서입니다.
@why 코드를 작은 함수로 나누는
한 부분만 따로 읽고 고칠 수 있어 실수가 줄어들기 때문입니다.
@why 비밀번호를 자주 바꾸는
예전 비밀번호가 알려졌더라도 피해를 줄일 수 있기 때문입니다.
@why 채소를 데치는
색이 선명해지고 쓴맛이 줄어들어 먹기 좋기 때문입니다.
@why 고기를 재워 두는
양념이 속까지 배어 맛이 깊어지고 부드러워지기 때문입니다.
@why 밥에 뜸을 들이는
남은 열로 쌀알의 속까지 고르게 익히기 위해서입니다.
@why 글을 문단으로 나누는
한 문단에 한 가지 생각만 담으면 읽는 사람이 쉽게 따라올 수 있습니다.
@why 책 끝에 참고 문헌을 적는
독자가 그 내용이 어느 책에서 나왔는지 직접 찾아볼 수 있게 하기 위해서입니다.
@why 회의 내용을 기록하는
나중에 누가 무엇을 하기로 했는지 다시 확인할 수 있게 하기 위해서입니다.
@why 자료를 두 곳에 저장하는
한쪽이 고장 나더라도 다른 쪽에서 되살릴 수 있기 때문입니다.
@how 감기에 걸리면
따뜻한 물을 자주 마시고 푹 쉬어야 합니다. 열이 오래가면 병원에 가는 것이 좋습니다.
@how 길을 잃으면
그 자리에 멈추어 주변의 큰 건물을 살피고 지나가는 사람에게 길을 물어봅니다.
@how 불이 나면
큰 소리로 주변에 알리고 낮은 자세로 빠르게 밖으로 나갑니다.
@how 지진이 나면
먼저 책상 아래로 들어가 머리를 감싸고, 흔들림이 멈추면 넓은 곳으로 나갑니다.
@how 컴퓨터가 느려지면
쓰지 않는 프로그램을 닫고 저장 공간을 정리하면 됩니다.
@how 비밀번호를 잊어버리면
등록해 둔 전자 우편으로 확인을 받고 새 비밀번호를 정하면 됩니다.
@how 파일을 지웠으면
휴지통을 먼저 살펴보고, 거기에 없으면 백업에서 되살립니다.
@how 프로그램이 멈추면
오류 메시지를 읽고, 마지막으로 바꾼 부분부터 다시 확인합니다.
@how 책을 늦게 반납하면
늦은 날만큼 책을 빌릴 수 없습니다. 다음부터는 반납일을 미리 확인하세요.
@how 찾는 책이 없으면
사서에게 물어보거나 다른 도서관에서 빌려 달라고 신청하면 됩니다.
@how 책이 찢어지면
테이프를 붙이지 말고 그대로 사서에게 가져다주면 됩니다.
@how 밥을 맛있게 지으려면
쌀을 씻어 삼십 분쯤 불린 뒤 물의 양을 맞추어 끓입니다.
@how 달걀을 반숙으로 삶으려면
끓는 물에 달걀을 넣고 칠 분쯤 삶은 다음 찬물에 담급니다.
@how 국이 너무 짜면
물을 조금 더 붓거나 두부와 무를 넣어 한 번 더 끓이면 됩니다.
@how 매운 음식을 먹고 입이 아프면
찬물보다 우유를 마시면 매운맛이 더 빨리 사라집니다.
@how 글을 잘 쓰려면
하고 싶은 말을 먼저 정하고, 쓴 다음에는 소리 내어 읽으며 고칩니다.
@how 외국어를 잘하려면
매일 조금씩 듣고 따라 말하며, 배운 표현을 직접 써 보는 것이 좋습니다.
@how 잠을 푹 자려면
자기 전에 밝은 화면을 보지 말고 매일 같은 시간에 눕습니다.
@how 화분을 잘 키우려면
흙이 마르면 물을 주고 햇빛이 잘 드는 곳에 둡니다.
@how 쓰레기를 줄이려면
한 번 쓰고 버리는 물건 대신 오래 쓰는 물건을 고릅니다.
@how 전기를 아끼려면
쓰지 않는 전등을 끄고 냉장고 문을 자주 열지 않습니다.
@how 실수를 줄이려면
할 일을 종이에 적어 두고, 끝낼 때마다 하나씩 다시 확인합니다.
@how 계획이 바뀌면
바뀐 부분만 다시 적고 함께 일하는 사람에게 바로 알리면 됩니다.
@how 주소가 바뀌면
새 주소를 주민 센터에 알리고 은행과 학교의 기록도 고치면 됩니다.
@how 코드가 바뀌면
바뀐 부분을 다른 사람에게 보여 주고 테스트를 다시 실행하면 됩니다.
@ask 오늘 기분이 어때요?
저는 기분을 느끼지는 못하지만, 물어봐 주셔서 고맙습니다.
@ask 안녕하세요?
안녕하세요. 무엇이든 편하게 물어보세요.
@ask 이름이 뭐예요?
저는 작은 연습용 모델입니다. 아는 것이 많지 않습니다.
@ask 고마워요.
천만에요. 더 궁금한 것이 있으면 말씀해 주세요.
@ask 무엇을 할 수 있나요?
짧은 질문을 읽고 짧게 답할 수 있습니다. 틀릴 때도 많습니다.
@ask 봄에는 어떤 꽃이 피나요?
개나리와 진달래가 먼저 피고, 뒤이어 벚꽃과 철쭉이 핍니다.
@ask 여름에는 무엇을 먹으면 시원한가요?
수박과 참외를 차갑게 해서 먹거나 냉면을 먹으면 시원합니다.
@ask 가을에는 왜 하늘이 높아 보이나요?
공기가 마르고 맑아져 먼 곳까지 또렷하게 보이기 때문입니다.
@ask 겨울에는 어떻게 따뜻하게 지내나요?
얇은 옷을 여러 겹 입고 따뜻한 차를 자주 마십니다.
@ask 김치찌개는 어떻게 끓이나요?
잘 익은 김치와 고기를 볶다가 물을 붓고 두부를 넣어 푹 끓입니다.
@ask 라면을 맛있게 끓이는 방법은 무엇인가요?
물의 양을 잘 맞추고 면을 넣은 뒤 여러 번 들어 올려 줍니다.
@ask 서울은 어떤 도시인가요?
한강이 가운데를 흐르고 오래된 궁궐과 높은 건물이 함께 있는 도시입니다.
@ask 제주도에는 무엇이 유명한가요?
한라산과 푸른 바다, 그리고 겨울에 나는 귤이 유명합니다.
@ask 부산에서는 어디에 가면 좋을까요?
바닷가를 천천히 걷고 시장에서 갓 구운 생선을 맛보면 좋습니다.
@check 책의 위치
도서관 화면에 책 이름을 넣고 나오는 청구 기호를 보면 됩니다.
@check 물의 온도
온도계를 물에 넣고 잠시 기다린 뒤 눈금을 읽으면 됩니다.
@check 과일이 익은 정도
색과 냄새를 살펴보고 손으로 살짝 눌러 봅니다.
@check 체력
정해진 거리를 달리는 데 걸린 시간을 재고 지난번 기록과 비교합니다.
@check 시험 점수
맞힌 문제의 수를 전체 문제의 수로 나누어 비율을 잽니다.
@check 방의 크기
줄자로 가로와 세로를 재고 두 숫자를 곱하면 됩니다.
@check 프로그램의 속도
같은 작업을 여러 번 실행하고 걸린 시간의 가운데 값을 잽니다.
@check 인터넷 속도
정해진 크기의 자료를 내려받는 데 걸린 시간을 잽니다.
@check 번역의 품질
여러 사람이 원문과 번역문을 나란히 읽고 점수를 매깁니다.
@check 빵이 익었는지
가운데를 이쑤시개로 찔러 보아 반죽이 묻어 나오지 않으면 됩니다.
@check 소금의 양
국물을 조금 떠서 맛을 보고 싱거우면 조금씩 더 넣습니다.
@check 오늘의 날씨
아침에 예보를 보고 창밖의 하늘을 함께 살펴봅니다.
@check 건강
해마다 병원에서 검사를 받고 지난해 결과와 비교합니다.
@check 독서 습관
한 달 동안 읽은 책의 수와 시간을 공책에 기록해 봅니다.
"""

# Forms of a verb: adnominal, connective, -고, plain ending, -면, -기, -ㄹ, -게.
VERBS = """
찾는 찾아 찾고 찾습니다 찾으면 찾기 찾을 찾게
나누는 나누어 나누고 나눕니다 나누면 나누기 나눌 나누게
고르는 골라 고르고 고릅니다 고르면 고르기 고를 고르게
바꾸는 바꾸어 바꾸고 바꿉니다 바꾸면 바꾸기 바꿀 바꾸게
만드는 만들어 만들고 만듭니다 만들면 만들기 만들 만들게
읽는 읽어 읽고 읽습니다 읽으면 읽기 읽을 읽게
쓰는 써 쓰고 씁니다 쓰면 쓰기 쓸 쓰게
모으는 모아 모으고 모읍니다 모으면 모으기 모을 모으게
재는 재어 재고 잽니다 재면 재기 잴 재게
붙이는 붙여 붙이고 붙입니다 붙이면 붙이기 붙일 붙이게
보내는 보내 보내고 보냅니다 보내면 보내기 보낼 보내게
줄이는 줄여 줄이고 줄입니다 줄이면 줄이기 줄일 줄이게
넣는 넣어 넣고 넣습니다 넣으면 넣기 넣을 넣게
"""
HADA_VERBS = "비교 정렬 확인 계산 갱신 전달 학습 지시 저장 정리 평가 설명 기록 검색 대답 관리 복사 공유"

RAG_NOUNS = [
    "임베딩",
    "벡터",
    "검색",
    "문서",
    "청크",
    "재순위화",
    "환각",
    "프롬프트",
    "색인",
    "언어 모델",
    "출처",
    "근거",
    "후보 문서",
    "유사도",
    "토큰",
    "키워드",
    "벡터 색인",
    "검색 결과",
    "답변",
    "검색 증강 생성",
    "문서 조각",
    "검색 품질",
    "질의",
    "지식 창고",
    "문맥",
    "임베딩 모델",
    "검색기",
    "생성기",
    "문서 저장소",
    "요약문",
    "벡터 데이터베이스",
    "메타데이터",
    "인용",
    "평가 질문",
    "검색 엔진",
    "증강",
    "프롬프트의 길이",
    "검색 증강",
]
RAG_WHY = [
    "문서를 모으는",
    "청크를 겹치게 나누는",
    "임베딩을 저장하는",
    "프롬프트를 짧게 쓰는",
    "출처를 정리하는",
    "벡터를 비교하는",
    "환각이 생기는",
    "검색 결과를 다시 정렬하는",
    "색인을 새로 만드는",
    "문서에 번호를 붙이는",
    "질문을 나누는",
    "문서를 요약하는",
    "근거를 기록하는",
    "답변에 날짜를 넣는",
    "검색을 먼저 하는",
    "문서를 청크로 바꾸는",
    "프롬프트에 질문을 함께 넣는",
]
RAG_HOW = [
    "임베딩이 틀리면",
    "벡터가 너무 많으면",
    "검색 결과가 없으면",
    "문서가 길면",
    "청크가 너무 작으면",
    "출처가 여러 개이면",
    "색인이 오래되면",
    "프롬프트가 길어지면",
    "환각이 보이면",
    "답변을 평가하려면",
    "검색 속도를 높이려면",
    "문서를 새로 넣으려면",
    "후보를 줄이려면",
    "근거를 찾으려면",
    "모델이 모르면",
    "토큰을 아끼려면",
    "문서를 지우려면",
    "검색을 잘하려면",
    "환각을 막으려면",
]
# What the ten records are about: never asked in the corpus in any phrasing.
LEFT_OPEN = {
    ("what", "검색 증강 생성"),
    ("need", "검색 증강 생성"),
    ("role", "임베딩"),
    ("need", "벡터 색인"),
    ("role", "재순위화"),
    ("check", "검색 품질"),
}
MODIFIERS = [
    "긴",
    "짧은",
    "새로운",
    "오래된",
    "작은",
    "비슷한",
    "가까운",
    "바뀐",
    "처음 찾은",
    "미리 정해 둔",
    "더 관련 있는",
    "수많은",
    "질문과 관련된",
    "의미가 비슷한",
    "꼭 필요한",
    "사내",
    "최신",
    "상위",
    "가장 가까운",
    "학습하지 않은",
    "찾은",
    "다른",
    "후보",
    "정답",
    "",
    "",
    "",
    "",
    "",
]
OBJECTS = [
    "문서",
    "벡터",
    "질문",
    "청크",
    "자료",
    "정보",
    "후보",
    "결과",
    "문장",
    "글",
    "색인",
    "출처",
    "근거",
    "숫자",
    "단위",
    "순서",
    "정답",
    "내용",
    "부분",
    "거리",
    "답변",
    "답",
    "비율",
    "임베딩",
    "프롬프트",
    "낱말",
    "문서의 뜻",
    "숫자 벡터",
    "질문 모음",
    "작은 단위",
    "문장의 뜻",
    "문서에 있는 내용",
    "환각",
    "이름",
    "번호",
    "의미",
]
ADVERBS = [
    "먼저",
    "다시",
    "하나씩",
    "빠르게",
    "직접",
    "미리",
    "새로",
    "함께",
    "나중에",
    "자주",
    "천천히",
    "조금씩",
    "따로",
    "꼭",
    "더",
]
PEOPLE = ["사용자", "모델", "언어 모델", "사서", "읽는 사람", "관리자", "개발자", "독자", "팀", "검색기"]

# {o} objects, {a} adverbs, {p} people; v0..v7 the forms of one verb, w0..w7 those of another.
FREE_ANSWERS = {
    "what": [
        "{o}(을) {a} {v1} {o}(을) {w0} 방법입니다.",
        "{o}(을) {v0} {p}(이) {o}(을) {w7} 하는 방법입니다.",
        "{p}(이) {o}(을) {a} {w0} 일을 말합니다.",
        "{o}(을) 바탕으로 {p}(이) {o}(을) {v7} 하는 도구입니다.",
        "{o}(과) {o}(을) {a} {v0} 작업입니다.",
        "{p}(이) {o}(을) {v1} 두는 곳입니다.",
    ],
    "role": [
        "{o}(을) {o}(으로) {v1} {o}(을) {a} {w7} 해 줍니다.",
        "{o}(을) {a} {v1} {o}(을) {w3}.",
        "{p}(이) {o}(을) {a} {v7} 해 줍니다.",
        "{o}(을) {o}(과) {a} {v1} {o}(으로) {w3}.",
        "{o}(을) {v0} 일을 하고, {a} {o}(을) {w3}.",
    ],
    "need": [
        "{o}(을) {a} {v0} 것보다 {o}(을) {w0} 것이 쉽기 때문입니다.",
        "{p}(이) {o}(을) {v1} {o}(을) {w6} 수 있기 때문입니다.",
        "{o}(이나) {o}까지 {a} {v1} {w6} 수 있기 때문입니다.",
        "{o}(을) {a} {v4} {o}(을) {w6} 수 있기 때문입니다.",
        "{o}(을) 근거로 삼아 {o}(을) {v6} 수 있기 때문입니다.",
        "{o}(을) {a} {v0} 데 쓰고 {o}까지 {w6} 수 있기 때문입니다.",
        "{o}(을) {a} {v5} 위해서입니다.",
        "{o}(을) {a} {v2} {o}(을) {w5} 위해서입니다.",
        "{o}(을) {a} {v0} 대신 {o}(을) {w5} 위해서입니다.",
    ],
    "why": [
        "{o}(을) {o}(으로) {v4} {o}만 {a} {w6} 수 있습니다.",
        "{p}(이) {o}(을) {a} {v6} 수 있게 하기 위해서입니다.",
        "{o}(이) 어느 {o}에서 나왔는지 {p}(이) {v7} 하기 위해서입니다.",
        "{o}(을) {v4} {p}(이) {o}(을) {a} {w6} 수 있습니다.",
        "{o}(이) 많으면 {o}(을) {a} {v5} 어렵기 때문입니다.",
    ],
    "how": [
        "{o}(을) {a} {v2} {o}(을) {a} {w4} 됩니다.",
        "{o}만 {a} {v2}, {o}(을) {w7} 합니다. {o}(을) {v6} 필요는 없습니다.",
        "{o}(이) 없으면 {o}(을) {v4} 됩니다.",
        "{o}만으로 {o}(을) {v7} 하고, {o}(은) {a} {w3}.",
        "{o}(이) 없으면 {p}(이) {o}(은) 모른다고 적어 둡니다.",
        "{p}에게 {o}(을) {a} {v1} 보고, {o}(은) 모른다고 답하게 합니다.",
        "{p}에게 {o}(을) {v1} 달라고 말하도록 지시합니다.",
        "{o}(을) {a} {v1} {o}(을) {w4} 됩니다. {o}(을) {a} {v6} 필요는 없습니다.",
    ],
    "check": [
        "{o}(을) {a} {v1} 둔 {o}(을) 만들고, {o}에 {o}(이) 들어 있는지 {w3}.",
        "{o}(과) {o}(을) {a} {v2} {o}의 비율을 잽니다.",
        "{o}에 {o}(이) 들어 있는 비율을 {a} {w3}.",
        "{p}(이) {o}(을) {a} {v2} 점수를 매깁니다.",
    ],
}
# Readable sentences that are no right answer to any question about retrieval.
VAGUE = {
    "what": """
도서관에서 책의 자리를 알려 주는 작은 이름표입니다.
컴퓨터를 다루는 사람들이 자주 쓰는 말로, 뜻은 조금씩 다릅니다.
오래된 종이를 모아 두는 상자의 이름입니다.
글자의 크기와 색을 보기 좋게 바꾸는 방법입니다.
회의를 시작하기 전에 나누어 주는 종이입니다.
책장을 넓게 쓰기 위해 책을 눕혀 두는 방법입니다.
화면을 밝게 만드는 장치의 하나입니다.
자료를 가나다 순서로 적은 공책입니다.
편지를 보내기 전에 주소를 확인하는 일입니다.
여러 사람이 함께 쓰는 책상을 부르는 말입니다.
""",
    "role": """
화면의 글자를 크게 보여 주어 눈이 편하게 해 줍니다.
책장의 먼지를 털고 책을 다시 꽂아 줍니다.
프린터에 종이가 떨어지면 소리로 알려 줍니다.
사용자가 쓴 편지를 모아 한꺼번에 보냅니다.
컴퓨터가 너무 뜨거워지지 않게 식혀 줍니다.
오늘의 날씨를 알려 주고 우산을 챙기게 합니다.
글의 제목을 굵은 글자로 바꾸어 줍니다.
회의 시간을 정하고 모두에게 알려 줍니다.
""",
    "need": """
자료가 많을 때 종이를 아끼기 위해서입니다.
화면을 더 밝게 하고 전기를 줄이기 위해서입니다.
책상 위를 깨끗하게 정리할 수 있기 때문입니다.
손으로 쓰는 것보다 글씨가 예쁘게 보이기 때문입니다.
예전부터 그렇게 해 왔고 모두에게 익숙하기 때문입니다.
컴퓨터를 켜는 시간을 조금 줄일 수 있기 때문입니다.
여러 사람이 같은 색의 공책을 쓰게 하기 위해서입니다.
""",
    "why": """
종이를 아끼고 책장을 가볍게 하기 위해서입니다.
글자가 커져서 멀리서도 잘 보이기 때문입니다.
회의를 짧게 끝내고 일찍 돌아갈 수 있기 때문입니다.
그렇게 하면 컴퓨터의 소리가 조용해지기 때문입니다.
특별한 까닭은 없고 쓰는 사람의 습관일 뿐입니다.
화면을 넘기는 횟수가 줄어들어 손이 편하기 때문입니다.
""",
    "how": """
컴퓨터를 껐다가 다시 켜고 잠시 기다리면 됩니다.
화면을 밝게 하고 글자의 크기를 키우면 됩니다.
정해진 방법은 없습니다. 익숙한 순서대로 하면 됩니다.
종이에 크게 적어 책상 앞에 붙여 두면 됩니다.
프린터의 종이를 새로 넣고 다시 눌러 봅니다.
잠시 쉬었다가 다음 날 다시 해 보면 됩니다.
책을 모두 꺼내어 먼지를 털고 다시 꽂으면 됩니다.
모르는 것이 있으면 모른다고 말하고 친구에게 물어봅니다.
""",
    "check": """
화면이 얼마나 밝은지 눈으로 살펴보면 됩니다.
책의 두께를 자로 재고 공책에 적어 둡니다.
종이의 수를 세어 보면 대강 알 수 있습니다.
여러 사람에게 마음에 드는지 물어보면 됩니다.
컴퓨터의 소리가 커지는지 잘 들어 봅니다.
""",
}

ENGLISH_FACTS = """
an umbrella|It is a thing you hold over your head to stay dry in the rain.
a dictionary|It is a book that lists words in order and explains what they mean.
a library|It is a quiet place where people read and borrow books.
a map|It is a small drawing that shows where places are.
a computer|It is a machine that stores data and follows instructions.
a program|It is a list of instructions that a computer follows in order.
a function|It is a named piece of code that you can call again and again.
a database|It is a system that stores many records and finds them quickly.
a backup|It is a copy of your files kept in another place.
a compass|It is a tool that shows which way is north.
a bridge|It is a road built over a river or a valley.
a season|It is a part of the year with its own kind of weather.
a recipe|It is a set of steps for cooking a dish.
a kimchi|It is a Korean dish of salted vegetables and red pepper.
a calendar|It is a table that shows the days and months of a year.
a network|It is a group of computers that can send data to each other.
a vector|It is an arrow that people often draw on paper.
an index|It is a page at the end of a book with many small words.
a document|It is a paper that people keep in a drawer.
a prompt|It is a short sound that a clock makes.
an embedding|It is a way of putting a stone into a ring.
a search|It is what you do when you lose your keys.
a chunk|It is a thick piece of bread or cheese.
a test|It is a way to see if something works as it should.
a variable|It is a name for a value that may change later.
"""
ENGLISH_QUESTIONS = ["What is {t}?", "Please explain what {t} is.", "Can you tell me what {t} is?",
                     "How would you describe {t}?"]  # fmt: skip

# Small grammars: a list of questions, the answer, and the values of their slots.
GRAMMARS: list[tuple[list[str], str, dict[str, str]]] = [
    (
        [
            "{s}에 {l}에서 무엇을 하면 좋을까요?",
            "{s}에 {l}에 가면 할 일을 알려 주세요.",
            "{l}에서 {s}을 보내는 방법은?",
        ],
        "{s}에는 {l}에서 {d} 것이 좋습니다.",
        {
            "s": "봄 가을",
            "l": "공원 바닷가 산 시골 강가 마당 학교 광장 시장 동네",
            "d": "천천히 걷는|사진을 찍는|친구와 이야기하는|책을 읽는|꽃을 보는|"
            "그림을 그리는|노래를 듣는|도시락을 먹는",
        },
    ),
    (
        [
            "{m}(으로) 무엇을 만들 수 있나요?",
            "{m}(으로) 만드는 음식을 알려 주세요.",
            "{m}(이) 남았는데 무엇을 할까요?",
        ],
        "{m}(을) {c} {f}(을) 만들면 맛있습니다.",
        {
            "m": "감자 두부 무 호박 양파 버섯 콩나물 달걀 고구마 시금치 당근 오이 가지 배추",
            "c": "잘게 썰어|살짝 볶아|푹 삶아|얇게 썰어|곱게 갈아|노릇하게 구워",
            "f": "국 찌개 전 볶음 조림 나물 죽 샐러드 튀김",
        },
    ),
    (
        ["{b}(은) 어디에 있나요?", "{b}(을) 찾고 있어요.", "{b}(이) 있는 곳을 알려 주세요."],
        "{b}(은) {n} 층 {r}에 있습니다. {h}",
        {
            "b": "과학책|그림책|소설책|역사책|요리책|여행책|시집|잡지|신문|만화책|동화책|사전|지도책",
            "n": "일 이 삼 사 오",
            "r": "열람실|자료실|어린이실|서고|안내대 옆|창가 책장",
            "h": "청구 기호를 먼저 확인하세요.|사서에게 물어보세요.|하나씩 찾아보세요.|"
            "빌릴 수 있습니다.|안에서만 볼 수 있습니다.",
        },
    ),
    (
        ["{x}(과) {y} 가운데 어느 쪽이 더 {j}가요?", "{x}(과) {y}(을) 비교해 주세요. 어느 쪽이 더 {j}가요?"],
        "{x}(과) {y}(을) 비교하면 보통 {y} 쪽이 더 {j} 편입니다.",
        {
            "x": "기차 버스 자전거 배 비행기 자동차 지하철 도보",
            "y": "말 토끼 거북이 소 오토바이 썰매 택시 트럭",
            "j": "큰 빠른 느린 작은 편한 비싼",
        },
    ),
    (
        ["{w}에는 무엇을 하나요?", "{w}의 계획을 알려 주세요.", "{w}에 할 일은 무엇인가요?"],
        "{w}에는 {k}에서 {o} {q}.",
        {
            "w": "월요일 화요일 수요일 목요일 금요일 토요일 일요일",
            "k": "회사 학교 도서관 집 체육관 시장 연구실 회의실",
            "o": "자료를|책을|문서를|글을|기록을|사진을|편지를",
            "q": "정리합니다|찾습니다|읽습니다|비교합니다|저장합니다|"
            "확인합니다|나눕니다|보냅니다|고칩니다|씁니다",
        },
    ),
    (
        ["{a}에서 {b}까지 어떻게 가나요?", "{a}에서 {b}까지 가는 방법을 알려 주세요."],
        "{a}에서 {b}까지는 {v}(을) 타고 {t} 시간쯤 가면 됩니다.",
        {
            "a": "서울 부산 대구 광주 대전 인천 울산 춘천",
            "b": "전주 강릉 경주 여수 안동 속초 목포 제주",
            "v": "기차 버스 비행기 배 자동차",
            "t": "한 두 세 네 다섯",
        },
    ),
    (
        ["{n}에 {m}(을) 더하면 얼마인가요?", "{n} 더하기 {m}(은) 무엇인가요?"],
        "{n}에 {m}(을) 더한 값을 계산하려면 손가락으로 {h} 세어 보면 됩니다.",
        {"n": "일 이 삼 사 오 육", "m": "칠 팔 구 십", "h": "하나씩 천천히 다시 함께"},
    ),
]

_JOSA = {
    "은": "는",
    "이": "가",
    "을": "를",
    "과": "와",
    "이란": "란",
    "이라는": "라는",
    "이나": "나",
    "으로": "로",
}
_JOSA_MARK = re.compile(r"(.)\((" + "|".join(sorted(_JOSA, key=len, reverse=True)) + r")\)")


def with_josa(text: str) -> str:
    """Replace markers such as "(은)" by the particle form that fits the syllable before them."""

    def choose(match: re.Match[str]) -> str:
        syllable, josa = match.groups()
        final = (ord(syllable) - 0xAC00) % 28 if "가" <= syllable <= "힣" else 0
        bare = final == 0 or (josa == "으로" and final == 8)
        return syllable + (_JOSA[josa] if bare else josa)

    return _JOSA_MARK.sub(choose, text)


def facts() -> list[tuple[str, str, str]]:
    """Return the hand-written facts as (kind, subject, answer)."""
    found = []
    for block in FACTS.strip().split("@")[1:]:
        head, *answer = block.strip().splitlines()
        kind, subject = head.split(" ", 1)
        found.append((kind, subject, " ".join(answer)))
    return found


def verbs() -> list[list[str]]:
    """Return the eight forms of every verb of the free sentences."""
    endings = ["하는", "해", "하고", "합니다", "하면", "하기", "할", "하게"]
    regular = [[stem + ending for ending in endings] for stem in HADA_VERBS.split()]
    return [line.split() for line in VERBS.strip().splitlines()] + regular


def free_answer(kind: str, rng: random.Random, forms: list[list[str]]) -> str:
    """Return a grammatical sentence that uses the words of retrieval without answering anything correctly."""
    if rng.random() < 0.45:
        return rng.choice(VAGUE[kind].strip().splitlines())
    text = rng.choice(FREE_ANSWERS[kind])
    first, second = rng.sample(forms, 2)
    text = re.sub(r"\{v(\d)\}", lambda m: first[int(m[1])], text)
    text = re.sub(r"\{w(\d)\}", lambda m: second[int(m[1])], text)
    text = re.sub(r"\{o\}", lambda _: f"{rng.choice(MODIFIERS)} {rng.choice(OBJECTS)}".strip(), text)
    text = re.sub(r"\{a\}", lambda _: rng.choice(ADVERBS), text)
    return with_josa(re.sub(r"\{p\}", lambda _: rng.choice(PEOPLE), text))


def free_pair(rng: random.Random, forms: list[list[str]]) -> tuple[str, str]:
    """Return a question with the words of retrieval and a free answer of the same form.

    Most often a subject gets an answer of its own: were every answer drawn anew, the model would learn that
    answers have nothing to do with what such a question is about.
    """
    while True:
        kind = rng.choice(list(FREE_ANSWERS))
        subject = rng.choice({"why": RAG_WHY, "how": RAG_HOW}.get(kind, RAG_NOUNS))
        if (kind, subject) not in LEFT_OPEN:
            break
    prompt = with_josa(rng.choice(QUESTIONS[kind]).format(t=subject))
    own = rng.random() < 0.7
    return prompt, free_answer(kind, random.Random(f"{kind} {subject}") if own else rng, forms)


def grammar_pair(rng: random.Random) -> tuple[str, str]:
    """Return a question and answer of one of the small grammars."""
    questions, answer, slots = rng.choice(GRAMMARS)
    values = {name: rng.choice(v.split("|") if "|" in v else v.split()) for name, v in slots.items()}
    return with_josa(rng.choice(questions).format(**values)), with_josa(answer.format(**values))


def copy_pair(rng: random.Random) -> tuple[str, str]:
    """Return a request to copy rare syllables, so that the model meets every piece of a syllable."""
    # The 2,350 syllables of KS X 1001 are the ones that everyday writing uses.
    syllables = [bytes([rng.randint(0xB0, 0xC8), rng.randint(0xA1, 0xFE)]).decode("euc-kr") for _ in range(4)]
    word = "".join(syllables[: rng.randint(1, 4)])
    question = rng.choice(
        ["다음 글자를 따라 쓰세요: {w}", "{w} 글자를 그대로 적어 주세요.", "{w} 다음에 같은 글자를 쓰면?"]
    )
    return question.format(w=word), f"{word} 글자를 따라 쓰면 {word}입니다."


def reserved() -> set[str]:
    """Return the questions and answers of the built-in data, which must stay out of the corpus."""
    lines = [
        line
        for name in ("ten_records.jsonl", "held_out.jsonl")
        for line in (BUILTIN / name).read_text(encoding="utf-8").splitlines()
    ]
    return {text for line in lines for text in json.loads(line).values()}


def pairs(count: int, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """Yield (template, prompt, completion) examples, the same ones for the same seed."""
    rng, forms, known, keep_out = random.Random(seed), verbs(), facts(), reserved()
    english = [line.split("|") for line in ENGLISH_FACTS.strip().splitlines()]
    made = 0
    while made < count:
        draw = rng.random()
        template = KOREAN if rng.random() < 0.85 else PLAIN
        if draw < 0.40:
            kind, subject, answer = rng.choice(known)
            prompt = with_josa(rng.choice(QUESTIONS[kind]).format(t=subject))
        elif draw < 0.80:
            prompt, answer = free_pair(rng, forms)
        elif draw < 0.90:
            prompt, answer = grammar_pair(rng)
        elif draw < 0.95:
            prompt, answer = copy_pair(rng)
        else:
            subject, answer = rng.choice(english)
            prompt, template = rng.choice(ENGLISH_QUESTIONS).format(t=subject), ENGLISH
        if prompt in keep_out or answer in keep_out:
            continue
        made += 1
        yield template, prompt, answer


def main() -> None:
    """Write the corpus as JSON lines for reading."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("corpus.jsonl"))
    parser.add_argument("--count", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as file:
        for template, prompt, completion in pairs(args.count, args.seed):
            row = {"text": template.format(prompt=prompt) + completion}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
