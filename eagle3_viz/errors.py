"""The errors that a user can mend."""


class InputError(ValueError):
    """Bad input: the message names what is wrong and what to do about it. Nothing was lost."""
