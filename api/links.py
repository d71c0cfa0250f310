"""Addresses within this app, for pages and answers: below the prefix that `server.baseUrlPath` gives all of them."""

import streamlit as st


def prefix() -> str:
    """What stands before every path: "", or for example "/loupe"."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}" if base else ""


def link(path: str) -> str:
    """The address of `path`, which begins with a slash."""
    return prefix() + path
