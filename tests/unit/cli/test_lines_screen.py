"""Lines without a life of their own, and a screen that nobody may be reading."""

import errno
import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from releaser.cli.lines import aligned, line, plain, row, text_of, width_of, wrapped
from releaser.cli.render import ANSI, STYLES, Screen


@given(st.text())
def test_nothing_that_moves_a_cursor_gets_through(text: str) -> None:
    assert plain(text).isprintable()


def test_what_is_neutralised_is_still_seen() -> None:
    assert plain("a\x1b[31mb\nc") == "a\\x1b[31mb c"


@given(
    st.lists(st.text(alphabet="ab 1é·", min_size=0, max_size=30), max_size=6), st.integers(20, 60), st.integers(0, 12)
)
def test_wrapping_keeps_every_word_within_the_width(parts: list[str], width: int, indent: int) -> None:
    whole = line(*parts)
    lines = wrapped(whole, width, indent)
    assert all(width_of(one) <= width for one in lines)
    if width_of(whole) > width:
        longest = max(map(len, text_of(whole).split()), default=0)
        if longest <= width - indent:
            assert " ".join(text_of(one) for one in lines).split() == text_of(whole).split()


def test_wrapping_keeps_the_styles_with_their_words() -> None:
    lines = wrapped(row("judge", ("bad", "bad"), ": ", "one two three four five six seven"), 30, 12)
    assert ("bad", "bad") in lines[0]
    assert text_of(lines[1]).startswith(" " * 12)


def test_a_command_and_a_number_with_its_unit_stay_in_one_piece() -> None:
    commands = row(
        "do", ("releaser rollback -e production", "strong"), " | ", ("releaser pause -e production", "strong")
    )
    assert [text_of(one).strip() for one in wrapped(commands, 60, 12)] == [
        "do          releaser rollback -e production |",
        "releaser pause -e production",
    ]
    assert text_of(wrapped(line("web/lb2 serves 1.4.2 with 25 %"), 28)[1]) == "25 %"


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    lines = aligned([(line("a"), line("long"), line("x")), (line("bbb"), line("s"), line("y"))])
    assert [text_of(one) for one in lines] == ["a    long  x", "bbb  s     y"]


class Gone(io.StringIO):
    """A stream whose reader went away."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, "gone")


def test_a_reader_that_went_away_is_swallowed_and_the_rest_goes_to_a_file(tmp_path: Path) -> None:
    log = tmp_path / "state" / "unread.log"
    for number in (errno.EPIPE, errno.EIO):
        screen = Screen(Gone(number), Gone(number), overflow=lambda: log)
        screen.data([line("the answer")])
        screen.note(line("progress"))
        screen.text("{}")
    assert log.read_text().splitlines() == ["the answer", "progress", "{}"] * 2


def test_a_full_disk_for_the_rest_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    Screen(Gone(errno.EPIPE), io.StringIO(), overflow=lambda: blocked / "log").data([line("x")])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_only_where_it_is_wanted() -> None:
    for stream, color, colored in (
        (io.StringIO(), None, False),
        (Terminal(), None, True),
        (Terminal(), False, False),
        (io.StringIO(), True, True),
    ):
        Screen(stream, io.StringIO(), color=color, overflow=Path).data([line(("bad", "bad"))])
        assert ("\x1b[" in stream.getvalue()) == colored


def test_no_style_is_lost_on_a_white_or_a_black_ground() -> None:
    """No yellow, white, black, grey or dim, plain or bright; and nothing but bold for what has no meaning of its own."""
    codes = {code for style in ANSI.values() for code in style.split(";") if code}
    assert codes <= {"1", "31", "32", "35"}
    words = {word for style in STYLES.values() for word in style.split()}
    assert words <= {"bold", "red", "green", "magenta"}
    assert ANSI.keys() == STYLES.keys()
