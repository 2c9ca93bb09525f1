"""What is asked and said when a running application is taken in?"""

from releaser.cli.answer import done
from releaser.cli.run import Reply, Run

__all__ = ["adopt"]


def adopt(run: Run, version: str | None) -> Reply:
    session = run.session()
    adopted = session.adopt(version)
    fix = (f"releaser plan VERSION -e {session.name}",)
    said = f"{adopted.release} is the stable release of {session.name} now; no traffic was moved"
    return Reply(done(session.name, said, release=adopted.release, version=adopted.version, fix=fix))
