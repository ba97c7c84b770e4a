"""Documents for tests: small option models, a whole valid system, and a way to write and load it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from lastgood.documents.fields import DocumentPath, Strict
from lastgood.documents.load import load
from lastgood.documents.options import OptionModels
from lastgood.domain.errors import DocumentsInvalid, Finding
from lastgood.domain.system import System


class SqliteOptions(Strict):
    kind: Literal["sqlite"]
    path: DocumentPath


class FilesOptions(Strict):
    kind: Literal["files"]
    path: DocumentPath


class ResticOptions(Strict):
    kind: Literal["restic"]
    location: DocumentPath


class RcloneOptions(Strict):
    kind: Literal["rclone"]
    location: DocumentPath
    remote: str = ""


class ProcessOptions(Strict):
    kind: Literal["process"]


class HaproxyOptions(Strict):
    kind: Literal["haproxy"]
    program: str = "haproxy"


OPTIONS = OptionModels(
    stores={"sqlite": SqliteOptions, "files": FilesOptions},
    vaults={"restic": ResticOptions, "rclone": RcloneOptions},
    runtimes={"process": ProcessOptions},
    traffic={"haproxy": HaproxyOptions},
)

SYSTEM = """\
kind: system
version: 1
name: shop
state: .state
services:
  - name: shop
    source: ..
    command: [python3, app.py, --port, "${port}"]
    environment:
      SHOP_DATABASE: "${stores.orders.path}"
      WORKERS: 2
    secrets:
      API_KEY: env:API_KEY
    shared:
      instance/app.db: "${stores.orders.path}"
    build: [python3, build.py]
    runtime: process
    traffic:
      kind: haproxy
      listen: 127.0.0.1:8080
      hold_limit: 10s
      drain_limit: 30s
    readiness:
      - http: /health
        statuses: [200, 204]
        every: 500ms
      - tcp: true
      - command: [python3, probe.py]
        name: probe
    ready_within: 30s
    stop_within: 10s
    stores: [orders, uploads]
  - name: worker
    command: python3 worker.py --queue 'new orders'
    runtime: {kind: process}
    depends_on: [shop]
stores:
  - name: orders
    kind: sqlite
    path: ../shop.db
  - name: uploads
    kind: files
    path: ../uploads
vaults:
  - name: local
    kind: restic
    location: ../../vault
    key: .state/keys/local.key
"""

OTHERS: Mapping[str, str] = {
    "rollback-detection.yml": """\
kind: rollback/detection
version: 1
false_alarm: 0.001
slow_after: 800ms
minimum_requests: 20
canary:
  - percent: 10
    at_least: 10s
    at_most: 5m
    minimum_requests: 50
bake: 5m
probes:
  - http: /deep
probe_failures: 3
crashes_tolerated: 0
no_traffic: probes
signals:
  - name: checkout-errors
    kind: prometheus
    servers: [https://metrics-1.example:9090, https://metrics-2.example:9090]
    token: env:PROMETHEUS_TOKEN
    certificates: authority.pem
    total: http_requests_total{instance="${host}:${port}"}
    bad: http_requests_total{instance="${host}:${port}",code=~"5.."}
    weight: 2.0
    every: 5s
    limit: 3s
    stale_after: 1m
    history: 7d
  - name: queue-depth
    kind: prometheus
    servers: [http://127.0.0.1:9090]
    user: ada
    password: file:prometheus-password
    query: sum(queue_depth)
    worse: both
  - name: pages
    kind: alerts
    servers: [http://127.0.0.1:9093]
    matchers: ['service="shop"', 'severity=~"page|critical"']
    settled_after: 10m
  - name: pages-told
    kind: alerts
    listen: 127.0.0.1:9095
    listen_token: env:ALERTS_TOKEN
    matchers: ['service="shop"']
  - name: error-lines
    kind: log
    path: ../logs/shop-${port}.log
    patterns: ['\\bDECLINED\\b']
    level_field: log.level
    at_least: warning
    new_kinds: false
  - name: unit-lines
    kind: journal
    matches: ["_SYSTEMD_UNIT=shop@${port}.service"]
    folder: /var/log/journal
  - name: orders-a-minute
    kind: sql
    store: orders
    query: SELECT count(*) FROM orders WHERE at > datetime('now', '-1 minute')
    worse: down
  - name: mails-waiting
    kind: command
    command: [python3, mails.py, --port, "${port}"]
    worse: up
  - name: leak
    kind: memory
    window: 5m
synthetic:
  per_second: 10
  limit: 1s
  weight: 0.5
  requests:
    - {method: GET, path: "/orders?limit=1"}
    - method: POST
      path: /orders
      body: '{"item": "tea", "quantity": 1}'
      content_type: application/json
      statuses: [201]
      writes: true
""",
    "automatic-rollback-triggers.yml": """\
kind: automatic/rollback/triggers
version: 1
on_failed: pause
on_undecided: promote
rollbacks_per_day: 3
quarantine: false
approval_for_rewind: false
ask_for: 5m
approval_to_promote: true
approve_within: 8h
cool_down: 30m
flapping: {times: 3, within: 2h}
quiet_hours: ["22:00-06:00", "fri 16:00-24:00", "sat-sun 00:00-24:00"]
time_zone: Europe/Berlin
""",
    "version-management.yml": """\
kind: version/management
version: 1
keep_releases: 7
exclude: [.git, "*.pyc"]
""",
    "data-consistency.yml": """\
kind: data/consistency
version: 1
on_rollback: keep
on_broken_invariant: rewind
rewind_at_most_rows: 100
hold_for_points: true
keep_replaced: 3d
invariants:
  - name: no-negative-totals
    store: orders
    query: SELECT count(*) FROM orders WHERE total < 0
    expect: 0
    every: 5s
    limit: 3s
""",
    "backup-automation.yml": """\
kind: backup/automation
version: 1
schedule: 15 */6 * * mon-fri
stores: [orders]
vaults: [local]
retention:
  last: 3
  hourly: 4
  daily: 5
  weekly: 6
  monthly: 7
verify: read
""",
    "data-replication.yml": """\
kind: data/replication
version: 1
minimum_vaults: 1
lag_limits:
  orders: 1h
""",
    "recovery-procedures.yml": """\
kind: recovery/procedures
version: 1
procedures:
  - name: database-lost
    when: The orders database is gone or damaged.
    steps:
      - restore: orders
        point: latest
      - procedure: prove
  - name: prove
    when: Someone doubts that the shop serves.
    steps:
      - check: shop
      - ask: Do the last orders look right?
      - command: [python3, tell.py]
        title: Tell the team
        limit: 30s
""",
    "business-continuity.yml": """\
kind: business/continuity
version: 1
purpose: People order things.
activities:
  - name: orders
    tier: 1
    services: [shop]
    rto: 15m
    rpo: 1h
    maximum_tolerable_downtime: 4h
  - name: reports
    tier: 3
    services: [worker]
    depends_on: [orders]
    rto: 1d
    rpo: 1d
roles:
  - name: incident-lead
    person: Ada
    contact: +44 20 0000 0000
    alternate: Grace
drill_every: 30d
""",
}

WHOLE: Mapping[str, str] = {"system.yml": SYSTEM, **OTHERS}


def write(folder: Path, documents: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in documents.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def loaded(folder: Path, documents: Mapping[str, str]) -> System:
    return load(write(folder, documents), OPTIONS)


def findings(folder: Path, documents: Mapping[str, str]) -> tuple[Finding, ...]:
    """The findings of these documents; empty when they load."""
    try:
        loaded(folder, documents)
    except DocumentsInvalid as invalid:
        return invalid.findings
    return ()
