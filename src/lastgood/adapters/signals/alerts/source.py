"""AlertsSource: how many alerts burn, and which of them began since the release."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from lastgood.adapters.signals.alerts.burning import MOST_ALERTS, Alert, Before, matches, read_alert
from lastgood.adapters.signals.alerts.webhook import Webhook
from lastgood.adapters.signals.arms import Arms
from lastgood.adapters.signals.asking import Server, Servers
from lastgood.adapters.signals.looking import Look, LookingSource, Unseen
from lastgood.adapters.signals.notes import Notes
from lastgood.adapters.signals.repeating import utc_now
from lastgood.domain.errors import LastgoodError
from lastgood.domain.signal import Reading
from lastgood.domain.system import fill
from lastgood.domain.watching import AlertsOfAlertmanager, WatchedSignal, in_promql, tells_apart

_NAMES_SHOWN = 5

Matchers = Mapping[str, tuple[str, ...]]
"""Instance ("" for the service as a whole) -> its matchers, filled in."""


def alerts_source(
    signal: WatchedSignal,
    seen: AlertsOfAlertmanager,
    arms: Arms,
    read_secret: Callable[[str], str],
    notes: Notes,
) -> LookingSource:
    chosen = arms.both() if tells_apart(seen.matchers) else (arms.new,)
    matchers = {
        arm.id if tells_apart(seen.matchers) else "": tuple(
            fill(matcher, in_promql(arm.places())) for matcher in seen.matchers
        )
        for arm in chosen
    }
    webhooks: list[Webhook] = []

    def begin() -> Look:
        if seen.listen:
            asked = _told_by(seen, read_secret, webhooks)
        else:
            asked = _asked_of(Servers(seen.access, signal.limit, read_secret))
        return _Looking(signal, seen, arms, matchers, asked, notes).look

    def end() -> None:
        while webhooks:
            webhooks.pop().close()

    return LookingSource(signal.name, signal.every, tuple(matchers), begin, end)


_Burning = Callable[[Matchers], Mapping[str, Sequence[Alert]]]


def _asked_of(servers: Servers) -> _Burning:
    def of_server(server: Server, matchers: tuple[str, ...]) -> tuple[Alert, ...]:
        states = (("active", "true"), ("silenced", "false"), ("inhibited", "false"))
        filters = tuple(("filter", matcher) for matcher in matchers)
        told = server.get("/api/v2/alerts", (*states, *filters))
        if not isinstance(told, list):
            raise Unseen("its answer is none of Alertmanager")
        if len(told) > MOST_ALERTS:
            raise Unseen(f"{len(told):,} alerts burn; select fewer")
        return tuple(read_alert(alert) for alert in told)

    def burning(matchers: Matchers) -> Mapping[str, Sequence[Alert]]:
        return servers.ask(
            lambda server: {one: of_server(server, wanted) for one, wanted in matchers.items()}
        )

    return burning


def _told_by(
    seen: AlertsOfAlertmanager, read_secret: Callable[[str], str], webhooks: list[Webhook]
) -> _Burning:
    def token() -> str:
        try:
            return read_secret(seen.token).strip()
        except (LastgoodError, OSError) as error:
            raise Unseen(f"the secret {seen.token} is not there") from error

    def burning(matchers: Matchers) -> Mapping[str, Sequence[Alert]]:
        if not webhooks:
            raise Unseen(f"nobody can listen on {seen.listen}: another program does, or it is not ours")
        alerts = webhooks[0].burning()
        return {
            one: [alert for alert in alerts if matches(alert.labels, wanted)]
            for one, wanted in matchers.items()
        }

    host, _, port = seen.listen.rpartition(":")
    with suppress(OSError):  # each look says that nobody listens
        webhooks.append(Webhook(host.strip("[]"), int(port), token))
    return burning


class _Looking:
    def __init__(
        self,
        signal: WatchedSignal,
        seen: AlertsOfAlertmanager,
        arms: Arms,
        matchers: Matchers,
        burning: _Burning,
        notes: Notes,
    ) -> None:
        self._signal, self._matchers, self._burning, self._notes = signal, matchers, burning, notes
        self._note = f"{arms.new.id}-{signal.name}"
        noted = notes.read(self._note)
        noted = noted if isinstance(noted, dict) else {}
        settled = seen.settled_after.total_seconds()
        started_at = arms.new.instance.started_at
        self._before = {
            one: Before(started_at, settled, noted[one] if isinstance(noted.get(one), dict) else None)
            for one in matchers
        }
        self._looked_at = time.monotonic()
        self._early_until = self._looked_at + (2 * signal.every + signal.limit).total_seconds()
        self._by_webhook = bool(seen.listen)  # its first notification may well be of the release

    def look(self) -> tuple[Reading, ...]:
        burning = self._burning(self._matchers)
        now = time.monotonic()
        passed, self._looked_at = now - self._looked_at, now
        early = now < self._early_until and not self._by_webhook
        readings = tuple(self._reading(one, alerts, passed, early) for one, alerts in burning.items())
        self._notes.write(self._note, {one: before.noted for one, before in self._before.items()})
        return readings

    def _reading(self, instance_id: str, alerts: Sequence[Alert], passed: float, early: bool) -> Reading:
        counting = self._before[instance_id].since(alerts, passed, early)
        names = sorted({alert.name for alert in counting})
        return Reading(
            self._signal.name,
            "alert",
            instance_id,
            utc_now(),
            len(alerts),
            len(counting),
            ", ".join(names[:_NAMES_SHOWN]),
        )
