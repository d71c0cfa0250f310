"""Where the browser is that a page is drawn for: on this machine, or elsewhere on the network."""

import ipaddress

import streamlit as st
from starlette.datastructures import URL

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")
"""A proxy adds one of these: then the address of the connection is the proxy's, and tells nothing of the browser's."""


def is_here() -> bool:
    """Whether the browser runs on this machine, as far as can be told: by the address it comes from, and by the name it
    asks for. Through a proxy it counts as elsewhere."""
    headers = st.context.headers
    if any(name in headers for name in FORWARDED):
        return False
    asked = URL(f"//{headers.get('Host') or 'localhost'}").hostname
    opened = URL(headers.get("Origin") or "//localhost").hostname
    return all(map(_is_this_machine, (asked, opened, st.context.ip_address or "localhost")))


def _is_this_machine(name: str | None) -> bool:
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
