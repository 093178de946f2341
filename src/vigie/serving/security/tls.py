"""TLS: certificate and key of the server, and whose certificates callers must show."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vigie.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server speaks TLS; 1.2 at least.

    Attributes:
        cert: PEM file of the certificate, with those of the authorities between.
        key: PEM file of its key; ``None``: in the file of the certificate.
        ca: PEM file of the authorities whose certificates callers must show; ``None``: callers need none.
        password: Of the key.
    """

    cert: Path
    key: Path | None = None
    ca: Path | None = None
    password: str = field(default="", repr=False)

    def check(self) -> None:
        """Returns if the files are there and fit together.

        Raises:
            SettingsError: They do not.
        """
        for path, where in ((self.cert, "--tls-cert"), (self.key, "--tls-key"), (self.ca, "--tls-ca")):
            if path is not None and not path.is_file():
                raise SettingsError("no such file", where=f"{where} {path}", remedy="give a PEM file")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # A callback, so that OpenSSL asks nobody at a terminal.
            context.load_cert_chain(self.cert, self.key, lambda: self.password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise SettingsError(
                f"certificate and key cannot be used: {_told(error)}",
                where=f"--tls-cert {self.cert}",
                remedy="give PEM files that belong together, and [serve] tls_password where the key has one",
            ) from error
        if self.ca is not None:
            try:
                context.load_verify_locations(self.ca)
            except OSError as error:
                raise SettingsError(
                    f"the authorities cannot be used: {_told(error)}",
                    where=f"--tls-ca {self.ca}",
                    remedy="give a PEM file of certificates",
                ) from error

    def uvicorn(self) -> dict[str, Any]:
        """Arguments of :class:`uvicorn.Config`."""
        return {
            "ssl_certfile": self.cert,
            "ssl_keyfile": self.key,
            "ssl_keyfile_password": self.password or None,
            "ssl_ca_certs": None if self.ca is None else str(self.ca),
            "ssl_cert_reqs": ssl.CERT_NONE if self.ca is None else ssl.CERT_REQUIRED,
        }


def _told(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    if reason:
        return str(reason).replace("_", " ").lower()
    # Of what is no PEM at all, OpenSSL gives no reason.
    return "not PEM, no key in it, or its password is wrong" if isinstance(error, ssl.SSLError) else str(error)
