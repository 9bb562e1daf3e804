"""Values that can't be used are refused, and the message has their path."""

from __future__ import annotations

import pytest

from tests.chart.rendering import RefusedError, render

REFUSED = [
    # misspelt keys
    ("api.replica: 3", "/api': additional properties 'replica'"),
    ("apis: {}", "at '': additional properties 'apis'"),
    ("workers.analysis.queue: [analysis]", "/workers/analysis': additional properties 'queue'"),
    ("workerDefaults.autoscaling.kind: hpa", "/workerDefaults/autoscaling': additional properties 'kind'"),
    ("workers.analysis.resources: {limit: {cpu: 1}}", "/workers/analysis/resources': additional properties 'limit'"),
    (
        "workers.analysis.resources: {limits: {mem: 1}}",
        "/workers/analysis/resources/limits': additional properties 'mem'",
    ),
    ("redis.external.password: secret", "/redis/external': additional properties 'password'"),
    ("otel.jaeger.persistence.retain: true", "/otel/jaeger/persistence': additional properties 'retain'"),
    # types
    ("api.replicas: many", "/api/replicas': got string, want integer"),
    ("api.replicas: 1.5", "/api/replicas"),
    ("redis.enabled: 'yes'", "/redis/enabled': got string, want boolean"),
    ("workers: [reports]", "/workers': got array, want object"),
    ("workers.analysis.queues: analysis", "/workers/analysis/queues': got string, want array"),
    ("workers.analysis.env: {A: b}", "/workers/analysis/env': got object, want array"),
    ("api.podAnnotations: {a: 1}", "/api/podAnnotations/a': got number, want string"),
    ("imagePullSecrets: [{name: registry}]", "/imagePullSecrets/0': got object, want string"),
    # numbers
    ("api.replicas: -1", "/api/replicas': minimum: got -1, want 0"),
    ("workers.analysis.concurrency: 0", "/workers/analysis/concurrency': minimum: got 0, want 1"),
    ("workers.analysis.concurrency: 101", "/workers/analysis/concurrency': maximum: got 101, want 100"),
    ("workers.analysis.graceSeconds: -1", "/workers/analysis/graceSeconds': minimum: got -1, want 0"),
    ("workers.analysis.graceSeconds: 3601", "/workers/analysis/graceSeconds': maximum"),
    (
        "workers.analysis.autoscaling.minReplicas: 0",
        "/workers/analysis/autoscaling/minReplicas': minimum: got 0, want 1",
    ),
    ("workerDefaults.autoscaling.minReplicas: 0", "/workerDefaults/autoscaling/minReplicas': minimum: got 0, want 1"),
    ("redis.external.port: 70000", "/redis/external/port': maximum: got 70,000, want 65,535"),
    ("app.maxColumns: 0", "/app/maxColumns': minimum"),
    ("workerDefaults.autoscaling.scaleDown.stabilizationWindowSeconds: 3601", "/stabilizationWindowSeconds': maximum"),
    # words
    ("app.logLevel: debug", "/app/logLevel': value must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'"),
    ("api.autoscaling.type: keda", "/api/autoscaling/type': value must be one of 'none', 'hpa'"),
    ("workers.analysis.autoscaling.type: vpa", "/workers/analysis/autoscaling/type': value must be one of"),
    ("image.pullPolicy: always", "/image/pullPolicy"),
    ("image.digest: abc", "/image/digest"),
    ("api.resources: {limits: {memory: 1 GB}}", "/api/resources/limits/memory"),
    ("redis.external.host: redis://redis", "/redis/external/host"),
    ("otel.endpoint: collector:4318", "/otel/endpoint"),
    ("otel.endpoint: https://user:password@collector", "/otel/endpoint"),
    ("app.traceUrl: https://jaeger.example.com", "/app/traceUrl"),
    ("metrics.interval: often", "/metrics/interval"),
    ("workers.Analysis: {queues: [analysis]}", "/workers': additional properties 'Analysis'"),
    ("workers.analysis.queues: ['a b']", "/workers/analysis/queues/0"),
    ("fullnameOverride: Reports", "/fullnameOverride"),
    # two at once
    ("workers.analysis.autoscaling: {hpa: {cpu: 50}, keda: {pollingSeconds: 5}}", "/workers/analysis/autoscaling"),
    ("workers.analysis.autoscaling: {type: keda, hpa: {cpu: 50}}", "/workers/analysis/autoscaling/hpa"),
    ("workers.analysis.autoscaling: {type: hpa, keda: {pollingSeconds: 5}}", "/workers/analysis/autoscaling/keda"),
    ("workers.analysis.autoscaling: {type: [hpa, keda]}", "/workers/analysis/autoscaling/type"),
    ("redis.external.host: redis.internal", "/redis/external/host"),
    # what is missing
    ("redis.enabled: false", "/redis/external/host': minLength"),
    ("ingress.enabled: true", "/ingress/hosts': minItems: got 0, want 1"),
    ("route.enabled: true", "/route/parentRefs': minItems: got 0, want 1"),
    ("{redis.enabled: false, redis.external: {host: redis, caSecret: ca}}", "/redis/external/tls"),
    # what only the merged values show
    ("workers.new: {}", "workers.new.queues is empty"),
    ("workers.analysis.autoscaling: {type: hpa, minReplicas: 20}", "workers.analysis.autoscaling.minReplicas is 20"),
    ("api.autoscaling: {type: hpa, minReplicas: 20}", "api.autoscaling.minReplicas is 20, but should be 6 at most"),
    (
        "{workerDefaults.resources: {requests: {cpu: null}}, workers.reports.autoscaling.type: hpa}",
        "workers.reports.resources.requests.cpu is not set",
    ),
    (f"workers.{'a' * 41}: {{queues: [a]}}", "/workers': additional properties"),
    (
        "{fullnameOverride: a-name-that-is-as-long-as-it-may-be-here, workers.a-long-name-of-a-group: {queues: [a]}}",
        "take a shorter one, or set fullnameOverride",
    ),
]


@pytest.mark.parametrize(("values", "message"), REFUSED, ids=[values for values, _ in REFUSED])
def test_it_is_refused(values: str, message: str) -> None:
    with pytest.raises(RefusedError) as refused:
        render(values=values)
    assert message in str(refused.value)
