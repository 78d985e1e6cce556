"""Traces for a collector, by OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing of it is loaded.

Spans hold what was called, never with what: no text of a query, no parameters, paths, headers or bodies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.signals import connection_created

from apps.infra import tracing
from apps.infra.tracing import Span

ENDPOINT = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
OPERATION = re.compile(r"\s*([A-Za-z]+)")
TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE)\s+"?([a-z]+_[a-z_]+)')


def start() -> None:
    """Once in each process, after it was forked."""
    if not any(os.environ.get(name) for name in ENDPOINT) or tracing.is_used():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "infloo")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))  # drops spans where its queue is full
    RedisInstrumentor().instrument(tracer_provider=provider)  # writes "?" for what a command is given
    collector = Collector(provider.get_tracer("infloo"))
    connection_created.connect(collector.watch, weak=False)
    tracing.use(collector)


class Collector:
    """A `tracing.Tracer`."""

    def __init__(self, tracer: Any) -> None:
        self._tracer = tracer

    @contextmanager
    def span(self, kind: str, name: str, traceparent: str) -> Iterator[Span]:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent}) if traceparent else None
        opened = self._tracer.start_as_current_span(
            name, parent, kind=SpanKind[kind.upper()], record_exception=False, set_status_on_exception=False
        )
        with opened as current:
            known = current.get_span_context()
            yield Span(f"{known.trace_id:032x}", f"{known.span_id:016x}", bool(known.trace_flags.sampled), open=current)

    def watch(self, connection: Any, **options: Any) -> None:
        """Have a span for each query of a connection."""
        if self._query not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._query)

    def _query(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        from opentelemetry.trace import SpanKind

        text = sql if isinstance(sql, str) else ""
        operation = found[1].upper() if (found := OPERATION.match(text)) else "SQL"
        table = found[1] if (found := TABLE.search(text)) else ""
        attributes = {"db.system.name": "postgresql", "db.operation.name": operation, "db.collection.name": table}
        with self._tracer.start_as_current_span(
            f"{operation} {table}".strip(),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ):
            return execute(sql, params, many, context)
