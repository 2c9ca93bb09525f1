"""python -m releaser: the command line, where no script is installed."""

from releaser.cli.main import main

main()
