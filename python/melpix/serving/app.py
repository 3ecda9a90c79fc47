# SPDX-License-Identifier: MIT
"""melpix as a web service, ``pip install 'melpix[serve]'``: the home of Starlette and uvicorn.

This process speaks HTTP and keeps the limits. What a request holds is read by
`melpix.serving.work`, in worker processes. Nothing of a request is written to a disk or taken for
a path.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from importlib import resources
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from melpix import arguments
from melpix._core import __version__
from melpix.errors import ParameterError
from melpix.frontend.frontend import Frontend
from melpix.frontend.presets import PRESETS
from melpix.known_formats import CHOICES
from melpix.serving.answer import Answer, Limits, refusal
from melpix.serving.bodies import CLOSING, Bodies, RefusedError
from melpix.serving.openapi import description
from melpix.serving.protocol import LINGER, Protocol
from melpix.serving.work import Answerer, Job
from melpix.workers.cores import available_cores
from melpix.workers.outcomes import Crashed, TimedOut
from melpix.workers.process import Stopped
from melpix.workers.request_pool import Pool, UnavailableError

_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]

_WAITING_ANSWERS = 256 << 20  # bytes that clients have not taken yet

_UNWATCHED = 0.5  # seconds for an answer; then it is asked whether the client is still there

_BUFFER = 64 << 10  # bytes of an answer that may well lie with the transport

_SMALL = 1 << 20  # bytes of an answer that is always given


class Service:
    """The state of a running service.

    Parameters
    ----------
    limits : Limits
        What one request may ask for.
    workers : int >= 1 or None
        Processes that do the work. None: `available_cores`.
    concurrency : int >= 1
        Requests at work, or waiting for a worker, at once; more are refused with 429.
    timeout : float > 0 [s]
        What the work of one request may take; then the answer is 504.
    body_timeout : float > 0 [s]
        What the body of a request may take to arrive; then the answer is 408.
    memory : int or None
        Bytes by which a worker may grow.
    work : Answerer, optional
        What answers, in the workers, if it is not `Answerer` itself.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        workers: int | None = None,
        concurrency: int = 128,
        timeout: float = 30.0,
        body_timeout: float = 30.0,
        memory: int | None = 2 << 30,
        work: Answerer | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.workers = available_cores() if workers is None else workers
        for name, value in (("workers", self.workers), ("concurrency", concurrency)):
            if value < 1:
                raise ParameterError(name, f" must be >= 1, got {value}")
        for name, seconds in (("timeout", timeout), ("body_timeout", body_timeout)):
            if not seconds > 0:
                raise ParameterError(name, f" must be > 0, got {seconds}")
        for name in ("max_bytes", "max_seconds", "max_samples", "max_pixels"):
            if not getattr(self.limits, name) > 0:
                raise ParameterError(name, f" must be > 0, got {getattr(self.limits, name)}")
        arguments.choice("formats", self.limits.formats, CHOICES)
        self.concurrency = concurrency
        self.pool = Pool(
            Job(work or Answerer(self.limits)), workers=self.workers, timeout=timeout, memory=memory
        )
        self._busy = 0  # requests at work or waiting for a worker
        self._bodies = Bodies(self.limits.max_bytes, body_timeout)
        self._watchers: set[asyncio.Task[None]] = set()
        self._unsent = 0  # bytes of answers in memory

    async def answer(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = dict(scope["headers"])
        try:
            self._admit()
            body = await self._bodies.read(headers, receive)
            if body is None:
                return
            self._admit(body)
        except RefusedError as refused:
            await _send(send, refused.answer, unread=receive)
            return
        query = scope["query_string"].decode("latin-1")
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        head = f"{kind}\n{query}\n{content_type}".encode("latin-1")
        self._busy += 1
        try:
            answer = await self._work(head, body, receive)
            del body
            if answer is None:
                return
            if len(answer.body) > _SMALL and self._unsent + len(answer.body) > _WAITING_ANSWERS:
                answer = refusal(429, "busy", "too many answers are on their way: try again later")
            size = len(answer.body)
            self._unsent += size
            try:
                await _send(send, answer)
            finally:
                self._unsent -= size
        finally:
            self._busy -= 1  # and not before: an answer that nobody takes is in memory

    async def _work(self, head: bytes, body: bytearray, receive: Receive) -> Answer | None:
        """Return what a worker makes of a body. None: the client has left."""
        size = len(body)
        watch: asyncio.TimerHandle | None = None
        try:
            job = self.pool.submit(head, body)
            # A timer costs next to nothing, a task for each request would be felt.
            loop = asyncio.get_running_loop()
            watch = loop.call_later(_UNWATCHED, self._watch, job, receive)
            outcome = await job
        except (UnavailableError, asyncio.CancelledError):
            return refusal(*CLOSING)
        finally:
            if watch is not None:
                watch.cancel()
            self._bodies.release(size)
        if outcome is None:
            return None
        if isinstance(outcome, Crashed):
            return refusal(422, "crashed", f"the decoder has crashed: {outcome}")
        if isinstance(outcome, TimedOut):
            return refusal(504, "timeout", str(outcome))
        return Answer.parse(*outcome)

    def _watch(self, job: asyncio.Future[Any], receive: Receive) -> None:
        async def give_up() -> None:
            while (await receive())["type"] != "http.disconnect":  # or the answer has been sent
                pass
            if not job.done():
                job.set_result(None)

        task = asyncio.ensure_future(give_up())
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    def _admit(self, body: bytearray | None = None) -> None:
        """Refuse a request if there are too many: before its body comes, and when it is there."""
        if self._busy >= self.concurrency:
            self._bodies.release(len(body or b""))
            raise RefusedError(429, "busy", f"{self._busy} requests are at work: try again later")


class _Endpoint:
    """POST: a sound comes, an image or features go. Bare ASGI: half a request's cost is saved."""

    def __init__(self, service: Service, kind: str) -> None:
        self._service, self._kind = service, kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _error(405, "bad_method", "POST a sound here", {"allow": "POST"})(
                scope, receive, send
            )
            return
        await self._service.answer(self._kind, scope, receive, send)


async def _send(send: Send, answer: Answer, *, unread: Receive | None = None) -> None:
    """Send an answer, and wait until the client has taken it, or is gone.

    What of the request is still `unread` is dropped, and the connection closed.
    """
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers.items()]
    headers += [*_HEADERS, (b"content-length", str(len(answer.body)).encode())]
    if answer.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if unread is not None:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    more = len(answer.body) > _BUFFER or unread is not None
    await send({"type": "http.response.body", "body": answer.body, "more_body": more})
    if unread is not None:
        await _drop(unread)
    if more:  # a server waits for room before it takes the next part
        with contextlib.suppress(asyncio.CancelledError):
            await send({"type": "http.response.body", "body": b""})


async def _drop(unread: Receive) -> None:
    """Let a refused client go on sending for a while.

    Many read the answer only then; and to close with bytes unread is a reset, which overtakes it.
    """
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(LINGER):
            while (await unread()).get("more_body", False):
                pass


class _Direct:
    """The application, and a shorter way to what is asked a thousand times a second.

    Starlette's layers take a fifth of what this process spends on a request, and have nothing to do
    for these paths.
    """

    def __init__(self, app: Starlette) -> None:
        self._app = app
        found = {route.path: route.endpoint for route in app.routes if isinstance(route, Route)}
        self._direct = {path: e for path, e in found.items() if isinstance(e, _Endpoint)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._direct.get(scope["path"]) if scope["type"] == "http" else None
        await (answer or self._app)(scope, receive, send)


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    answer = refusal(status, code, message)
    return Response(answer.body, status, {**answer.headers, **(headers or {})})


def create_app(service: Service | None = None) -> Starlette:
    """Return the service as an ASGI application, for any server.

    Workers start with the application's lifespan, which the server must run.

    Parameters
    ----------
    service : Service, optional
        Its limits and workers.

    Examples
    --------
    >>> app = create_app(Service(workers=2))
    >>> [route.path for route in app.routes][:2]
    ['/v1/image', '/v1/features']
    """
    state = service or Service()
    page, policy = _page()
    facts = {
        "presets": {
            name: {"about": p.about, "parameters": Frontend.from_preset(name).params}
            for name, p in PRESETS.items()
        },
        "recipe": Frontend().params,
        "limits": {
            "max_bytes": state.limits.max_bytes,
            "max_seconds": state.limits.max_seconds,
            "max_samples": state.limits.max_samples,
            "max_pixels": state.limits.max_pixels,
            "formats": state.limits.formats,
        },
        "version": __version__,
    }
    spec = description(state.limits)

    async def home(_request: Request) -> Response:
        headers = {"content-security-policy": policy, "x-content-type-options": "nosniff"}
        return HTMLResponse(page, headers=headers | {"referrer-policy": "no-referrer"})

    async def presets(_request: Request) -> Response:
        return JSONResponse(facts)

    async def openapi(_request: Request) -> Response:
        return JSONResponse(spec)

    async def health(_request: Request) -> Response:
        ready = state.pool.ready
        found = {"workers": ready, "restarts": state.pool.restarts, "version": __version__}
        return JSONResponse(
            {"status": "ok" if ready else "no worker", **found}, 200 if ready else 503
        )

    async def failed(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = {404: "not_found", 405: "bad_method"}.get(error.status_code, "refused")
        return _error(error.status_code, code, error.detail, dict(error.headers or {}))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await state.pool.open()
        try:
            yield
        except asyncio.CancelledError:  # by a second SIGINT: nothing to be told of
            pass
        finally:
            await state.pool.close()

    app = Starlette(
        routes=[
            Route("/v1/image", _Endpoint(state, "image")),
            Route("/v1/features", _Endpoint(state, "features")),
            Route("/v1/presets", presets),
            Route("/healthz", health),
            Route("/openapi.json", openapi),
            Route("/", home),
        ],
        exception_handlers={HTTPException: failed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # to wherever the Host header says
    return app


def _page() -> tuple[str, str]:
    """Return the page, and the policy that lets its own script run and no other."""
    page = (resources.files("melpix.serving") / "serve.html").read_text("utf-8")
    found = re.search(r"<script>(.*?)</script>", page, re.S)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, policy


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._listening = listening
        self._signum: int | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._signum = sig
        super().handle_exit(sig, frame)

    def run(self, sockets: Any = None) -> None:
        super().run(sockets)
        if self._signum is not None:  # uvicorn raises it again, which not every loop lets through
            raise Stopped(self._signum)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for each in server.sockets:
                host, port = each.getsockname()[:2]
                self._listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def run(
    service: Service,
    listening: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    connections: int = 1024,
    grace: float = 10.0,
    access_log: bool = False,
) -> bool:
    """Serve until SIGINT or SIGTERM; then requests under way get `grace` seconds to end.

    Parameters
    ----------
    service : Service
    listening : callable
        Told the address, once there is one.
    connections : int
        At once; more are refused with 503.

    Returns
    -------
    bool
        Whether it has come as far as to listen; False, as a rule.

    Raises
    ------
    Stopped
        By a signal, when all is done.
    """
    config = uvicorn.Config(
        _Direct(create_app(service)),
        http=Protocol,
        host=host,
        port=port,
        log_level="info" if access_log else "warning",
        access_log=access_log,
        limit_concurrency=connections,
        timeout_graceful_shutdown=max(1, round(grace)),
        server_header=False,
        proxy_headers=False,  # nothing here depends on where a request came from
        ws="none",
    )
    server = _Server(config, listening)
    server.run()
    return server.started
