"""The doctor at the public edge: is the address that platforms push to known, answered, certified.

Nobody else than `public_url` is asked, but for whom `--ask-address` names.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

import httpx
from cryptography import x509

from hub.steps.doctor.finding import Finding, Scene, bad, good, warning
from hub.steps.doctor.store import clock_finding

WITHIN_S = 4.0
CERTIFICATE_ENDS_WITHIN = timedelta(days=21)
_CLOCK_STEP = timedelta(seconds=1)  # a Date header has no fractions
_LONGEST_ANSWER = 200
_WECOM_FILE = re.compile(r"WW_verify_(\w+)\.txt")
_CONFIGURE = "set public_url in hub.yaml, and the proxy before the receiver: docs/deployment.md"


def look_at_edge(scene: Scene) -> Iterator[Finding]:
    """The address, its certificate, who answers there, its clock, the files that platforms ask for."""
    url = scene.settings.public_url.rstrip("/")
    parts = urlsplit(url)
    pushed = [key for key, one in scene.settings.all_sources().items() if one.push]
    if _is_local(parts.hostname or ""):
        seen = f"public_url is {url}: no platform reaches that"
        yield warning("public edge", seen, _CONFIGURE) if pushed else good("public edge", url)
        if "public_url" not in scene.settings.model_fields_set:
            return
    try:
        socket.getaddrinfo(parts.hostname, parts.port or 443)
    except OSError:
        yield bad("public edge", f"{parts.hostname} has no address", _CONFIGURE)
        return
    if parts.scheme == "https":
        yield certificate_finding(parts, scene.now)
    elif not _is_local(parts.hostname or ""):
        yield warning(
            "public edge", f"{url} is not encrypted: leads travel in the open", _CONFIGURE
        )
    yield from _answers(url, scene)


def certificate_finding(parts: SplitResult, now: datetime) -> Finding:
    """When the certificate at an address ends, and whether a platform would trust it."""
    what, mend = "certificate", "renew it at the proxy; is its renewal timer running?"
    try:
        ends_at = _certificate_end(parts)
        trouble = _distrust(parts)
    except OSError as error:
        return bad(what, f"no TLS at {parts.netloc} ({type(error).__name__})", _CONFIGURE)
    left = ends_at - now
    seen = f"ends {ends_at:%Y-%m-%d}, in {left.days} days"
    if left <= timedelta():
        return bad(what, f"ended {ends_at:%Y-%m-%d}", mend)
    if trouble:
        return bad(what, f"{seen}; not trusted: {trouble}", mend)
    if left < CERTIFICATE_ENDS_WITHIN:
        return warning(what, seen, mend)
    return good(what, seen)


def _certificate_end(parts: SplitResult) -> datetime:
    """As the server shows it, trusted or not."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only looked at: nothing is sent
    shown = _handshake(parts, context)
    return x509.load_der_x509_certificate(shown).not_valid_after_utc


def _distrust(parts: SplitResult) -> str:
    """Why a client refuses the certificate, "" if it does not."""
    try:
        _handshake(parts, ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    return ""


def _handshake(parts: SplitResult, context: ssl.SSLContext) -> bytes:
    address = (parts.hostname or "", parts.port or 443)
    with (
        socket.create_connection(address, timeout=WITHIN_S) as raw,
        context.wrap_socket(raw, server_hostname=parts.hostname) as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True) or b""


def _answers(url: str, scene: Scene) -> Iterator[Finding]:
    # What is wrong with the certificate is a finding of its own.
    with httpx.Client(verify=False, timeout=WITHIN_S, trust_env=False) as client:  # noqa: S501 -- looked at, not trusted
        before = scene.now
        try:
            answer = client.get(f"{url}/healthz")
        except httpx.HTTPError as error:
            seen = f"{url}/healthz does not answer from here ({type(error).__name__})"
            yield bad("public edge", seen, _CONFIGURE)
            return
        if answer.status_code == 200 and '"status":"ok"' in answer.text.replace(" ", ""):
            yield good("public edge", f"{url} answers")
        else:
            seen = f"{url}/healthz answers {answer.status_code}, and not as a receiver does"
            yield bad("public edge", seen, _CONFIGURE)
        yield from _clock_of(answer, before, scene)
        yield from _wecom_files(client, url, scene)


def _clock_of(answer: httpx.Response, before: datetime, scene: Scene) -> Iterator[Finding]:
    """The edge's clock by its Date header; a second more or less says nothing."""
    try:
        there = parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return
    skew = there - before
    if before - _CLOCK_STEP <= there <= scene.now:
        skew = timedelta()
    yield clock_finding("clock of the edge", "the public edge", skew)


def _wecom_files(client: httpx.Client, url: str, scene: Scene) -> Iterator[Finding]:
    """The files by which WeCom makes sure that a domain is ours."""
    for key, source in scene.settings.sources.items():
        name = str(source.options.get("domain_file", ""))
        wanted = _WECOM_FILE.fullmatch(name)
        if source.platform != "wecom" or wanted is None:
            continue
        what, mend = f"domain file {key}", f"let the proxy serve {name} at the root of {url}"
        try:
            answer = client.get(f"{url}/{name}")
        except httpx.HTTPError as error:
            yield bad(what, f"no answer ({type(error).__name__})", mend)
            continue
        if answer.status_code != 200 or "<" in answer.text[:_LONGEST_ANSWER]:
            yield bad(what, f"{url}/{name} answers {answer.status_code}, and no such file", mend)
        elif wanted[1] not in answer.text:
            yield warning(what, f"{url}/{name} holds something else than its name says", mend)
        else:
            yield good(what, f"{url}/{name} answers")


def look_at_outgoing(scene: Scene) -> Iterator[Finding]:
    """From which address we reach the world, as the one says who was named for it."""
    if not scene.ask_address:
        return
    what, mend = "outgoing address", "name another address to ask with --ask-address"
    try:
        answer = httpx.get(scene.ask_address, timeout=WITHIN_S, trust_env=False)
        found = ipaddress.ip_address(answer.text[:_LONGEST_ANSWER].strip())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield bad(what, f"no answer ({type(error).__name__})", mend)
    except ValueError:
        yield bad(what, "the answer is no address", mend)
    else:
        yield good(what, f"{found}: platforms that keep a list (企业可信IP) must have it")


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
