"""Where do hosts keep the variables of a release, and what does a restart of one ask of people? In words. Pure."""

from releaser.config.environment import Environment

__all__ = ["reboot_needs", "say_kept"]

WORDS = {
    "file": "by each host with the release, on its disk, in a file of mode 0600",
    "sealed": "by each host with the release, on its disk, sealed with the host's own key",
    "memory": "by each host in its memory, on no disk",
}


def say_kept(environment: Environment) -> str:
    return WORDS[environment.secrets.kept]


def reboot_needs(environment: Environment) -> str:
    """One sentence; empty where a restart asks nothing."""
    if environment.secrets.kept != "memory":
        return ""
    return (
        f"a host that restarts serves nothing until: releaser recover -e {environment.name}, which asks the store of its "
        "secrets (secrets: { reboot: needs-vault })"
    )
