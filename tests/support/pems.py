"""Certificates of an authority of their own, and password hashes that cost little."""

import ssl
from collections.abc import Callable
from pathlib import Path

import bcrypt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

AUTHORITY = trustme.CA()


def hash_of(password: str) -> str:
    """Return the cheapest bcrypt hash."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def write_pair(folder: Path, *names: str, stem: str = "", authority: trustme.CA = AUTHORITY) -> trustme.LeafCert:
    """Write `cert.pem` and `key.pem` for the names, and the authority's `ca.pem` beside them."""
    made = authority.issue_cert(*(names or ("localhost", "127.0.0.1", "::1")))
    made.private_key_pem.write_to_path(str(folder / f"{stem}key.pem"))
    (folder / f"{stem}cert.pem").write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return made


def locked(key: bytes, password: bytes) -> bytes:
    """Return a private key as a file of the same that needs a password."""
    return load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
    )


def named(name: x509.GeneralName) -> Callable[[ssl.SSLContext], None]:
    """Return what gives a client's context a certificate of the authority with this name only, of any kind."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.load_pem_x509_certificate(AUTHORITY.cert_pem.bytes())
    signer = load_pem_private_key(AUTHORITY.private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(authority.not_valid_before_utc)
        .not_valid_after(authority.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .sign(signer, hashes.SHA256())
    )
    pems = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate.public_bytes(Encoding.PEM)
    return trustme.LeafCert(pems[0], pems[1], []).configure_cert
