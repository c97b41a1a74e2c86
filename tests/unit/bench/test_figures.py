"""A benchmark's arithmetic is as much a promise as its figures."""

import random

import pytest

from bench.figures import Bar, Latencies, Schedule, Spread, median_interval, percentile, ratios


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1), (0.07, 7)],
)
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, expected: int):
    values = [float(n) for n in range(1, 101)]
    random.Random(1).shuffle(values)

    assert percentile(values, share) == expected


def test_the_99th_percentile_of_few_values_is_the_worst_of_them():
    """Rounding down would hide the one slow lead of a short run."""
    assert percentile([5.0, 1.0, 900.0], 0.99) == 900.0


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_a_percentile_of_nothing_is_an_error(values: list[float], share: float):
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)


def test_the_median_of_runs_ignores_one_bad_run():
    spread = Spread.of([10_000.0, 400.0, 9_000.0])

    assert spread.median == 9_000.0
    assert spread.shown() == "9,000 (400–10,000)"


def test_one_run_is_shown_without_a_range():
    assert Spread.of([1234.56]).shown(1) == "1,234.6"


def test_nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])


def test_a_ratio_is_taken_within_each_run():
    """Both were three times slower in the second run: no difference between them; the ratio of medians would be 4."""
    measured, floor = Spread.of([600.0, 200.0, 800.0]), Spread.of([300.0, 100.0, 100.0])

    assert ratios(measured, floor).values == (2.0, 2.0, 8.0)
    assert ratios(measured, floor).median == 2.0


def test_a_ratio_of_different_runs_is_refused():
    with pytest.raises(ValueError, match="zip"):
        ratios(Spread.of([1.0, 2.0]), Spread.of([1.0]))


@pytest.mark.parametrize(
    ("got", "at_least", "reached"),
    [(1.5, True, True), (1.49, True, False), (1.5, False, True), (1.51, False, False)],
)
def test_a_bar_is_reached_on_its_good_side_only(got: float, at_least: bool, reached: bool):
    bar = Bar("a ratio", 1.5, got, at_least=at_least)

    assert bar.is_reached is reached
    assert ("missed" in bar.shown()) is not reached


def test_latency_counts_from_when_a_lead_was_due():
    """Ten a second, and a stall of a second: what was due meanwhile waited, however quick it was once sent."""
    schedule = Schedule(start=100.0, rate=10.0, count=10)
    seen = [101.0] * 10

    latencies = schedule.latencies_ms(seen)

    assert latencies == pytest.approx([1000 - 100 * n for n in range(10)])


def test_only_leads_due_in_the_window_count():
    schedule = Schedule(start=0.0, rate=1.0, count=5)

    latencies = schedule.latencies_ms([0.5, 1.5, 2.5, None, 4.5], since=1.0, until=4.0)

    assert latencies == pytest.approx(
        [500.0, 500.0]
    )  # 0 is warm-up, 3 never came, 4 is after the end


def test_latencies_are_summed_up_by_rank():
    found = Latencies.of([float(n) for n in range(1, 1001)])

    assert found == Latencies(count=1000, p50=500.0, p95=950.0, p99=990.0, max=1000.0)


def test_the_interval_of_a_median_comes_from_the_order_of_nine_values() -> None:
    low, high, confidence = median_interval([5, 1, 9, 2, 8, 3, 7, 4, 6])

    assert (low, high) == (2, 8)
    assert confidence == pytest.approx(0.961, abs=0.001)


def test_too_few_values_give_all_of_them_and_say_how_sure_that_is() -> None:
    assert median_interval([3.0, 1.0]) == (1.0, 3.0, 0.5)
    with pytest.raises(ValueError, match="nothing"):
        median_interval([])
