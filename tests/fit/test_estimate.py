"""From counts to ratios."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution.ratios import RATIOS
from ratiofit.estimate import Counts, count, expected, fit
from ratiofit.records import Case


def fitted(name: str, counts: Counts) -> float:
    return fit({name: counts})[name].ratio


def case(scenario: str, truth: str, *signals: str, says: str = "path", **more: object) -> Case:
    made = Case(scenario, "fit", "client", "analyze reset v4", truth, dict.fromkeys(signals, says),
                truth, truth, 0.9, 7, True)  # fmt: skip
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_a_few_of_a_few_do_not_become_infinite() -> None:
    assert fitted("ttl_differs", Counts("path", 3, 3, 0, 3)) == RATIOS["ttl_differs"].ratio


def test_false_firings_lower_a_ratio_the_more_the_rarer_they_should_be() -> None:
    some = fitted("ttl_differs", Counts("path", 5, 10, 3, 100))
    many = fitted("ttl_differs", Counts("path", 5, 10, 30, 100))
    assert RATIOS["ttl_differs"].ratio > some > many >= 1


def test_as_many_as_expected_change_nothing() -> None:
    row = RATIOS["data_after"]
    wanted = expected(row, Counts("path", 8, 10, 0, 500))
    assert fitted("data_after", Counts("path", 8, 10, wanted, 500)) == row.ratio


def test_no_ratio_turns_against_what_it_says() -> None:
    assert fitted("seq_ahead", Counts("path", 0, 10, 90, 90)) == 1


def test_where_habits_differ_from_the_labs_silence_raises_nothing() -> None:
    silent = Counts("path", 9, 10, 0, 5000)
    assert fitted("ttl_on_link", silent) == RATIOS["ttl_on_link"].ratio


def test_what_rests_on_rules_rises_within_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    low = replace(RATIOS["acks_after"], ratio=8.0)
    monkeypatch.setitem(RATIOS, "acks_after", low)
    assert fitted("acks_after", Counts("path", 9, 10, 0, 5000)) == 20


def test_imitators_of_the_lab_count_little() -> None:
    """Of the same counts, those of what can be copied move the ratio less."""
    copied = fitted("ip_id_continuous", Counts("end", 60, 100, 3, 12))
    by_rule = fitted("captured_near_sender", Counts("end", 60, 100, 3, 12))
    assert RATIOS["ip_id_continuous"].ratio == RATIOS["captured_near_sender"].ratio
    assert by_rule < copied < RATIOS["ip_id_continuous"].ratio


def test_a_signal_without_weight_is_not_fitted() -> None:
    assert fit({"reply_form": Counts("end", 1, 2, 3, 4), "not_in_the_table": Counts("path")}) == {}


def test_a_scenario_counts_once() -> None:
    shown = [case("one", "path", "df_clear"), case("one", "path"), case("two", "responder")]
    counts = count([*shown, *(case("two", "responder", "df_clear") for _ in range(3))])
    assert counts["df_clear"] == Counts("path", 0.5, 1, 0.75, 1)


def test_what_the_report_does_not_tell_is_not_counted() -> None:
    counts = count([case("one", "path", "df_clear"), case("two", "responder", told=False)])
    assert counts["df_clear"] == Counts("path", 1, 1, 0, 0)


def test_only_where_a_signal_can_be_asked() -> None:
    other = case("two", "responder", ground="analyze reset v6")
    counts = count([case("one", "path", "df_clear"), other])
    assert counts["df_clear"].false == 0


def test_without_a_reset_nobody_knows_who_sent_the_packet() -> None:
    blamed = case("two", "path", "ttl_same", says="responder", frame=0, ground="tcp.data_timeout")
    counts = count([case("one", "responder", "ttl_same", says="responder"), blamed])
    assert counts["ttl_same"] == Counts("end", 1, 1, 0, 0)
