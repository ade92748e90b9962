"""Whose server an address names: this machine's, one of one's own network, or somebody else's."""

import ipaddress
import os

_OWN_NAMES = (".local", ".internal", ".lan", ".localhost")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def this_machine_alone() -> bool:
    """Whether the user allows this machine and no other (NATSTAT_LOOPBACK_ONLY)."""
    return os.environ.get("NATSTAT_LOOPBACK_ONLY", "") not in {"", "0"}


def is_forbidden(host: str) -> bool:
    """Whether the user forbids to ask a host."""
    return this_machine_alone() and not is_loopback(host)


def is_own(host: str) -> bool:
    """Whether a host lies in a network of one's own: by a private address, or a name that no domain has.

    Servers there mostly want no key, and answer a few calls at once, slowly.
    """
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_OWN_NAMES)
