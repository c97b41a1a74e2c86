"""The doctor at this machine and at the public edge: ports, disks, certificates, clocks, files of platforms."""

from __future__ import annotations

import datetime as dt
import http.server
import ssl
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.errors import ConfigError
from hub.settings import HubSettings, SourceSettings
from hub.steps.doctor import host as doctor_host
from hub.steps.doctor.edge import look_at_edge, look_at_outgoing
from hub.steps.doctor.finding import Finding, Health, Scene, looked

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
Usage = namedtuple("Usage", "total used free")
OK = '{"status":"ok"}'


@contextmanager
def a_server(
    pages: dict[str, str], *, date: dt.datetime | None = None, certificate: Path | None = None
) -> Iterator[int]:
    """An HTTP server on loopback that has these pages; its port."""

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response_only(200 if body is not None else 404)
            self.send_header("Date", format_datetime(date or dt.datetime.now(dt.UTC), usegmt=True))
            self.send_header("Content-Length", str(len(body or "")))
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Quiet(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that does not trust us leaves."""

    with Quiet(("127.0.0.1", 0), Pages) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def a_certificate(folder: Path, ends_at: dt.datetime) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends_at - 90 * DAY).not_valid_after(ends_at)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "edge.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def a_scene(public_url: str = "", *, ask: str = "", **options: object) -> Scene:
    sources = {
        "service": SourceSettings(platform="wecom", push="callback", options=dict(options)),
    }
    settings = HubSettings(sources=sources)
    if public_url:
        settings = HubSettings(sources=sources, public_url=public_url)
    return Scene(settings, home=Path("/none"), environment={}, ask_address=ask)


def found(findings: list[Finding], what: str) -> Finding:
    [one] = [finding for finding in findings if finding.what == what]
    return one


def test_a_look_that_fails_or_hangs_is_a_finding() -> None:
    never = threading.Event()

    def refuse() -> list[Finding]:
        raise ConfigError("sources.ads: no")

    def fall() -> list[Finding]:
        raise RuntimeError("19900001234")

    def hang() -> list[Finding]:
        never.wait()
        return []

    assert looked("a", refuse)[0].seen == "sources.ads: no"
    assert looked("b", fall)[0].seen == "could not be looked at (RuntimeError)"
    assert looked("c", hang, within_s=0.05)[0].health is Health.BAD
    never.set()


def test_a_port_is_free_or_ours_or_taken() -> None:
    with a_server({"/healthz": '{"status": "ok"}'}) as port:
        ours = doctor_host.look_at_port(port, "hub receive", "/healthz", '"status":"ok"')
        taken = doctor_host.look_at_port(port, "Dagster's UI", "/server_info", "dagster")
    free = doctor_host.look_at_port(port, "hub receive", "/healthz", '"status":"ok"')

    assert (ours.health, ours.seen) == (Health.GOOD, "hub receive")
    assert taken.health is Health.WARNING
    assert "somebody else listens" in taken.seen
    assert (free.health, free.seen) == (Health.GOOD, "free for hub receive")


@pytest.mark.parametrize(
    ("free_mb", "health"), [(9000, Health.GOOD), (1500, Health.WARNING), (100, Health.BAD)]
)
def test_a_disk_without_room_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, health: Health
) -> None:
    usage = Usage(10_000 << 20, 0, free_mb << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    scene = Scene(HubSettings(), home=tmp_path, environment={"HUB_DATABASE_URL": "x"})

    [one] = doctor_host.look_at_disks(scene)
    assert (one.what, one.health) == ("disk of home", health)


def test_a_home_of_dagster_without_its_settings_is_bad(tmp_path: Path) -> None:
    scene = Scene(HubSettings(), home=tmp_path, environment={"DAGSTER_HOME": str(tmp_path)})
    assert next(doctor_host.look_at_dagster_home(scene)).health is Health.BAD

    (tmp_path / "dagster.yaml").write_text("")
    assert next(doctor_host.look_at_dagster_home(scene)).health is Health.GOOD


def test_a_push_without_its_secret_is_bad() -> None:
    [one] = doctor_host.look_at_sources(
        Scene(
            HubSettings(
                sources={
                    "ads": SourceSettings.model_validate(
                        {
                            "platform": "douyin",
                            "push": "clue_push",
                            "signature": {"scheme": "static_path", "secret_env": "NOT_SET"},
                        }
                    )
                }
            ),
            environment={},
        )
    )

    assert one.health is Health.BAD
    assert "NOT_SET is not set" in one.seen


def test_an_edge_that_answers_is_good() -> None:
    code = "a1B2c3"
    pages = {"/healthz": OK, f"/WW_verify_{code}.txt": code + "\n"}
    with a_server(pages) as port:
        scene = a_scene(f"http://127.0.0.1:{port}", domain_file=f"WW_verify_{code}.txt")
        findings = list(look_at_edge(scene))

    assert [one.health for one in findings if one.what != "public edge"] == [Health.GOOD] * 2
    assert found(findings, "domain file service").health is Health.GOOD
    assert findings[0].seen.endswith("no platform reaches that")
    assert findings[1].seen.endswith("answers")


def test_an_edge_where_somebody_else_answers_is_bad() -> None:
    with a_server({"/healthz": "<html>welcome"}) as port:
        scene = a_scene(f"http://127.0.0.1:{port}", domain_file="WW_verify_x.txt")
        findings = list(look_at_edge(scene))

    assert "not as a receiver does" in findings[1].seen
    assert found(findings, "domain file service").health is Health.BAD
    assert "WW_verify_x.txt" in found(findings, "domain file service").mend


def test_an_edge_that_does_not_answer_is_bad() -> None:
    with a_server({}) as port:
        pass
    findings = list(look_at_edge(a_scene(f"http://127.0.0.1:{port}")))

    assert findings[-1].health is Health.BAD
    assert "does not answer from here (ConnectError)" in findings[-1].seen


def test_an_edge_without_an_address_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    [one] = look_at_edge(a_scene("https://hub.example.com"))

    assert one == Finding("public edge", Health.BAD, "hub.example.com has no address", one.mend)


@pytest.mark.parametrize(
    ("ends_in", "words"), [(-2, "ended"), (5, "not trusted"), (200, "not trusted")]
)
def test_a_certificate_that_ended_or_that_nobody_trusts_is_bad(
    tmp_path: Path, ends_in: int, words: str
) -> None:
    with a_server(
        {"/healthz": OK}, certificate=a_certificate(tmp_path, NOW + ends_in * DAY)
    ) as port:
        findings = list(look_at_edge(a_scene(f"https://127.0.0.1:{port}")))

    one = found(findings, "certificate")
    assert one.health is Health.BAD
    assert words in one.seen
    assert findings[-2].seen.endswith("answers")


def test_a_certificate_that_ends_soon_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.steps.doctor.edge._distrust", lambda _: "")
    with a_server({"/healthz": OK}, certificate=a_certificate(tmp_path, NOW + 5 * DAY)) as port:
        findings = list(look_at_edge(a_scene(f"https://127.0.0.1:{port}")))

    assert found(findings, "certificate").health is Health.WARNING
    assert "in 4 days" in found(findings, "certificate").seen


def test_a_plain_server_at_an_https_address_is_bad() -> None:
    with a_server({"/healthz": OK}) as port:
        findings = list(look_at_edge(a_scene(f"https://127.0.0.1:{port}")))

    assert "no TLS at" in found(findings, "certificate").seen


def test_a_clock_of_the_edge_that_is_off_by_minutes_is_bad() -> None:
    with a_server({"/healthz": OK}, date=NOW + dt.timedelta(minutes=7)) as port:
        findings = list(look_at_edge(a_scene(f"http://127.0.0.1:{port}")))

    assert found(findings, "clock of the edge").health is Health.BAD


def test_nobody_is_asked_for_our_address_unless_named() -> None:
    assert list(look_at_outgoing(a_scene())) == []

    with a_server({"/ip": "203.0.113.7\n", "/html": "<html>"}) as port:
        told = list(look_at_outgoing(a_scene(ask=f"http://127.0.0.1:{port}/ip")))
        odd = list(look_at_outgoing(a_scene(ask=f"http://127.0.0.1:{port}/html")))

    assert told[0].seen.startswith("203.0.113.7")
    assert odd[0].seen == "the answer is no address"
