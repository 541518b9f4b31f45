"""What questions may be asked with: values that are checked alike by several."""

from __future__ import annotations

from embedex.errors import InputError
from embedex.results import By


def at_least_one(value: int, name: str) -> None:
    """Refuse a number below 1."""
    if value < 1:
        flag = f"-{name}" if len(name) == 1 else f"--{name}"
        raise InputError(f"{name} is {value}; it must be at least 1.", cure=f"For example: {flag} 10")


def removable(remove_top: int, by: By, centred: bool | None) -> int:
    """How many principal components to take away, once it is sure that this can be."""
    if remove_top < 0:
        raise InputError(f"--remove-top {remove_top} is out of range.", allowed="At least 0.")
    if remove_top and by == "map":
        raise InputError("--remove-top is not for --by map.", cure="Compare by text, image or fused.")
    if remove_top and centred is False:
        raise InputError("--remove-top takes principal components away after centring.", cure="Leave out --raw.")
    return remove_top


def check_name(name: str, what: str) -> None:
    """Refuse a name that could not be a file's; `what` it would name."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} cannot name {what}.", allowed="Letters, digits, - and _.")
