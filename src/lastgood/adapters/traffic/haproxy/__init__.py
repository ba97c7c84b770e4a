"""Traffic through one HAProxy process a service.

The routes in force stand in the first line of the proxy's own configuration file, so that there is one
truth on disk: what a restarted proxy will do is what `routes()` says. A change is written there first
(aside, synced, renamed) and then enforced through the runtime socket, which fails no request.
Each instance is one server of the proxy, named by its instance id: a log line or a counter can never be
taken for that of another instance.
"""

from lastgood.adapters.traffic.haproxy.options import HAProxyOptions
from lastgood.adapters.traffic.haproxy.program import usable_haproxy
from lastgood.adapters.traffic.haproxy.proxy_process import proxy_pid
from lastgood.adapters.traffic.haproxy.traffic import HAProxyTraffic

__all__ = ["HAProxyOptions", "HAProxyTraffic", "proxy_pid", "usable_haproxy"]
