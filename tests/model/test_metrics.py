import pytest

from model.metrics import METRICS_FILE, MetricsLog, StepMetrics, read_metrics


def row(step, **more):
    return StepMetrics(
        step=step, tokens=step * 10, loss=3.5, learning_rate=1e-3, gradient_norm=0.5,
        seconds=0.1, tokens_per_second=100.0, **more,
    )  # fmt: skip


def test_each_step_is_on_disk_at_once_as_one_line(tmp_path):
    with MetricsLog(tmp_path, 0) as log:
        for step in (1, 2):
            log.add(row(step, validation_loss=2.0 if step == 2 else None))
            assert len((tmp_path / METRICS_FILE).read_text().splitlines()) == step
    assert read_metrics(tmp_path / METRICS_FILE) == log.rows
    assert log.rows[1].validation_loss == 2.0


def test_resuming_drops_the_steps_that_are_taken_again(tmp_path):
    with MetricsLog(tmp_path, 0) as log:
        for step in range(1, 6):
            log.add(row(step))
    with (tmp_path / METRICS_FILE).open("a") as file:
        file.write('{"step": 6, "tok')  # killed while writing
    with MetricsLog(tmp_path, 3) as log:
        assert [one.step for one in log.rows] == [1, 2, 3]
        log.add(row(4))
    assert [one.step for one in read_metrics(tmp_path / METRICS_FILE)] == [1, 2, 3, 4]


def test_a_log_that_is_not_there_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / METRICS_FILE) == []


def test_a_figure_that_is_no_number_cannot_be_noted():
    with pytest.raises(ValueError, match="finite"):
        row(1, validation_loss=float("nan"))
