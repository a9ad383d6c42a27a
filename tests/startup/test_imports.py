"""What is put off stays away while it is not used, and is the real thing as soon as it is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.commands import laptime

BEGIN = """
import sys
from laptime.startup.imports import defer_imports, is_deferred
defer_imports()
"""


def run_python(code: str) -> str:
    """Run code in a fresh interpreter, for nothing may be imported before."""
    words = [sys.executable, "-c", BEGIN + textwrap.dedent(code)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_run_imports_neither_compiler_nor_sympy() -> None:
    code = """
        import laptime.training.run, peft, torch
        layer = torch.nn.Linear(2, 2)
        torch.optim.AdamW(layer.parameters()).step()
        with torch.device("meta"):
            (1.0 / torch.arange(0, 8, 2) ** 2).sum()
        print([name for name in ("sympy", "torch._dynamo", "torch.distributed.tensor", "scipy.optimize")
               if not is_deferred(name)],
              [name for name in ("torch._inductor", "sympy.core", "scipy.linalg") if name in sys.modules])
    """
    assert run_python(code) == "[] []"


def test_the_compiler_works_once_it_is_asked_for() -> None:
    code = """
        import torch
        traced = []
        @torch.compiler.disable
        def hidden(x):
            traced.append(torch.compiler.is_compiling())
            return x + 1
        assert hidden(torch.ones(())).item() == 2 and is_deferred("torch._dynamo")
        compiled = torch.compile(lambda x: hidden(x) * 2, backend="eager")
        print(compiled(torch.ones(())).item(), traced, is_deferred("torch._dynamo"),
              isinstance(torch.compile(torch.nn.Linear(1, 1)), torch._dynamo.eval_frame.OptimizedModule))
    """
    assert run_python(code) == "4.0 [False, False] False True"


def test_stand_ins_become_what_they_stand_for() -> None:
    code = """
        import torch
        from scipy.optimize import linear_sum_assignment
        from torch.distributed.tensor import DTensor
        assert not isinstance(torch.ones(1), DTensor) and not issubclass(torch.Tensor, DTensor)
        assert is_deferred("torch.distributed.tensor")
        from torch.distributed.tensor import Replicate
        import torch.distributed.tensor.placement_types
        real = torch.distributed.tensor.DTensor
        class Child(DTensor):
            pass
        assert issubclass(Child, real) and issubclass(real, DTensor) and Replicate() == Replicate()
        rows, columns = linear_sum_assignment([[2, 1], [1, 2]])
        import sympy
        print(columns.tolist(), is_deferred("torch.distributed.tensor"), sympy.Integer(2) + 3)
    """
    assert run_python(code) == "[1, 0] False 5"


def test_symbolic_shapes_answer_as_the_real_ones() -> None:
    code = """
        import importlib, torch
        from laptime.startup.imports import ANSWERS, SYMBOLIC_SHAPES
        calls = {"expect_true": [(True,), (False,)], "guard_or_false": [(True,), (False,)],
                 "guard_or_true": [(True,), (False,)], "guard_size_oblivious": [(True,), (False,)],
                 "statically_known_true": [(True,), (False,)],
                 "is_nested_int": [(3,)], "sym_and": [(True,), (True, False, True)],
                 "sym_or": [(False,), (False, True)],
                 "sym_eq": [(2, 2), (2, 3), ((1, 2), [1, 2]), ((1, 2), (1, 3)), ((1,), (1, 2)), ((), [])]}
        assert calls.keys() == ANSWERS[SYMBOLIC_SHAPES].keys()
        answers = {n: [ANSWERS[SYMBOLIC_SHAPES][n](*c) for c in calls[n]] for n in calls}
        assert is_deferred(SYMBOLIC_SHAPES)
        importlib.import_module(SYMBOLIC_SHAPES).ShapeEnv
        real = sys.modules[SYMBOLIC_SHAPES]
        print(answers == {n: [getattr(real, n)(*c) for c in calls[n]] for n in calls},
              is_deferred(SYMBOLIC_SHAPES))
    """
    assert run_python(code) == "True False"


def test_transformers_finds_the_same_models() -> None:
    code = """
        import functools, importlib.util, pathlib
        from transformers.utils import import_utils as fast
        assert fast.create_import_structure_from_path.cache_parameters()["maxsize"] is None
        spec = importlib.util.spec_from_file_location("transformers.utils.original", fast.__file__)
        slow = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(slow)
        models = str(pathlib.Path(fast.__file__).parents[1] / "models")
        found = fast.define_import_structure(models)
        print(found == slow.define_import_structure(models), sum(map(len, found.values())) > 1000)
    """
    assert run_python(code) == "True True"


def test_a_library_that_is_not_needed_seems_absent_and_a_needed_one_stays() -> None:
    code = """
        import importlib.util
        from laptime.startup.imports import OPTIONAL, hide_libraries
        hide_libraries({"", *OPTIONAL})
        assert not any(name in sys.modules for name in OPTIONAL)
        hide_libraries({""})
        from peft.import_utils import is_bnb_4bit_available, is_bnb_available
        found = [importlib.util.find_spec(name) for name in OPTIONAL]
        print(found, is_bnb_available(), is_bnb_4bit_available())
    """
    assert run_python(code) == "[None] False False"


@pytest.mark.parametrize(("words", "imported"), [([], False), (["--without", "light_imports"], True)])
def test_a_run_of_lora_does_not_import_quantisation(tmp_path: Path, words: list[str], imported: bool) -> None:
    """PEFT would, wherever bitsandbytes is installed."""
    package = tmp_path / "site" / "bitsandbytes"
    package.mkdir(parents=True)
    mark = tmp_path / "imported"
    code = f"import types, pathlib; pathlib.Path({str(mark)!r}).touch(); nn = types.SimpleNamespace()"
    (package / "__init__.py").write_text(code, encoding="utf-8")
    path = f"{tmp_path / 'site'}:{':'.join(sys.path)}"
    laptime(
        tmp_path, "train", "--max-steps", "1", "--max-questions", "0", "--out", "run", *words, PYTHONPATH=path
    )
    assert mark.exists() == imported
