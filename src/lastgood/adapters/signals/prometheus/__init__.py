"""Signal `prometheus`: metrics, asked of Prometheus or of what speaks its API."""

from lastgood.adapters.signals.prometheus.source import prometheus_source

__all__ = ["prometheus_source"]
