"""Why a command is not carried out."""


class CommandError(Exception):
    """The command cannot be carried out, and has changed nothing; the text says why."""


class UsageError(Exception):
    """What was typed cannot be meant."""
