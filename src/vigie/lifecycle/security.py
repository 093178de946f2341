"""Who may call the server of a project: its settings, its keys, and who administers them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie import settings as settings_room
from vigie.clock import Clock
from vigie.errors import SettingsError
from vigie.settings import Settings

if TYPE_CHECKING:
    from vigie.serving.security.administration import Administration
    from vigie.serving.security.settings import SecuritySettings
    from vigie.serving.security.tls import Tls


def security_of(settings: Settings) -> SecuritySettings:
    """What ``[serve.security]`` says.

    Raises:
        SettingsError: Something cannot be meant.
    """
    from vigie.serving.security.settings import read_security

    return read_security(settings.serve.get("security", {}), root=settings.root, state=settings.state)


def security_of_file(keys: Path | None, journal: Path) -> SecuritySettings:
    """Of a server without a project: keys in a file, or everybody may call.

    Args:
        keys: ``.json`` file that ``vigie keys export`` wrote; ``None``: callers are not recognised.
        journal: Folder of the predictions; that of administration lies in it.

    Raises:
        SettingsError: *keys* is no such file.
    """
    from vigie.serving.security.settings import SecuritySettings

    if keys is not None and keys.suffix != ".json":
        raise SettingsError(
            "not a .json file of keys", where=f"--keys {keys}", remedy="write one with `vigie keys export keys.json`"
        )
    return SecuritySettings(
        root=Path.cwd(),
        default=Path.cwd() / "keys.db",
        journal=journal / "admin",
        keys="" if keys is None else str(keys.resolve()),
        authentication=keys is not None,
    )


def tls_of(
    settings: Settings | None, *, cert: Path | None = None, key: Path | None = None, ca: Path | None = None
) -> Tls | None:
    """How the server speaks TLS; ``None``: it does not.

    Args:
        settings: What ``[serve]`` says; ``None`` without a project.
        cert: Instead of ``tls_cert``, from where the command is run.
        key: Likewise of ``tls_key``. That of the settings belongs to their certificate.
        ca: Likewise of ``tls_ca``.

    Raises:
        SettingsError: There is a key or there are authorities, and no certificate.
    """
    from vigie.serving.security.tls import Tls

    said: dict[str, Any] = {} if settings is None else dict(settings.serve)
    root = Path() if settings is None else settings.root

    def named(name: str) -> Path | None:
        return root / str(said[name]) if name in said else None

    own = cert is None
    chosen, secret_key, authorities = (
        cert or named("tls_cert"),
        key or (named("tls_key") if own else None),
        ca or named("tls_ca"),
    )
    if chosen is None:
        if secret_key is not None or authorities is not None:
            raise SettingsError(
                "TLS needs a certificate", where="[serve] tls_cert", remedy="give --tls-cert, or tls_cert in vigie.toml"
            )
        return None
    password = settings_room.secret(str(said.get("tls_password", "")), root, "[serve] tls_password")
    return Tls(chosen, secret_key, authorities, password)


def administration_of(settings: Settings, clock: Clock) -> Administration:
    """What changes the keys of a project, in the name of the user of this machine.

    Raises:
        SettingsError: The key store's URL cannot be meant.
        StoreError: It cannot be reached.
    """
    from vigie.journal.admin import AdminJournal
    from vigie.serving.security.administration import Administration

    said = security_of(settings)
    return Administration(said.store(), AdminJournal(said.journal), clock, user())


def user() -> str:
    """The user of this machine in whose name the process runs."""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in containers users need not have a name
        return f"uid {os.getuid()}"
