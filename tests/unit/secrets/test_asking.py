"""What a probe sends where its header is a secret: the value when it was looked up, and nothing of it on a way back."""

from collections.abc import Mapping, Sequence
from typing import Any

from releaser.adapters.probes.http import HttpOptions
from releaser.engine.asking import asking
from releaser.engine.registry import Registry

HEADERS = {"X-Plain": "a", "Authorization": "vault:secret/shop#probe"}


class Noting:
    """Stands for a probe: keeps what it was made with."""

    def __init__(self, options: Any, endpoints: Sequence[Any], headers: Mapping[str, str] | None = None) -> None:
        self.options = options
        self.headers = headers


def made(options: Any, values: Mapping[str, str]) -> Any:
    def told(texts: Mapping[str, str]) -> dict[str, str]:
        return {name: values.get(text, text) for name, text in texts.items()}

    return asking(Noting, options, [], told, Registry.installed())  # type: ignore[arg-type]  # it is never read


def test_a_looked_up_header_is_handed_beside_the_options_which_keep_the_reference() -> None:
    options = HttpOptions(headers=HEADERS, version="$.version")
    probe = made(options, {"vault:secret/shop#probe": "Bearer hunter2"})
    assert probe.headers == {"X-Plain": "a", "Authorization": "Bearer hunter2"}
    assert probe.options == options


def test_without_its_header_a_probe_only_asks_whether_the_application_answers() -> None:
    probe = made(HttpOptions(headers=HEADERS, version="$.version", status="200"), {})
    assert probe.headers is None
    assert probe.options.headers == {"X-Plain": "a"}
    assert probe.options.version == "process"
    assert [probe.options.accepts(status) for status in (200, 401, 403, 500, 503)] == [True, True, True, False, False]


def test_a_probe_without_secret_headers_is_made_as_it_is() -> None:
    options = HttpOptions(headers={"X-Plain": "a"}, status="204")
    probe = made(options, {})
    assert (probe.options, probe.headers) == (options, None)


def test_a_probe_that_sends_no_headers_at_all_needs_none() -> None:
    assert made(object(), {}).headers is None
