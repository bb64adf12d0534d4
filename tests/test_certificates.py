"""Last days: what live connections show is kept, told in every form of status, and warned of in time."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logged import Lines, logging_to
from loopback import Peer, answering
from maxbridge import daemon
from maxbridge.advice import ADVICE
from maxbridge.cli.status import to_json, to_nagios
from maxbridge.cli.status_text import to_text
from maxbridge.config.settings import FreeScoutSettings, MaxSettings, Secret, Settings
from maxbridge.core.errors import ApiError
from maxbridge.engine.housekeeper import CertificateKeeper
from maxbridge.files.egress import EgressPolicy, Fetcher, GuardedRequest
from maxbridge.files.spool import Spool
from maxbridge.files.trust import trusted
from maxbridge.freescout.client import FreeScoutClient
from maxbridge.max.transport import MaxapiTransport
from maxbridge.observe.certificates import Peers, bundled, day, shown_by, told
from maxbridge.observe.status import Level, assess
from maxbridge.store.certificates import DAY, Certificate, Kind, Urgency, urgency, urgent_before
from maxbridge.store.snapshot import Snapshot
from maxbridge.store.store import Store
from test_status import HEALTHY, NOW

HOUR = 3600.0
YEAR, QUARTER = 365 * DAY, 90 * DAY
NO_MAILBOX = '{"_embedded": {"mailboxes": []}, "page": {"totalPages": 1}}'
HOSTS = {(Kind.MAX, "platform-api2.max.ru"), (Kind.DESK, "desk.example.ru")}


def certificate(kind: Kind, left: float, *, life: float = YEAR, seen: float = 0.0) -> Certificate:
    """One that has so many seconds left, was seen so many seconds ago, and lives for so long."""
    name = {
        Kind.BUNDLED: "Russian Trusted Sub CA",
        Kind.MAX: "platform-api2.max.ru",
        Kind.FILES: "i.oneme.ru",
        Kind.DESK: "desk.example.ru",
    }[kind]
    return Certificate(kind, name, NOW + left - life, NOW + left, NOW - seen)


@pytest.fixture
def lines() -> Iterator[Lines]:
    yield from logging_to()


# --- the rule ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
def test_a_certificate_of_a_year_is_told_thirty_days_before(kind: Kind) -> None:
    assert urgency(certificate(kind, 30 * DAY), NOW) is Urgency.NONE
    assert urgency(certificate(kind, 30 * DAY - 1), NOW) is Urgency.URGENT
    assert urgency(certificate(kind, 0.0), NOW) is Urgency.URGENT
    assert urgency(certificate(kind, -1.0), NOW) is Urgency.OVER


@pytest.mark.parametrize("kind", [Kind.MAX, Kind.FILES, Kind.DESK])
def test_one_that_a_program_renews_degrades_only_when_that_did_not_happen(kind: Kind) -> None:
    """A certificate of 90 days is renewed when 30 are left: on that day nothing is wrong yet."""
    assert urgency(certificate(kind, 29 * DAY, life=QUARTER), NOW) is Urgency.TOLD
    assert urgency(certificate(kind, 22 * DAY, life=QUARTER), NOW) is Urgency.URGENT


@pytest.mark.parametrize("kind", [Kind.MAX, Kind.FILES, Kind.DESK])
@pytest.mark.parametrize("life", [6 * DAY, 10 * DAY, 47 * DAY, QUARTER])
def test_a_healthy_one_is_never_told_however_short_its_life_is(kind: Kind, life: float) -> None:
    """ACME's live for six days; they are told from the day on which a program should have renewed them."""
    assert urgency(certificate(kind, life, life=life), NOW) is Urgency.NONE
    assert urgency(certificate(kind, life / 3 + 1, life=life), NOW) is Urgency.NONE
    assert urgency(certificate(kind, life / 3 - 1, life=life), NOW) is Urgency.TOLD
    assert urgency(certificate(kind, life / 4 - 1, life=life), NOW) is Urgency.URGENT
    assert urgency(certificate(kind, -1, life=life), NOW) is Urgency.OVER


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (16 * HOUR, "ends on 2027-01-16, in 1 day:"),
        (16 * HOUR - 1, "ends on 2027-01-15, today:"),
        (-1.0, "ended on 2027-01-15, today:"),
        (-8 * HOUR - 1, "ended on 2027-01-14, 1 day ago:"),
        (-40 * DAY, "ended on 2026-12-06, 40 days ago:"),
    ],
)
def test_days_are_counted_as_a_calendar_does(left: float, words: str) -> None:
    """The sentence names the last day: what it counts fits to that date."""
    assert told(certificate(Kind.DESK, left, life=6 * DAY), NOW)[0].endswith(words)


def test_what_a_storage_host_showed_long_ago_says_nothing_about_today() -> None:
    assert urgency(certificate(Kind.FILES, -1, seen=8 * DAY), NOW) is Urgency.NONE
    assert urgency(certificate(Kind.FILES, -1, seen=6 * DAY), NOW) is Urgency.OVER
    assert urgency(certificate(Kind.MAX, -1, seen=8 * DAY), NOW) is Urgency.OVER
    assert urgency(certificate(Kind.DESK, -1, seen=8 * DAY), NOW) is Urgency.OVER


@given(st.sampled_from(Kind), st.floats(-1e9, 1e9), st.floats(1.0, 1e9), st.floats(0.0, 1e6))
def test_it_never_gets_less_urgent_with_time(
    kind: Kind, left: float, life: float, later: float
) -> None:
    one = certificate(kind, left, life=life)
    assert 0 < urgent_before(one) <= 30 * DAY
    assert urgency(replace(one, seen_at=NOW + later), NOW + later) >= urgency(one, NOW)


# --- what status says -------------------------------------------------------------------------------


def with_these(*certificates: Certificate) -> Snapshot:
    return replace(HEALTHY, certificates=certificates)


FAR = (
    certificate(Kind.BUNDLED, 50 * DAY, life=5 * YEAR),
    certificate(Kind.MAX, 200 * DAY),
    certificate(Kind.FILES, 210 * DAY),
    replace(certificate(Kind.FILES, 220 * DAY), name="fu.oneme.ru"),
    certificate(Kind.DESK, 60 * DAY, life=QUARTER),
)


def test_last_days_are_told_while_all_is_well() -> None:
    report = assess(with_these(*FAR), running=True, now=NOW)
    assert (report.level, report.reasons, report.notices) == (Level.OK, (), ())
    assert (
        "certificates end: Russian Trusted Sub CA 2027-03-06, desk.example.ru 2027-03-16, "
        "platform-api2.max.ru 2027-08-03, i.oneme.ru 2027-08-13 and 1 more for files"
    ) in to_text(report)
    assert (
        "certificate_bundled=50;30:;;0 certificate_desk=60;22:;;0 certificate_max=200;30:;;0 "
        "certificate_files=210;30:;;0"
    ) in to_nagios(report)
    assert to_json(report)["certificates"][0] == {
        "kind": "bundled",
        "name": "Russian Trusted Sub CA",
        "ends": "2027-03-06T08:00:00Z",
        "days_left": 50,
        "seen": "2027-01-15T08:00:00Z",
    }
    assert len(to_json(report)["certificates"]) == 5


@pytest.mark.parametrize("kind", Kind)
def test_one_that_ends_soon_degrades_with_what_to_do(kind: Kind) -> None:
    report = assess(with_these(certificate(kind, 20 * DAY + 60)), running=True, now=NOW)
    assert report.level is Level.DEGRADED
    (problem,) = report.problems
    assert problem.what.endswith("ends on 2027-02-04, in 20 days:")
    assert problem.remedy == ADVICE[f"certificate.{kind}"]
    assert to_nagios(report).startswith("MAXBRIDGE WARNING - the certificate of ")
    assert problem.what in to_text(report)
    assert to_json(report)["status"] == "degraded"


@pytest.mark.parametrize("kind", Kind)
def test_one_that_has_ended_says_what_to_do_next(kind: Kind) -> None:
    report = assess(with_these(certificate(kind, -3 * DAY)), running=True, now=NOW)
    (problem,) = report.problems
    assert problem.what.endswith("ended on 2027-01-12, 3 days ago:")
    assert problem.remedy == ADVICE[f"certificate.{kind}_over"]
    assert f"certificate_{kind}=0;30:;;0" in to_nagios(report)
    assert to_json(report)["certificates"][0]["days_left"] == -3


def test_one_that_is_about_to_be_renewed_is_a_notice() -> None:
    one = certificate(Kind.DESK, 29 * DAY + 60, life=QUARTER)
    report = assess(with_these(one), running=True, now=NOW)
    assert (report.level, report.reasons) == (Level.OK, ())
    (notice,) = report.notices
    assert "ends on 2027-02-13, in 29 days:" in notice


def test_one_day_is_a_day() -> None:
    what, _ = told(certificate(Kind.DESK, DAY + 1), NOW)
    assert what.endswith("in 1 day:")


def test_an_impossible_last_day_is_told_as_one() -> None:
    """The date comes from a server."""
    assert day(1e300) == "an impossible day"
    assert day(float("nan")) == "an impossible day"


# --- the store and the log --------------------------------------------------------------------------


class Kept:
    """A keeper over a real store, with a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.journal = Store(path)
        self.now = NOW
        self.peers = Peers()
        self.brought = [certificate(Kind.BUNDLED, 50 * DAY, life=5 * YEAR)]
        self.keeper = self.started()

    def started(self, hosts: set[tuple[Kind, str]] | None = None) -> CertificateKeeper:
        return CertificateKeeper(
            self.journal.certificates,
            self.peers,
            lambda: self.brought,
            HOSTS if hosts is None else hosts,
            now=lambda: self.now,
        )

    def show(self, kind: Kind, name: str, ends_at: float) -> None:
        self.peers.listener(kind)(name, as_shown(ends_at))

    def ends(self) -> dict[str, float]:
        """As ``status`` reads them."""
        return {each.name: each.ends_at for each in self.journal.health.snapshot().certificates}


def as_shown(ends_at: float, life: float = YEAR) -> dict[str, Any]:
    """As ``getpeercert`` words it."""
    return {"notBefore": asn1(ends_at - life), "notAfter": asn1(ends_at)}


def asn1(at: float) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - only here

    return f"{datetime.fromtimestamp(at, UTC):%b %d %H:%M:%S %Y} GMT"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "maxbridge.db")
    yield made
    made.journal.close()


def test_what_connections_show_is_kept_for_status(kept: Kept) -> None:
    kept.show(Kind.DESK, "Desk.Example.ru", NOW + 60 * DAY)
    kept.keeper.step()
    assert kept.ends() == {
        "Russian Trusted Sub CA": NOW + 50 * DAY,
        "desk.example.ru": NOW + 60 * DAY,
    }


def test_a_renewed_certificate_takes_the_place_of_the_old_one(kept: Kept) -> None:
    kept.show(Kind.DESK, "desk.example.ru", NOW + 5 * DAY)
    kept.keeper.step()
    kept.show(Kind.DESK, "desk.example.ru", NOW + 95 * DAY)
    kept.keeper.step()
    assert kept.ends()["desk.example.ru"] == NOW + 95 * DAY


def test_a_desk_that_shows_it_every_few_seconds_is_written_once_a_day(kept: Kept) -> None:
    def written() -> int:
        ((changes,),) = kept.journal.db.rows("SELECT total_changes()", ())
        return int(changes)

    kept.show(Kind.DESK, "desk.example.ru", NOW + 60 * DAY)
    kept.keeper.step()
    before = written()
    for _ in range(100):
        kept.now += 10
        kept.show(Kind.DESK, "desk.example.ru", NOW + 60 * DAY)
        kept.keeper.step()
    assert written() == before
    kept.now += DAY
    kept.show(Kind.DESK, "desk.example.ru", NOW + 60 * DAY)
    kept.keeper.step()
    (seen,) = [each.seen_at for each in kept.journal.certificates.all() if each.kind is Kind.DESK]
    assert seen == kept.now


def test_a_start_forgets_the_ends_that_it_is_not_set_up_for(kept: Kept) -> None:
    kept.show(Kind.DESK, "desk.example.ru", NOW + 60 * DAY)
    kept.show(Kind.FILES, "i.oneme.ru", NOW + 60 * DAY)
    kept.keeper.step()
    kept.brought = [replace(kept.brought[0], name="Russian Trusted Sub CA 2")]
    kept.started({(Kind.DESK, "new.example.ru")}).step()
    assert kept.ends().keys() == {"i.oneme.ru", "Russian Trusted Sub CA 2"}


def test_a_storage_host_of_long_ago_is_forgotten(kept: Kept) -> None:
    kept.show(Kind.FILES, "i.oneme.ru", NOW + 60 * DAY)
    kept.keeper.step()
    kept.now += 31 * DAY
    kept.show(Kind.FILES, "fu.oneme.ru", NOW + 90 * DAY)
    kept.keeper.step()
    assert kept.ends().keys() == {"fu.oneme.ru", "Russian Trusted Sub CA"}


def test_the_log_says_it_once_a_day(kept: Kept, lines: Lines) -> None:
    kept.show(Kind.DESK, "desk.example.ru", NOW + 20 * DAY)
    for _ in range(3):
        kept.keeper.step()
        kept.now += 10
    (line,) = lines.of("a certificate ends")
    assert line["what"] == (
        "the certificate of FreeScout, desk.example.ru, ends on 2027-02-04, in 20 days"
    )
    assert line["advice"] == ADVICE["certificate.desk"]
    kept.now += DAY
    kept.keeper.step()
    assert len(lines.of("a certificate ends")) == 2


def test_hosts_are_remembered_up_to_a_bound() -> None:
    peers = Peers()
    for number in range(1000):
        peers.listener(Kind.FILES)(f"fu{number}.oneme.ru", as_shown(NOW))
    names = [each.name for each in peers.take(NOW)]
    assert names == [f"fu{number}.oneme.ru" for number in range(900, 1000)]


def test_the_certificate_of_a_proxy_is_not_taken_for_maxs() -> None:
    peers = Peers()
    peers.listener(Kind.MAX, "platform-api2.max.ru")("proxy.lan", as_shown(NOW))
    assert peers.take(NOW) == []


def test_a_certificate_without_days_is_passed_over() -> None:
    peers = Peers()
    for odd in ({}, {"notBefore": "today", "notAfter": "tomorrow"}, {"notAfter": None}):
        peers.listener(Kind.DESK)("desk.example.ru", odd)
    assert peers.take(NOW) == []


def test_the_bundle_is_read_where_max_is_real() -> None:
    real = MaxSettings()
    found = {each.name: day(each.ends_at) for each in bundled(real, NOW)}
    assert found == {
        "Russian Trusted Sub CA": "2027-03-06",
        "Russian Trusted Root CA": "2032-02-27",
    }
    assert bundled(replace(real, api_url="http://127.0.0.1:8080"), NOW) == []


def test_the_ends_are_those_with_certificates() -> None:
    desk = FreeScoutSettings(url="https://Desk.example.ru:8443/help")
    assert shown_by(Settings(freescout=desk)) == HOSTS
    plain = FreeScoutSettings(url="http://127.0.0.1")
    assert shown_by(Settings(freescout=plain)) == {(Kind.MAX, "platform-api2.max.ru")}


# --- live connections -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 20 days for localhost that signs itself, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    made = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 20 -batch"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = [*made.split(), "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text(cert.read_text() + key.read_text())
    return both


@pytest.fixture
def last_day(authority: Path) -> float:
    shown: Any = ssl._ssl._test_decode_cert(str(authority))  # type: ignore[attr-defined]
    return float(ssl.cert_time_to_seconds(shown["notAfter"]))


@pytest.fixture
def served(authority: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server shows; this machine believes it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    return context


def named(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


async def test_the_connection_to_max_tells_its_certificate(
    served: ssl.SSLContext, last_day: float
) -> None:
    peers = Peers()
    asked = []

    async def answer(peer: Peer) -> None:
        asked.append(peer.target)
        await peer.answer(json.dumps({"user_id": 1}), Content_Type="application/json")

    async with answering(answer, served) as url:
        heard = peers.listener(Kind.MAX, "localhost")
        line = MaxapiTransport("t" * 20, named(url), total_timeout=5.0, heard=heard)
        assert await line.call("GET", "/me", {}) == {"user_id": 1}
        await line.close()
    assert asked == ["/me"]
    (shown,) = peers.take(NOW)
    assert (shown.kind, shown.name, shown.ends_at) == (Kind.MAX, "localhost", last_day)
    assert shown.ends_at - shown.begins_at == pytest.approx(20 * DAY)


async def test_the_connection_to_the_desk_tells_its_certificate(
    served: ssl.SSLContext, last_day: float
) -> None:
    peers = Peers()

    async def answer(peer: Peer) -> None:
        await peer.answer(NO_MAILBOX, Content_Type="application/json")

    async with answering(answer, served) as url:
        client = FreeScoutClient(named(url), "k" * 32, heard=peers.listener(Kind.DESK, "localhost"))
        await client.mailboxes()
        await client.close()
    (shown,) = peers.take(NOW)
    assert (shown.kind, shown.name, shown.ends_at) == (Kind.DESK, "localhost", last_day)


async def test_the_connection_to_maxs_storage_tells_its_certificate(
    served: ssl.SSLContext, last_day: float, tmp_path: Path
) -> None:
    peers = Peers()

    async def answer(peer: Peer) -> None:
        await peer.answer("hello")

    async with answering(answer, served) as url:
        reach = EgressPolicy(lambda _url: True, lambda _host, _where: True)
        line = GuardedRequest(reach, verify=trusted(heard=peers.listener(Kind.FILES)))
        with Spool(tmp_path, reserve=0).room() as room:
            await Fetcher(line, "media.").fetch(named(url), room, limit=1000)
        await line.close()
    (shown,) = peers.take(NOW)
    assert (shown.kind, shown.name, shown.ends_at) == (Kind.FILES, "localhost", last_day)


async def test_the_daemons_own_connections_are_listened_to(
    served: ssl.SSLContext, tmp_path: Path
) -> None:
    """All three, as :func:`maxbridge.daemon.connect` makes them."""

    async def answer(peer: Peer) -> None:
        await peer.answer(NO_MAILBOX, Content_Type="application/json")

    async with answering(answer, served) as url, answering(answer, served) as desk_url:
        settings = Settings(
            max=MaxSettings(token=Secret("t" * 20), api_url=named(url)),
            freescout=FreeScoutSettings(url=named(desk_url), api_key=Secret("k" * 32)),
        )
        ends = daemon.connect(settings)
        await ends.desk.mailboxes()
        with pytest.raises(ApiError):
            await ends.max.me()  # nobody's name is in the answer
        with Spool(tmp_path, reserve=0).room() as room:
            await ends.media.fetch(named(url), room, limit=1000)
        await ends.close()
    assert {each.kind for each in ends.peers.take(NOW)} == {Kind.MAX, Kind.DESK, Kind.FILES}


async def test_a_certificate_that_has_ended_is_called_so(tmp_path: Path) -> None:
    """ "Not trusted" would send people to look for an authority."""
    both = ended(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)

    async def answer(peer: Peer) -> None:
        pytest.fail(f"a request: {peer.head}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(both))
        peers = Peers()
        async with answering(answer, context) as url:
            desk = FreeScoutClient(named(url), "k" * 32, heard=peers.listener(Kind.DESK))
            with pytest.raises(ApiError) as at_desk:
                await desk.mailboxes()
            await desk.close()
            line = MaxapiTransport(
                "t" * 20, named(url), total_timeout=5.0, heard=peers.listener(Kind.MAX)
            )
            with pytest.raises(ApiError) as at_max:
                await line.call("GET", "/me", {})
            await line.close()
    assert str(at_desk.value.failure) == "desk.tls (certificate has expired)"
    assert str(at_max.value.failure) == "max.tls (certificate has expired)"
    assert peers.take(NOW) == []


def ended(folder: Path) -> Path:
    """A certificate for localhost whose only day was in 2020."""
    key, request, cert = folder / "key.pem", folder / "request.pem", folder / "cert.pem"
    configuration = folder / "ca.cnf"
    (folder / "index.txt").touch()
    configuration.write_text(
        f"[ca]\ndefault_ca = own\n[own]\ndatabase = {folder}/index.txt\nnew_certs_dir = {folder}\n"
        "rand_serial = yes\ndefault_md = sha256\npolicy = any\nx509_extensions = names\n"
        "[any]\ncommonName = supplied\n[names]\nsubjectAltName = DNS:localhost\n"
        "basicConstraints = CA:TRUE\n"
    )
    made = (
        f"openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch -subj /CN=localhost"
        f" -keyout {key} -out {request}"
    )
    signed = (
        f"openssl ca -selfsign -batch -notext -config {configuration} -keyfile {key} -in {request}"
        f" -out {cert} -startdate 20200101000000Z -enddate 20200102000000Z"
    )
    for command in (made, signed):
        subprocess.run(command.split(), check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text(cert.read_text() + key.read_text())
    return both
