import pytest

from releaser.onhost.httpget import body, get, header


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 404 Not Found\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_a_whole_answer(answer: bytes, expected: bytes) -> None:
    assert body(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_an_answer_that_is_none_or_was_cut_short(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        body(answer)


def test_no_time_left() -> None:
    with pytest.raises(TimeoutError):
        get("http://127.0.0.1:9/", 0.0)


def test_a_header_by_its_name_in_any_case() -> None:
    answer = b"HTTP/1.1 418 I'm a teapot\r\nX-Releaser-Generation: 1004\r\n\r\n"
    assert header(answer, "x-releaser-generation") == "1004"
    assert header(answer, "x-version") == ""
    with pytest.raises(ValueError, match="not an HTTP answer"):
        header(b"", "x-version")
