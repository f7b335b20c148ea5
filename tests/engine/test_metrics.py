"""What Prometheus reads."""

from haat.engine import metrics


def test_a_request_is_counted_by_its_template_and_timed() -> None:
    meter = metrics.route("POST", "/v1/samples/{id}")
    meter.answered(201, 0.004)
    meter.answered(201, 0.2)
    meter.answered(409, 0.001)
    text = metrics.exposition().decode()
    assert 'haat_requests_total{method="POST",route="/v1/samples/{id}",status="201"} 2.0' in text
    assert 'haat_requests_total{method="POST",route="/v1/samples/{id}",status="409"} 1.0' in text
    assert 'haat_request_seconds_bucket{le="0.005",method="POST",route="/v1/samples/{id}"} 2.0' in text


def test_batches_and_followers_show() -> None:
    metrics.committer("sample").batch(12, 0.01, 3)
    metrics.follower("sample").dealt_with(5, 700, 0.25)
    text = metrics.exposition().decode()
    assert 'haat_queue_depth{committer="sample"} 3.0' in text
    assert 'haat_batch_size_sum{committer="sample"} 12.0' in text
    assert 'haat_follower_position{follower="sample"} 700.0' in text
    assert 'haat_follower_lag_seconds{follower="sample"} 0.25' in text


def test_messages_that_ended_badly_show() -> None:
    metrics.untold("sample", "failed", 3)
    assert 'haat_untold_messages_total{channel="sample",status="failed"} 3.0' in metrics.exposition().decode()
