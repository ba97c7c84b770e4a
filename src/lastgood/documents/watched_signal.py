"""Signals in rollback-detection.yml: `{name: ..., kind: prometheus | alerts | log | ...}`."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema, model_validator

from lastgood.documents.fields import (
    Command,
    DocumentPath,
    Duration,
    Name,
    PositiveDuration,
    Strict,
)
from lastgood.documents.service import Listen, SecretReference
from lastgood.domain.watching import (
    Access,
    AlertsOfAlertmanager,
    Direction,
    ErrorLines,
    Journal,
    LogFile,
    Measure,
    MemoryGrowth,
    NumberCommand,
    PrometheusQuery,
    Seen,
    StoreQuery,
    WatchedSignal,
)

_MATCHER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\s*(=~|!~|!=|=)\s*\S.*", re.DOTALL)
_JOURNAL_MATCH = re.compile(r"[A-Z0-9_]+=.+")
_SELECTOR = re.compile(r"\s*[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{.*\})?\s*|\s*\{.*\}\s*", re.DOTALL)


def _server(value: str) -> str:
    try:
        url = urlsplit(value)
        right = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        right = False
    if not right or url.query or url.fragment:
        raise ValueError("is no address of a server; write one like http://127.0.0.1:9090")
    if "@" in url.netloc:
        raise ValueError("holds a user or a password; write them in user and password, or use token")
    return value.rstrip("/")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(
            f"is no regular expression ({error}); write one of Python's, like '\\bERROR\\b'"
        ) from error
    return value


def _matcher(value: str) -> str:
    if not _MATCHER.fullmatch(value):
        raise ValueError('is no matcher; write one like service="shop" or severity=~"page|critical"')
    return value


def _journal_match(value: str) -> str:
    if not _JOURNAL_MATCH.fullmatch(value):
        raise ValueError("is no match of the journal; write one like _SYSTEMD_UNIT=shop.service")
    return value


def _selector(value: str) -> str:
    if value and not _SELECTOR.fullmatch(value):
        raise ValueError(
            "is no plain counter; write its name and labels without functions, "
            'like http_requests_total{job="shop"}'
        )
    return value


def _log_path(value: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    return value if folder is None or not value else str(Path(folder) / value)


def _some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:  # a min_length would tell of an empty list where an entry is wrong, too
        raise ValueError("holds nothing; write at least one")
    return values


Server = Annotated[str, AfterValidator(_server), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
Pattern = Annotated[str, AfterValidator(_pattern)]
Matcher = Annotated[str, AfterValidator(_matcher)]
JournalMatch = Annotated[str, AfterValidator(_journal_match)]
Selector = Annotated[str, AfterValidator(_selector)]
LogPath = Annotated[str, AfterValidator(_log_path)]
Level = Literal["debug", "info", "notice", "warning", "error", "critical"]
Worse = Literal["up", "down", "both"]


class SignalEntry(Strict):
    """A signal that tells of a release."""

    name: Name = Field(description="What reports call it.")
    weight: float = Field(
        1.0, gt=0, le=1000, description="Its share of the evidence, against the weights of the others."
    )
    every: PositiveDuration = Field(timedelta(seconds=5), description="Time from one look to the next.")
    limit: PositiveDuration = Field(timedelta(seconds=5), description="No answer by then is unknown.")

    def to_domain(self) -> WatchedSignal:
        return WatchedSignal(
            name=self.name,
            measures=self._measures(),
            seen=self._seen(),
            direction=Direction(getattr(self, "worse", "up")),
            weight=self.weight,
            every=self.every,
            limit=self.limit,
            history=getattr(self, "history", timedelta(0)),
        )

    def _measures(self) -> Measure:
        return Measure.GAUGE

    def _seen(self) -> Seen:
        raise NotImplementedError


class ServersEntry(SignalEntry):
    """A signal that servers of the same data are asked for."""

    servers: Annotated[tuple[Server, ...], AfterValidator(_some)] = Field(
        description="Addresses; the first that answers is asked, and the next when it is gone."
    )
    token: SecretReference | None = Field(None, description="A bearer token: `env:NAME` or `file:PATH`.")
    user: str = Field("", description="The user of basic authentication.")
    password: SecretReference | None = Field(None, description="Its password: `env:NAME` or `file:PATH`.")
    certificates: DocumentPath | None = Field(
        None, description="A PEM file of the certificate authorities to trust instead of the machine's."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if bool(self.user) != bool(self.password):
            raise ValueError("has one of user and password; write both, or a token")
        if self.token and self.user:
            raise ValueError("has a token and a user; keep one of them")
        return self

    def access(self) -> Access:
        return Access(self.servers, self.token or "", self.user, self.password or "", self.certificates)


class PrometheusEntry(ServersEntry):
    """A metric in Prometheus: a number by `query`, or bad events among all by counters `total` and `bad`."""

    kind: Literal["prometheus"]
    query: str = Field(
        "", description="PromQL that gives one number; `${instance}`, `${port}`, ... tell releases apart."
    )
    total: Selector = Field("", description="The counter of all events: name and labels, no functions.")
    bad: Selector = Field("", description="The counter of the bad ones among them.")
    worse: Worse = Field("up", description="Which way the number gets worse.")
    history: Duration = Field(timedelta(days=7), description="How far to look back before the release.")
    stale_after: PositiveDuration = Field(
        timedelta(minutes=1), description="A sample older than this says nothing of now."
    )

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if bool(self.query) == bool(self.total) or bool(self.total) != bool(self.bad):
            raise ValueError("asks not exactly one thing; write query, or both total and bad")
        return self

    def _measures(self) -> Measure:
        return Measure.GAUGE if self.query else Measure.ERRORS

    def _seen(self) -> Seen:
        return PrometheusQuery(self.access(), self.query, self.total, self.bad, self.stale_after)


class AlertsEntry(ServersEntry):
    """Alerts in Alertmanager. Those that burned before the release neither block it nor roll it back."""

    kind: Literal["alerts"]
    servers: tuple[Server, ...] = Field((), description="Alertmanager's addresses, to ask it.")
    matchers: Annotated[tuple[Matcher, ...], AfterValidator(_some)] = Field(
        description='Which alerts: all of these hold, like `service="shop"`.'
    )
    settled_after: Duration = Field(
        timedelta(minutes=5),
        description="An alert that burned before the release counts when it burns again after this long.",
    )
    listen: Listen | None = Field(
        None, description="Instead of asking: take Alertmanager's webhook here, as HOST:PORT."
    )
    listen_token: SecretReference | None = Field(
        None, description="The bearer token that the webhook must carry: `env:NAME` or `file:PATH`."
    )

    @model_validator(mode="after")
    def _asks_or_listens(self) -> Self:
        if bool(self.servers) == bool(self.listen):
            raise ValueError("must ask or listen; write exactly one of servers and listen")
        if bool(self.listen) != bool(self.listen_token):
            raise ValueError("has one of listen and listen_token; write both")
        return self

    def _measures(self) -> Measure:
        return Measure.PRESENCE

    def _seen(self) -> Seen:
        return AlertsOfAlertmanager(
            self.access(), self.matchers, self.listen or "", self.listen_token or "", self.settled_after
        )


class LinesEntry(SignalEntry):
    """Lines of a log, and which of them are errors."""

    every: PositiveDuration = Field(timedelta(seconds=1), description="Time from one look to the next.")
    patterns: tuple[Pattern, ...] = Field(
        (), description="Regular expressions; a line in which one is found is an error."
    )
    level_field: str = Field("level", min_length=1, description="The field of JSON lines with their level.")
    at_least: Level = Field("error", description="Lines of this level and above are errors.")
    new_kinds: bool = Field(True, description="Also tell kinds of errors that the old release never logged.")

    def _measures(self) -> Measure:
        return Measure.ERRORS

    def lines(self) -> ErrorLines:
        return ErrorLines(self.patterns, self.level_field, self.at_least, self.new_kinds)


class LogEntry(LinesEntry):
    """A log file: by default the output of each instance."""

    kind: Literal["log"]
    path: LogPath = Field(
        "", description="The file, like logs/shop-${port}.log; without it, each instance's own output."
    )

    def _seen(self) -> Seen:
        return LogFile(self.lines(), self.path)


class JournalEntry(LinesEntry):
    """Lines of systemd's journal; their PRIORITY is their level."""

    kind: Literal["journal"]
    matches: Annotated[tuple[JournalMatch, ...], AfterValidator(_some)] = Field(
        description="Which lines, like `_SYSTEMD_UNIT=shop@${port}.service`."
    )
    folder: DocumentPath | None = Field(None, description="Another folder of journals than this machine's.")

    def _seen(self) -> Seen:
        return Journal(self.lines(), self.matches, self.folder)


class SqlEntry(SignalEntry):
    """A number of the business, by a query of a store."""

    kind: Literal["sql"]
    store: Name = Field(description="The store that is asked.")
    query: str = Field(min_length=1, description="A read-only query that gives one number.")
    worse: Worse = Field("down", description="Which way the number gets worse.")

    def _seen(self) -> Seen:
        return StoreQuery(self.store, self.query)


class CommandEntry(SignalEntry):
    """A number of the business, or any other, by a command that prints it."""

    kind: Literal["command"]
    command: Command = Field(min_length=1, description="A program that prints one number and ends with 0.")
    worse: Worse = Field("down", description="Which way the number gets worse.")

    def _seen(self) -> Seen:
        return NumberCommand(self.command)


class MemoryEntry(SignalEntry):
    """Growth of the memory of an instance, in bytes a minute, against the old one's at the same age."""

    kind: Literal["memory"]
    window: PositiveDuration = Field(timedelta(minutes=5), description="Time over which growth is measured.")

    def _seen(self) -> Seen:
        return MemoryGrowth(self.window)


AnySignal = Annotated[
    PrometheusEntry | AlertsEntry | LogEntry | JournalEntry | SqlEntry | CommandEntry | MemoryEntry,
    Field(discriminator="kind"),
]
