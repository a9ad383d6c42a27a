"""How the facts of the environment are called; one that is not here goes by its own name."""

from __future__ import annotations

from laptime.report.quantities import Lang

NAMES: dict[Lang, dict[str, str]] = {
    "en": {"environment": "environment variable", "notes": "note"},
    "ko": {
        # Machine
        "platform": "플랫폼",
        "cpu": "CPU",
        "gpu": "GPU",
        "cores": "코어",
        "memory_bytes": "메모리",
        "threads": "스레드",
        "device": "장치",
        "environment": "환경 변수",
        "gpu_count": "GPU 수",
        "gpu_memory_bytes": "GPU 메모리",
        "cuda": "CUDA",
        "driver": "드라이버",
        # Model and data
        "name": "이름",
        "architecture": "아키텍처",
        "parameters": "파라미터",
        "digest": "다이제스트",
        "records_digest": "레코드 다이제스트",
        "toy": "체험용 모델",
        "random_weights": "무작위 가중치",
        "shape": "구조",
        "hidden_size": "은닉 크기",
        "num_layers": "레이어",
        "vocabulary_size": "어휘 크기",
        "num_parameters": "파라미터",
        "head": "출력층",
        "template": "템플릿",
        "template_reason": "템플릿 선택 이유",
        "num_records": "레코드",
        "num_held_out": "평가용 레코드",
        "num_questions": "질문",
        "num_tokens": "토큰",
        "num_trained_tokens": "학습 대상 토큰",
        "num_cut": "잘린 레코드",
        "num_steps": "스텝",
        "loss_on": "손실 계산 대상",
        "encode_seconds": "인코딩 시간",
        "notes": "참고",
        # Training and methods
        "epochs": "에폭",
        "max_steps": "최대 스텝",
        "batch_size": "배치 크기",
        "gradient_accumulation": "그래디언트 누적",
        "learning_rate": "학습률",
        "schedule": "학습률 스케줄",
        "warmup_ratio": "학습률 워밍업 비율",
        "weight_decay": "가중치 감쇠",
        "max_grad_norm": "그래디언트 노름 상한",
        "seed": "시드",
        "precision": "정밀도",
        "gradient_checkpointing": "그래디언트 체크포인팅",
    },
}
