"""What a file of options may say where the command line says it in another way."""

from __future__ import annotations

from laptime.options.commands import by_name, compare_options
from laptime.options.flags import read_config_value


def test_an_option_that_needs_no_value_is_switched_on_and_off() -> None:
    tune = by_name(compare_options())["tune"]
    assert [read_config_value(tune, value) for value in (True, False, 3)] == [5, None, 3]
