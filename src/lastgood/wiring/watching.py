"""The signals of one instance that is watched."""

from __future__ import annotations

from collections.abc import Callable

from lastgood.adapters.signals.arms import Arm, Arms
from lastgood.adapters.signals.configured import Surroundings, configured_source
from lastgood.adapters.signals.exits import ExitSource
from lastgood.adapters.signals.probes import ProbeSource
from lastgood.adapters.signals.synthetic import SyntheticSource
from lastgood.domain.history import History
from lastgood.domain.system import Service, System
from lastgood.ports.runtime import Instance, Runtime
from lastgood.ports.signal import SignalSource
from lastgood.wiring.parts import secret


def sources(
    system: System,
    service: Service,
    instance: Instance,
    beside: Instance | None,
    history: Callable[[], History],
    ask_store: Callable[[str, str], str],
    runtime: Runtime,
) -> tuple[SignalSource, ...]:
    """All signals but the proxy's: probes, exits, and what the documents name."""

    arms = _arms(instance, beside, history)
    around = Surroundings(
        folder=system.folder,
        notes=system.state / "signals",
        read_secret=lambda reference: secret(reference, system.folder),
        ask_store=ask_store,
        find=runtime.find,
    )
    probes = (*service.readiness, *system.detection.probes)
    return (
        ProbeSource(probes, instance.instance_id, instance.host, instance.port, system.folder),
        ExitSource(runtime, instance.instance_id),
        *(configured_source(signal, arms, around) for signal in system.detection.signals),
    )


def written(
    system: System,
    instance: Instance,
    beside: Instance | None,
    history: Callable[[], History],
    wanted: Callable[[], bool],
) -> tuple[SignalSource, ...]:
    """Written requests, where the documents have some."""
    if system.detection.synthetic is None:
        return ()
    return (SyntheticSource(system.detection.synthetic, _arms(instance, beside, history), wanted),)


def _arms(instance: Instance, beside: Instance | None, history: Callable[[], History]) -> Arms:
    def arm(instance: Instance) -> Arm:
        release = history().releases.get(instance.release_id)
        return Arm(instance, release.label if release is not None else instance.release_id)

    return Arms(arm(instance), arm(beside) if beside is not None else None)
