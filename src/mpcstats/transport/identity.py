"""Who is at the other end: certificates, their fingerprints, and TLS contexts that trust no one else.

A peer is whoever holds the key of a pinned certificate. What a certificate says of its holder's name
is never read: the SHA-256 of its DER form is looked up among the pinned fingerprints.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mpcstats.errors import UsageError

VALID_DAYS = 3652  # ten years


@dataclass(frozen=True, slots=True)
class Identity:
    """This party's name and the PEM files of its certificate and of the private key to it."""

    name: str
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """Another party: where it listens, and the certificate that it must show."""

    name: str
    host: str
    port: int
    fingerprint: str  # "sha256:" and 64 hex digits
    certificate: Path


def fingerprint(der: bytes) -> str:
    """The SHA-256 of a certificate in DER form, as it stands in a consortium file."""
    return "sha256:" + hashlib.sha256(der).hexdigest()


def make_certificate(name: str) -> tuple[bytes, bytes]:
    """A new self-signed certificate for `name` (EC P-256, ten years) and its private key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    # Python 3.13 verifies strictly (RFC 5280): the key identifiers and critical marks are for it.
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of two organisations differ
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def read_certificate(path: Path) -> bytes:
    """The DER form of the PEM certificate at `path`. Raises UsageError naming the file."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: expected a certificate, got: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path}: expected a certificate in PEM form, got other data") from None
    return certificate.public_bytes(serialization.Encoding.DER)


def server_context(me: Identity, peers: Iterable[Peer]) -> ssl.SSLContext:
    """TLS 1.3 as server `me`, for holders of the certificates of `peers` only. Raises UsageError (files)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A ticket is data from server to client, and our clients never read after the welcome.
    context.num_tickets = 0
    return _restrict(context, me, peers)


def client_context(me: Identity, peer: Peer) -> ssl.SSLContext:
    """TLS 1.3 as client `me`, towards the holder of the certificate of `peer` only. Raises UsageError (files)."""
    return _restrict(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), me, (peer,))


def _restrict(context: ssl.SSLContext, me: Identity, peers: Iterable[Peer]) -> ssl.SSLContext:
    context.check_hostname = False  # the fingerprint says who it is
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    # A self-signed certificate that is no authority is its own trust anchor.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    anchors = b"".join(_pinned(peer) for peer in peers)
    if anchors:
        context.load_verify_locations(cadata=anchors)
    read_certificate(me.certificate)
    if not me.key.is_file():
        raise UsageError(f"{me.key}: expected the private key of {me.name}, got no such file")
    try:
        # The empty password keeps OpenSSL from asking the terminal for one.
        context.load_cert_chain(me.certificate, me.key, password="")
    except (OSError, ValueError):  # SSLError is an OSError
        raise UsageError(
            f"{me.key}: expected the unencrypted private key to {me.certificate}, got another file"
        ) from None
    return context


def _pinned(peer: Peer) -> bytes:
    der = read_certificate(peer.certificate)
    if fingerprint(der) != peer.fingerprint:
        raise UsageError(
            f"{peer.certificate}: expected the certificate {peer.fingerprint} of {peer.name}, "
            f"got {fingerprint(der)}: ask {peer.name} which one is right"
        )
    return der
