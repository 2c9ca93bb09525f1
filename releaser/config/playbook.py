"""How does a release reach everyone? The checked form of playbooks/NAME.yaml."""

from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from releaser.config.durations import Duration, Ratio, Share, Weight
from releaser.config.kinds import known_keys
from releaser.config.later import PLAYBOOK_LATER, refuse_later
from releaser.config.layers import read_table
from releaser.config.names import Name, did_you_mean, good_name
from releaser.config.problems import config_error, told
from releaser.config.tree import Table, plain
from releaser.errors import ConfigError

__all__ = ["Errors", "Judge", "Limits", "Playbook", "StepForm", "load_playbook", "playbook_names", "read_playbook"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class ApprovalForm(Section):
    """Waiting stops the step's and the release's clocks, not the judge."""

    by: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@._ -]{1,64}$")]
    """Who is asked; it is shown to them and stands in the journal."""
    within: Duration = 86400.0
    """How long they have."""
    otherwise: Annotated[Literal["rollback", "hold"], Field(alias="else")] = "rollback"
    """What follows when nobody answers."""


class StepForm(Section):
    weight: Weight
    """The candidate's share of the traffic; the last one is `100%`."""
    at_least: Duration = 0.0
    """However early the evidence is in."""
    approve: ApprovalForm | None = None
    """A person's word before the next step."""


class Errors(Section):
    """The candidate's error rate against the version beside it."""

    not_worse_than: Annotated[Ratio, Field(ge=1.0, le=10.0)] = 1.1
    """How much higher the candidate's error rate may be."""
    within: Annotated[Share, Field(gt=0.0, le=0.2)] = 0.005
    """The tolerance of the last step, as an absolute rate; earlier steps have a wider one."""
    ceiling: Annotated[Share, Field(gt=0.0)] = 0.05
    """Only with --stable-is-down, where there is nothing to compare with: the highest rate that is still good."""


class Judge(Section):
    errors: Errors = Errors()
    """The candidate's error rate against the version beside it."""
    alpha: Annotated[Share, Field(gt=0.0, le=0.2)] = 0.01
    """How often a good version may be taken back, per release."""
    beta: Annotated[Share, Field(gt=0.0, le=0.2)] = 0.05
    """How often a version that is worse by the tolerance may pass."""


class Limits(Section):
    step: Annotated[Duration, Field(gt=0)] = 900.0
    """For one step."""
    release: Annotated[Duration, Field(gt=0)] = 7200.0
    """For all of it, without what it waits for people."""
    rollback: Annotated[Duration, Field(gt=0)] = 60.0
    """For the way back, from the decision to the last router's answer."""
    deadman: Annotated[Duration, Field(ge=1)] = 20.0
    """A router that nobody renews for so long goes back by itself."""
    ready: Annotated[Duration, Field(gt=0)] = 60.0
    """From the candidate's start to the last of its passes."""


class Playbook(Section):
    """`name` is the file's name."""

    name: Name
    strategy: Literal["canary", "blue-green", "rolling"] = "canary"
    """`blue-green` has one step; `rolling` is as `canary`, and says what it is meant for."""
    steps: Annotated[tuple[StepForm, ...], Field(min_length=1, max_length=100)]
    """The candidate's way to all users."""
    bake: Duration = 600.0
    """How long it is watched at 100 % before it is committed."""
    judge: Judge = Judge()
    """When a release is bad."""
    budget: Limits = Limits()
    """Limits of time."""
    on_failure: Literal["rollback", "hold"] = "rollback"
    """What a bad verdict means: `rollback`, or `hold`: stay and call a person."""

    @model_validator(mode="after")
    def _steps_rise(self) -> Self:
        weights = [step.weight for step in self.steps]
        if weights != sorted(set(weights)) or weights[-1] != 100:
            raise ValueError(f"the steps {weights} must rise, and the last one must be 100%")
        if self.strategy == "blue-green" and len(weights) > 1:
            raise ValueError("blue-green has one step, 100%; use strategy: canary for smaller ones")
        return self


def load_playbook(folders: Sequence[FilePath], name: str) -> Playbook:
    """Playbook `name` from the first of `folders` that has it: the project's, then the shipped ones. Raises ConfigError."""
    for folder in folders:
        path = folder / f"{name}.yaml"
        if good_name(name) and path.is_file():
            return read_playbook(read_table(path, f"{folder.name}/{name}.yaml"), name)
    hint = did_you_mean(name, playbook_names(folders))
    raise ConfigError(f"there is no playbook {name[:80]!r}; {hint}", code="no-playbook")


def playbook_names(folders: Sequence[FilePath]) -> tuple[str, ...]:
    return tuple(sorted({path.stem for folder in folders for path in folder.glob("*.yaml")}))


def read_playbook(tree: Table, name: str) -> Playbook:
    """The checked playbook. Raises ConfigError with file, line and remedy."""
    refuse_later(tree, PLAYBOOK_LATER)
    given = {key: value for key, value in plain(tree).items() if not key.startswith("x-")}
    try:
        return Playbook.model_validate({**given, "name": name})
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [told(detail, (), known_keys(Playbook, detail["loc"][:-1])) for detail in details]
        raise config_error(problems, tree) from None
