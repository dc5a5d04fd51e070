"""`WS /v1/stream`: analyze a client's camera frames; of frames that arrive too fast only the newest is analyzed."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from math import prod
from typing import Any

import anyio
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from mien.documents import SCHEMA
from mien.errors import ImageError, InputError, suggest
from mien.images import load_image
from mien.recognizer import EmotionRecognizer
from mien.serve.engine import Engine, RequestOptions
from mien.serve.fairness import Turn
from mien.serve.middleware.keys import SUBPROTOCOL
from mien.serve.problems import ProblemError
from mien.serve.state import client_of, engine_of
from mien.video.analysis import FrameAnalyzer
from mien.video.io.frames import Frame
from mien.video.options import AnalysisOptions
from mien.video.schedule import DetectionSchedule
from mien.video.tracking.smoothing import Smoother
from mien.video.tracking.tracker import Tracker

router = APIRouter()

USUAL_FRAME = (480, 640)
"""Height and width of a frame whose size is not known yet, to count it."""

TRY_AGAIN, TOO_LARGE, GOING_AWAY = 1013, 1009, 1001
"""Close codes of WebSockets, RFC 6455."""


NUMBERS = ("min_face", "min_confidence", "set_coverage", "smoothing")
"""Settings of a stream that are numbers."""


@dataclass(frozen=True)
class StreamSettings:
    """Settings of a stream: query parameters at the start, and JSON messages at any time.

    Attributes:
        labels: name of the head; None: the service's default, as for the next three.
        detector: name of the detector.
        min_face: pixels of a box's shorter side below which faces are left out.
        min_confidence: probability, 0 to 1, below which the emotion is "uncertain".
        flip: average each face with its mirror image.
        prior: how frequent the emotions are, as text; None: the service's default, as for the next two.
        set_coverage: share of cases in which a face's set of emotions holds the right one.
        set_kind: what that share holds for: "emotion" or "all".
        smoothing: seconds over which probabilities are averaged.
    """

    labels: str | None = None
    detector: str | None = None
    min_face: float | None = None
    min_confidence: float | None = None
    flip: bool = False
    prior: str | None = None
    set_coverage: float | None = None
    set_kind: str | None = None
    smoothing: float = AnalysisOptions.smoothing

    def request_options(self) -> RequestOptions:
        """Return the options of the recognizer."""
        shared = {each.name: getattr(self, each.name) for each in fields(RequestOptions)}
        return RequestOptions(**shared)

    def changed(self, values: Any) -> StreamSettings:
        """Return the settings with the values of a JSON object; raise InputError for a wrong name or value."""
        if not isinstance(values, dict):
            raise InputError(f"settings: expected a JSON object, got {type(values).__name__}")
        numbers = dict.fromkeys(NUMBERS, (int, float))
        kinds = {"flip": bool, **dict.fromkeys(("labels", "detector", "prior", "set_kind"), str), **numbers}
        for name, value in values.items():
            if name not in kinds:
                raise InputError(f"settings: no {name!r}; {suggest(str(name), kinds)}")
            if not isinstance(value, kinds[name]) or (isinstance(value, bool) and name != "flip"):  # type: ignore[arg-type]
                raise InputError(f"settings: {name} cannot be {json.dumps(value)[:50]}")
        return replace(self, **values)

    @classmethod
    def of_query(cls, parameters: Any) -> StreamSettings:
        """Make the settings of query parameters; raise InputError for a wrong value."""
        values: dict[str, Any] = {}
        names = [each.name for each in fields(cls)]
        for name in parameters:
            if name not in names:
                raise InputError(f"query: this address has no parameter {name[:50]!r}; {suggest(name, names)}")
        for each in fields(cls):
            text = parameters.get(each.name)
            if text is None:
                continue
            try:
                number = each.name in NUMBERS
                values[each.name] = (
                    float(text) if number else text.lower() in ("1", "true") if each.name == "flip" else text
                )
            except ValueError as error:
                raise InputError(f"{each.name}: expected a number, got another word") from error
        return cls(**values)


class StreamSession:
    """The state of one stream: the newest frame that waits, and the analyzer with its tracks.

    Args:
        socket: the client's WebSocket, accepted.
        engine: the engine.
        settings: the settings at the start.

    Attributes:
        dropped: frames that were replaced by a newer one before they were analyzed.
    """

    def __init__(self, socket: WebSocket, engine: Engine, settings: StreamSettings) -> None:
        self.socket, self.engine, self.settings = socket, engine, settings
        self.dropped = 0
        self._client = client_of(socket)
        self._received = 0
        self._began: float | None = None
        self._waiting: tuple[int, float, bytes] | None = None
        self._arrived = asyncio.Event()
        self._size: tuple[int, int] | None = None
        self._analyzer = self._new_analyzer()

    def _recognizer(self, settings: StreamSettings) -> EmotionRecognizer:
        return self.engine.recognizer(settings.request_options())

    def _new_analyzer(self, first: int = 1) -> FrameAnalyzer:
        smoother = Smoother(self.settings.smoothing)
        return FrameAnalyzer(
            self._recognizer(self.settings), DetectionSchedule(None, True), Tracker(first=first), smoother, "stream"
        )

    async def receive(self) -> None:
        """Receive frames and settings until the client disconnects; raise TimeoutError after too long a silence."""
        while True:
            with anyio.fail_after(self.engine.settings.stream_seconds):
                message = await self.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                self._take(message["bytes"])
            else:
                await self._set(message.get("text") or "")

    def _take(self, content: bytes) -> None:
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        if self._waiting is not None:
            self.dropped += 1
            self.engine.metrics.frames.labels("dropped").inc()
        self._waiting = (self._received, now - self._began, content)
        self._received += 1
        self._arrived.set()

    async def _set(self, text: str) -> None:
        try:
            settings = self.settings.changed(json.loads(text))
            self._analyzer.switch_to(self._recognizer(settings), settings.smoothing)
            self.settings = settings
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, InputError) else "settings: expected JSON, got something else"
            await self._send({"schema": SCHEMA, "error": ProblemError(422, reason, "input").to_dict()})

    async def answer(self) -> None:
        """Analyze the newest frame and send the result, repeatedly, until it is cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                await self._answer(*waiting)

    async def _answer(self, number: int, seconds: float, content: bytes) -> None:
        began = time.perf_counter()
        document: dict[str, Any] = {"schema": SCHEMA, "frame": number}
        try:
            turn = Turn(self._client, self, prod(self._size or USUAL_FRAME) / 1e6, live=True)
            image = await self.engine.run(partial(self._analyze, number, seconds, content), turn)
        except ImageError as error:
            self.engine.metrics.frames.labels("unread").inc()
            document["error"] = ProblemError(422, f"frame: {error.reason}", "unreadable").to_dict()
        else:
            self.engine.metrics.frames.labels("read").inc()
            document |= {
                "dropped": self.dropped,
                "time": round(seconds, 4),
                "milliseconds": round(1e3 * (time.perf_counter() - began), 1),
                "image": image,
            }
        await self._send(document)

    def _analyze(self, number: int, seconds: float, content: bytes) -> dict[str, Any]:
        """Decode and analyze a frame; runs in a thread."""
        settings = self.engine.settings
        image = load_image(content, min(settings.max_pixels, settings.max_frame_pixels))
        if self._size not in (None, image.shape[:2]):  # another camera: earlier faces cannot be tracked into it
            self._analyzer = self._new_analyzer(self._analyzer.tracker.next_number)
        self._size = image.shape[:2]
        return self._analyzer.analyze(Frame(seconds, number, image)).faces.to_dict()

    async def _send(self, document: dict[str, Any]) -> None:
        await self.socket.send_text(json.dumps(document, ensure_ascii=False))


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """Analyze the frames of a client until it disconnects."""
    try:
        engine = engine_of(socket)
    except ProblemError as problem:
        await _decline(socket, TRY_AGAIN, problem.detail)
        return
    try:
        session = StreamSession(socket, engine, StreamSettings.of_query(socket.query_params))
    except InputError as error:
        await _decline(socket, 1008, str(error))
        return
    if engine.streams >= engine.settings.max_streams:
        engine.metrics.refused.labels("streams").inc()
        await _decline(socket, TRY_AGAIN, f"{engine.streams} streams are open, as many as may be. Try again later")
        return
    engine.streams += 1
    engine.metrics.streams.inc()
    try:
        await _accept(socket)
        await _run(socket, session)
    finally:
        engine.streams -= 1
        engine.metrics.streams.dec()


async def _run(socket: WebSocket, session: StreamSession) -> None:
    """Receive and answer concurrently until the client disconnects or sends nothing for too long."""
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(session.answer)
            await session.receive()
            group.cancel_scope.cancel()
    except* TimeoutError:
        await _close(socket, GOING_AWAY, "nothing came for too long")
    except* WebSocketDisconnect:  # the client disconnected while a result was sent
        pass


async def _accept(socket: WebSocket) -> None:
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)


async def _decline(socket: WebSocket, code: int, reason: str) -> None:
    """Accept the connection only to close it with a reason, since browsers hide why an upgrade was refused."""
    await _accept(socket)
    await _close(socket, code, reason)


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    if socket.application_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code, reason.encode()[:120].decode(errors="ignore"))
