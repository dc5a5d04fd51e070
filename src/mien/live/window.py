"""A window on the desktop, with pygame (SDL). Knows pixels and keys, nothing of faces."""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mien.errors import InputError, MissingExtraError

Pixels = npt.NDArray[np.uint8]

ESCAPE = "\x1b"

_INSTEAD = "Run it on a desktop, or under `xvfb-run`, or read the video without a window: `mien video --realtime`"
_WITHOUT_SCREEN = ("dummy", "offscreen")
"""SDL's drivers that show nothing; it takes one of them where there is no display."""


class Screen(Protocol):
    """A display that shows pictures and reports pressed keys."""

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""
        ...

    def show(self, image: Pixels) -> None:
        """Show a picture, RGB uint8 (H, W, 3)."""
        ...

    def key(self) -> str:
        """Return the key that was pressed since the last call, as its character; "" if there was none."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Window:
    """A window on the desktop, which opens with the first picture; see `Screen` for its methods.

    The user may resize it: the picture keeps its shape.

    Args:
        title: its title.
        size: (width, height) in pixels; None: that of the picture.
        fullscreen: fill the screen, without borders.

    Raises:
        InputError: no window can be opened.
        MissingExtraError: the extra `live` is not installed.
    """

    def __init__(self, title: str, size: tuple[int, int] | None = None, fullscreen: bool = False) -> None:
        self._pygame = _open_display()
        self._title = title
        self._size = size
        self._fullscreen = fullscreen
        self._surface: Any = None
        self._shape: tuple[int, ...] = ()
        self._keys: list[str] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the user has closed it."""
        self._read_events()
        return self._closed

    def show(self, image: Pixels) -> None:
        """Show a picture, RGB uint8 (H, W, 3)."""
        if self._closed:
            return
        if image.shape != self._shape:
            self._open(image.shape)
        self._read_events()
        pygame, surface = self._pygame, self._surface
        height, width = image.shape[:2]
        scale = min(surface.get_width() / width, surface.get_height() / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        picture = pygame.image.frombuffer(np.ascontiguousarray(image).data, (width, height), "RGB")
        if size != (width, height):
            picture = pygame.transform.smoothscale(picture.convert(), size)
        surface.fill((0, 0, 0))
        surface.blit(picture, ((surface.get_width() - size[0]) // 2, (surface.get_height() - size[1]) // 2))
        pygame.display.flip()

    def key(self) -> str:
        """Return the key that was pressed since the last call, as its character; "" if there was none."""
        self._read_events()
        key = self._keys[-1] if self._keys else ""
        self._keys.clear()
        return key

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()
        self._closed = True

    def _open(self, shape: tuple[int, ...]) -> None:
        """Open the window, or give it the size of a picture of another shape."""
        pygame, first = self._pygame, self._surface is None
        self._shape = shape
        if self._fullscreen and not first:
            return
        pygame.display.set_caption(self._title)
        try:
            self._surface = pygame.display.set_mode(
                (0, 0) if self._fullscreen else self._size or (shape[1], shape[0]),
                pygame.FULLSCREEN if self._fullscreen else pygame.RESIZABLE,
            )
        except pygame.error as error:
            raise InputError(f"live: the window cannot be opened ({error}). {_INSTEAD}") from error

    def _read_events(self) -> None:
        """Take what the user did since the last call; SDL needs it often, or the desktop shows the window as dead."""
        if self._surface is None or self._closed:
            return
        pygame = self._pygame
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self._closed = True
            elif event.type == pygame.KEYDOWN and event.unicode:
                self._keys.append(event.unicode)
            elif event.type == pygame.VIDEORESIZE:
                self._surface = pygame.display.get_surface()


def _open_display() -> Any:
    """Return pygame with its display ready; raise InputError if no window can be opened, with what to do about it."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it prints to standard output
    try:
        import pygame
    except ImportError as error:
        raise MissingExtraError("the live window", "live") from error
    try:
        pygame.display.init()
        shows_nothing = pygame.display.get_driver() in _WITHOUT_SCREEN and "SDL_VIDEODRIVER" not in os.environ
    except pygame.error as error:
        raise InputError(f"live: no window can be opened ({error}). {_INSTEAD}") from error
    if shows_nothing:
        pygame.display.quit()
        raise InputError(
            f"live: expected a display to open a window on, got none (DISPLAY is {_display() or 'not set'}). {_INSTEAD}"
        )
    return pygame


def _display() -> str:
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
