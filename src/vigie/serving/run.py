"""Runs a scoring server: one port, one process or several, ended without cutting off anyone who is being answered."""

from __future__ import annotations

import gc
import ipaddress
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from vigie.errors import SettingsError, VigieError
from vigie.serving.loop_watch import watched
from vigie.serving.security.tls import Tls
from vigie.serving.settings import ServingSettings

AppFactory = Callable[[ServingSettings], FastAPI]
"""Makes the app. For several workers it is sent to each process, so it must be a function of a module, or a
``functools.partial`` of one with plain arguments."""

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75  # longer than the idle timeout of common load balancers, so that they never reuse a closed one
GRACE_SECONDS = 20  # within the 30 s that container platforms wait before they kill


@dataclass(frozen=True, slots=True)
class _Worker:
    """The app's factory as each worker process calls it."""

    factory: AppFactory
    settings: ServingSettings

    def __call__(self) -> FastAPI:
        try:
            return _settled(watched(self.factory(self.settings)))
        except VigieError as error:
            # The exit code tells the parent that another try would end the same way.
            sys.stderr.write(f"{error}\n")
            sys.exit(STARTUP_FAILURE)


def serve(
    factory: AppFactory,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    settings: ServingSettings | None = None,
    authenticated: bool = False,
    tls: Tls | None = None,
    allow_insecure: bool = False,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM; then finishes the requests it has begun, for 20 seconds at most.

    Args:
        factory: Makes the app from the settings; called once in each worker.
        host: Address to listen on. One that other machines can reach is refused where callers are not authenticated, by
            the app or by certificates, and *allow_insecure* is not given.
        port: Port to listen on; 0 for any free one.
        workers: Processes that share the port. Each loads the models and writes its own segment of the journal.
        settings: Limits and choices.
        authenticated: Whether the app that the factory makes recognises callers.
        tls: Certificate and key, and whose certificates callers must show; ``None``: the server speaks plain HTTP.
        allow_insecure: Listen on *host* although callers are not authenticated.
        on_listening: Told the server's URL once the port is open; requests wait from then on until the app is loaded.

    Raises:
        SettingsError: The host or port cannot be listened on, the certificate cannot be used, or the workers cannot start.
        VigieError: What the factory raises, with one worker.
    """
    certificates = tls is not None and tls.ca is not None
    refuse_open_door(host, authenticated=authenticated or certificates, allow_insecure=allow_insecure)
    if workers < 1:
        raise SettingsError(f"workers={workers} is not a number of processes", remedy="give 1 or more")
    if not 0 <= port <= 65_535:
        raise SettingsError(
            f"{port} is not a port", where="[serve] port", remedy="give 1 to 65535, or 0 for a free one"
        )
    if tls is not None:
        tls.check()
    settings = settings or ServingSettings()
    if workers == 1:
        app = _settled(factory(settings))
        with _listen(host, port) as door:
            _tell(on_listening, door, tls)
            uvicorn.Server(_config(app, tls)).run(sockets=[door])
        return
    with tempfile.TemporaryDirectory(prefix="vigie-counters-") as counters, _listen(host, port) as door:
        worker = _Worker(factory, replace(settings, counters=Path(counters)))
        supervisor = Multiprocess(_config(worker, tls, factory=True, workers=workers), sockets=[door])
        _tell(on_listening, door, tls)
        supervisor.run()
        if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
            raise SettingsError("the server's workers could not start", remedy="each has written its reason above")


def refuse_open_door(host: str, *, authenticated: bool = False, allow_insecure: bool = False) -> None:
    """Returns if *host* is this machine's own, callers are recognised, or an open door is wanted.

    Args:
        host: Name or address to listen on.
        authenticated: Whether callers must show a key, a token or a certificate.
        allow_insecure: Whether an open door is wanted.

    Raises:
        SettingsError: Other machines could reach it.
    """
    if not (is_loopback(host) or authenticated or allow_insecure):
        raise SettingsError(
            f"host {host!r} can be reached from other machines, and callers are not authenticated",
            where="[serve] host",
            remedy="make a key with `vigie keys create`, listen on 127.0.0.1 behind a proxy that authenticates, or say "
            "--allow-insecure in a closed network",
        )


def is_loopback(host: str) -> bool:
    """Whether *host* is an address that this machine alone can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _config(app: FastAPI | _Worker, tls: Tls | None, *, factory: bool = False, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=workers,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="on",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **({} if tls is None else tls.uvicorn()),
    )


def _settled(app: FastAPI) -> FastAPI:
    """*app*, with what it has loaded out of the garbage collector's way: it stays as long as the process."""
    gc.collect()
    gc.freeze()
    return app


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        door = socket.socket(family, kind, protocol)
        try:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(address)
            door.listen(BACKLOG)
        except OSError:
            door.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            where="[serve] port",
            remedy="something else may be listening there; choose another with --port",
        ) from error
    door.set_inheritable(True)
    return door


def _tell(on_listening: Callable[[str], None] | None, door: socket.socket, tls: Tls | None) -> None:
    if on_listening is not None:
        host, port = door.getsockname()[:2]
        scheme = "http" if tls is None else "https"
        on_listening(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
