"""How does a running release look at a terminal? The view of views/release.py, drawn again and again by rich."""

from rich.console import Console
from rich.live import Live
from rich.text import Text

from releaser.cli.follow import Following
from releaser.cli.lines import KEYS, Line, line, wrapped
from releaser.cli.render import STYLES
from releaser.cli.run import Run
from releaser.cli.views.release import release_lines

__all__ = ["LiveView"]


class LiveView:
    """Implements narrate.Teller on stderr, which must be a terminal."""

    every = 0.25

    def __init__(self, run: Run) -> None:
        self.run = run
        color = run.options.color is not False and run.screen.color is not False
        self.console = Console(
            file=run.screen.err_stream, no_color=not color, highlight=False, markup=False, emoji=False
        )
        self.live = Live(
            Text(""),
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.live.start()

    def news(self, following: Following) -> None:
        self.idle(following)

    def idle(self, following: Following) -> None:
        lines = release_lines(following, self.run.now())
        width = self.console.width
        shown = [piece for one in lines for piece in wrapped(one, width, KEYS)][: max(3, self.console.height - 1)]
        self.live.update(Text("\n").join(_text(one) for one in shown), refresh=True)

    def said(self, sentence: str) -> None:
        """It stays on the screen, above the view."""
        self.live.console.print(_text(line(sentence)))

    def end(self, following: Following) -> None:
        self.idle(following)
        self.live.stop()


def _text(parts: Line) -> Text:
    text = Text()
    for piece, style in parts:
        text.append(piece, style=STYLES[style] or None)
    return text
