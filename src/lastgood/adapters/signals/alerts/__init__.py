"""Signal `alerts`: alerts that began with the release, from Alertmanager's API or its webhook."""

from lastgood.adapters.signals.alerts.source import alerts_source

__all__ = ["alerts_source"]
