"""Where the browser is that a page is drawn for: on this machine, or elsewhere on the network."""

import ipaddress

import streamlit as st
from starlette.datastructures import URL
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via")
"""A proxy adds one of these: then the address of the connection is the proxy's, and tells nothing of the browser's."""


def is_here() -> bool:
    """Whether the browser runs on this machine, as far as can be told: by the address it comes from, and by the name it
    asks for. Through a proxy it counts as elsewhere."""
    headers = st.context.headers
    if any(name in headers for name in FORWARDED):
        return False
    asked = URL(f"//{headers.get('Host') or ''}").hostname
    opened = URL(headers.get("Origin") or "//localhost").hostname
    return all(map(_is_this_machine, (asked, opened, _address())))


def _address() -> str | None:
    """The one that the browser connected from, None where it is not known. `st.context` gives None for this machine
    too."""
    session = get_script_run_ctx()
    client = get_instance().get_client(session.session_id) if session else None
    return client.client_context.remote_ip if client and client.client_context else None


def _is_this_machine(name: str | None) -> bool:
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
