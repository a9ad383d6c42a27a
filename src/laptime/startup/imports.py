"""Imports that a run does not need, put off until something of theirs is really used.

transformers, peft and torch pull in the compiler, sharding over many machines and scipy when they are
imported, and transformers reads the source of every model that it knows: two of the five seconds that a
run would spend before its first step. After `defer_imports` those modules are empty in `sys.modules`;
whatever is asked of one that is not answered here imports it for real, and from then on everything is as
if it had never been put off.
"""

from __future__ import annotations

import functools
import importlib
import operator
import sys
import threading
from collections.abc import Callable, Collection
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

SYMBOLIC_SHAPES = "torch.fx.experimental.symbolic_shapes"
# Each module with the names that others import from it without using them in a run.
DEFERRED: dict[str, tuple[str, ...]] = {
    "scipy.optimize": ("linear_sum_assignment",),
    "sympy": ("Basic",),
    "torch._dynamo": (),
    "torch._dynamo._trace_wrapped_higher_order_op": ("TransformGetItemToIndex",),
    "torch._dynamo.eval_frame": ("OptimizedModule",),
    "torch.distributed.fsdp": ("FullyShardedDataParallel",),
    "torch.distributed.fsdp.fully_sharded_data_parallel": ("FullyShardedDataParallel",),
    "torch.distributed.tensor": ("DTensor",),
    SYMBOLIC_SHAPES: ("guarding_hint_or_throw", "has_guarding_hint"),
}
OPTIONAL = ("bitsandbytes",)  # PEFT imports it with its layers wherever it is installed: a second and 0.1 GB
PROBES = "transformers.utils.import_utils"  # what is installed, and which models there are
_LOCK = threading.RLock()
_asleep: set[str] = set()  # the names of DEFERRED that are put off now
_marks: list[tuple[str, Any]] = []  # what torch._dynamo will be told when it is imported


def defer_imports() -> None:
    """Put off every module of DEFERRED that is not imported yet; call it before torch is imported."""
    _asleep.update(name for name in DEFERRED if name not in sys.modules)
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())


def hide_libraries(needed: Collection[str]) -> None:
    """Let libraries of OPTIONAL that are not `needed` seem not to be installed, in this process alone."""
    for name in OPTIONAL:
        if name not in needed:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what `import` takes for absent


def num_deferred() -> int:
    """Return how many modules are put off now."""
    return len(_asleep)


def is_deferred(name: str) -> bool:
    """Say whether the module is put off and still not imported."""
    return name in _asleep


def belongs(name: str, package: str) -> bool:
    """Say whether `name` is `package` or a module in it."""
    return name == package or name.startswith(package + ".")


def wake(name: str) -> None:
    """Import the deferred package that `name` is or lies in, and all of it that was put off with it."""
    with _LOCK:
        root = min((other for other in _asleep if belongs(name, other)), default=name)
        family = sorted(other for other in _asleep if belongs(other, root))
        _asleep.difference_update(family)
        for other in family:
            if isinstance(sys.modules.get(other), Deferred):
                del sys.modules[other]
                package, _, child = other.rpartition(".")
                if package in sys.modules:
                    vars(sys.modules[package]).pop(child, None)
    for other in family:  # parents first; without the lock, for imports have locks of their own
        importlib.import_module(other)
    if "torch._dynamo" in family:
        for mark, function in _marks:
            getattr(sys.modules["torch._dynamo"], mark)(function)
        _marks.clear()


class Deferred(ModuleType):
    """An empty module in the place of one that is put off; once that is imported it speaks for it."""

    def __getattr__(self, name: str) -> Any:
        if self.__name__ in _asleep:
            if name.startswith("__"):  # asked by who goes over all modules
                raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
            if f"{self.__name__}.{name}" in _asleep:
                return importlib.import_module(f"{self.__name__}.{name}")
            if name in DEFERRED[self.__name__]:
                return StandIn(self.__name__, name)
            if name in ANSWERS.get(self.__name__, {}):
                return ANSWERS[self.__name__][name]
            wake(self.__name__)
        return getattr(importlib.import_module(self.__name__), name)


class StandIn:
    """In the place of a class or function that is put off; to use it imports its module."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def _real(self) -> Any:
        if self._module in _asleep:
            wake(self._module)
        return getattr(importlib.import_module(self._module), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        # What was never imported has no instances.
        return self._module not in _asleep and isinstance(instance, self._real())

    def __subclasscheck__(self, kind: type) -> bool:
        return self._module not in _asleep and issubclass(kind, self._real())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._real(),)

    def __or__(self, other: Any) -> Any:
        return self._real() | other

    def __ror__(self, other: Any) -> Any:
        return other | self._real()


def disable(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Answer torch._dynamo.disable: while there is no compiler, nothing has to be kept from it."""
    if function is None:
        return lambda function: disable(function, *args, **kwargs)
    if not isinstance(function, FunctionType):
        return importlib.import_module("torch._dynamo.decorators").disable(function, *args, **kwargs)
    disabled: list[Any] = []

    @functools.wraps(function)
    def call(*call_args: Any, **call_kwargs: Any) -> Any:
        if is_deferred("torch._dynamo"):
            return function(*call_args, **call_kwargs)
        if not disabled:
            disabled.append(importlib.import_module("torch._dynamo").disable(function, *args, **kwargs))
        return disabled[0](*call_args, **call_kwargs)

    return call


def mark_later(mark: str) -> Callable[[Any], Any]:
    """Return a decorator that leaves a function as it is and tells torch._dynamo once it is imported."""

    def decorate(function: Any) -> Any:
        _marks.append((mark, function))
        return function

    return decorate


def answer_plainly(name: str, answers: Callable[..., bool]) -> Callable[..., Any]:
    """Return a function of symbolic_shapes that knows what to say of plain numbers and shapes."""

    def answer(*values: Any, **options: Any) -> Any:
        if not options and all(is_plain(value) for value in values):
            return answers(*values)
        wake(SYMBOLIC_SHAPES)
        return getattr(importlib.import_module(SYMBOLIC_SHAPES), name)(*values, **options)

    return answer


def is_plain(value: Any) -> bool:
    """Say whether this is a number, a truth value or a shape with nothing symbolic in it."""
    return type(value) in (bool, int) or (
        isinstance(value, tuple | list) and all(type(size) is int for size in value)
    )


def equal(value: Any, other: Any) -> bool:
    """Compare two plain numbers or shapes, be they lists or tuples."""
    return value == other if isinstance(value, int) else tuple(value) == tuple(other)


# What is asked at every import, at every optimizer step and for every empty model.
ANSWERS: dict[str, dict[str, Callable[..., Any]]] = {
    "torch._dynamo": {
        "allow_in_graph": mark_later("allow_in_graph"),
        "assume_constant_result": mark_later("assume_constant_result"),
        "disable": disable,
        "graph_break": lambda msg="": None,
        "is_compiling": lambda: False,
    },
    SYMBOLIC_SHAPES: {
        "expect_true": answer_plainly("expect_true", bool),
        "guard_or_false": answer_plainly("guard_or_false", bool),
        "guard_or_true": answer_plainly("guard_or_true", bool),
        "guard_size_oblivious": answer_plainly("guard_size_oblivious", bool),
        "statically_known_true": answer_plainly("statically_known_true", bool),
        "is_nested_int": answer_plainly("is_nested_int", lambda value: False),
        "sym_eq": answer_plainly("sym_eq", equal),
        "sym_and": lambda value, *others: functools.reduce(operator.and_, others, value),
        "sym_or": lambda value, *others: functools.reduce(operator.or_, others, value),
    },
}


class Finder:
    """Gives empty modules for what is put off; any other module in one of those imports it first."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return how to make the empty module; None for what is imported as ever."""
        if name in _asleep:
            return ModuleSpec(name, Given(Deferred(name)), is_package=True)  # type: ignore[arg-type]
        if name == PROBES:
            return find_probes(path)
        package = next((other for other in _asleep if belongs(name, other)), None)
        if package is None:
            return None
        wake(package)
        return ModuleSpec(name, Given(importlib.import_module(name)))  # type: ignore[arg-type]


class Given:
    """Loads a module that exists already."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return the empty module itself; a real one keeps its own spec."""
        return self.module if isinstance(self.module, Deferred) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module where the import looks for it."""
        sys.modules[module.__name__] = self.module


def find_probes(path: Any) -> ModuleSpec | None:
    """Return the spec of the module with which transformers looks for its models, made fast."""
    finders = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    spec = next((s for finder in finders if (s := finder.find_spec(PROBES, path, None))), None)
    if spec is not None and spec.loader is not None:
        execute = spec.loader.exec_module

        def execute_and_change(module: ModuleType) -> None:
            execute(module)
            make_import_fast(module)

        spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
    return spec


def make_import_fast(module: ModuleType) -> None:
    """Let transformers pass by sharding, and find the names of all models in a sixth of the time.

    A run is one process, as on a build of torch without torch.distributed. The search goes over every
    line of 36 MB of source, and does so twice because its own memory is too small; its result stays.
    """
    if hasattr(module, "is_torch_distributed_available"):
        module.is_torch_distributed_available = lambda: False  # type: ignore[attr-defined]
        importlib.import_module("torch.distributed.tensor")  # PEFT counts on transformers having done so
    if hasattr(module, "fetch__all__"):
        fetch = module.fetch__all__
        # The last line that starts with __all__ decides, and what follows it.
        module.fetch__all__ = lambda text: fetch(text[text.rfind("\n__all__") + 1 :])  # type: ignore[attr-defined]
    if scan := getattr(getattr(module, "create_import_structure_from_path", None), "__wrapped__", None):
        module.create_import_structure_from_path = functools.cache(scan)  # type: ignore[attr-defined]
