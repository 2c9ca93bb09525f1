from pathlib import Path

import pytest

from releaser.config.playbook import Playbook, load_playbook, playbook_names, read_playbook
from releaser.config.tree import Table
from releaser.config.yaml_source import read_text
from releaser.errors import ConfigError

SHIPPED = Path(__file__).parents[3] / "playbooks"


def read(text: str) -> Playbook:
    tree = read_text(text, lambda line: f"playbooks/x.yaml:{line}", "playbooks/x.yaml")
    assert isinstance(tree, Table)
    return read_playbook(tree, "x")


def test_the_shipped_ones_are_sound() -> None:
    assert playbook_names([SHIPPED]) == ("blue-green", "canary", "demo", "hotfix", "rolling")
    for name in playbook_names([SHIPPED]):
        playbook = load_playbook([SHIPPED], name)
        assert playbook.steps[-1].weight == 100
        assert playbook.budget.deadman + 1.0 <= playbook.budget.rollback, name
        assert not any(step.approve for step in playbook.steps), "nobody waits for a person who was not named"


def test_canary_goes_as_documented() -> None:
    canary = load_playbook([SHIPPED], "canary")
    assert [step.weight for step in canary.steps] == [1, 5, 25, 50, 100]
    assert [step.at_least for step in canary.steps] == [0, 15, 0, 0, 0]
    assert (canary.bake, canary.judge.alpha, canary.judge.errors.within) == (600, 0.01, 0.005)
    assert (canary.budget.rollback, canary.budget.deadman, canary.on_failure) == (60, 20, "rollback")


def test_a_projects_own_playbook_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "playbooks"
    own.mkdir()
    (own / "canary.yaml").write_text("steps: [{weight: 100%}]\n")
    assert len(load_playbook([own, SHIPPED], "canary").steps) == 1
    assert load_playbook([own, SHIPPED], "hotfix").name == "hotfix"


def test_approvals_are_read() -> None:
    text = "steps: [{weight: 50%, approve: {by: release-managers, within: 24h, else: hold}}, {weight: 100%}]"
    asked = read(text).steps[0].approve
    assert asked is not None
    assert (asked.by, asked.within, asked.otherwise) == ("release-managers", 86400, "hold")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: [{weight: 5%}]", "the last one must be 100%"),
        ("steps: [{weight: 50%}, {weight: 5%}, {weight: 100%}]", "must rise"),
        ("steps: []", "x.yaml:1: steps"),
        ("strategy: canary", "steps is missing"),
        ("steps: [{weight: 0.5%}, {weight: 100%}]", "whole percentage"),
        ("steps: [{weight: 5}, {weight: 100%}]", "steps[0].weight is '5': a weight is a whole percentage"),
        ("strategy: blue-green\nsteps: [{weight: 5%}, {weight: 100%}]", "blue-green has one step"),
        ("strategy: bluegreen\nsteps: [{weight: 100%}]", "x.yaml:1: strategy is 'bluegreen'"),
        ("steps: [{weight: 100%}]\nbudget: {rolback: 5s}", "x.yaml:2: there is no key 'budget.rolback'; did you mean 'rollback'?"),
        ("steps: [{weight: 100%, wait: 5s}]", "there is no key 'steps[0].wait'"),
        ("steps: [{weight: 100%}]\nhooks: {before: []}", "x.yaml:2: hooks (hooks) is not there yet"),
        ("steps: [{weight: 100%, sticky: {cookie: x}}]", "(sticky sessions) is not there yet"),
        ("steps: [{weight: 100%}]\njudge: {p95: {below: 200ms}}", "(judging latency) is not there yet"),
        ("steps: [{weight: 100%}]\njudge: {errors: {not_worse_than: 0.9x}}", "judge.errors.not_worse_than"),
    ],
)  # fmt: skip
def test_each_mistake_gets_one_sentence_with_its_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in caught.value.message


def test_an_unknown_playbook_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean 'canary'"):
        load_playbook([SHIPPED], "canery")
    with pytest.raises(ConfigError, match="there is no playbook"):
        load_playbook([SHIPPED], "../canary")
