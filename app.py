"""streamlit run app.py: the web app and its HTTP API. A switchboard: parts are chosen here, nothing is computed."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

import assembly
from api import links
from api.connection import Connection
from api.context import AppContext, ingest_job, install, layout_jobs
from api.routes import is_page, routes
from api.same_origin import SameOrigin
from errors import Exit, SettingsError
from ingest.roots import Roots
from layout.store import LayoutStore
from settings import PROJECT, Settings, read_settings


def connection(settings: Settings) -> Connection:
    if settings.weaviate_url:
        return Connection(
            lambda: assembly.own_address(settings),
            lambda: assembly.encoder(settings),
            threshold=assembly.threshold(settings),
            timeout_s=settings.loupe_question_timeout_s,
            cache_mb=settings.loupe_cache_mb,
        )
    server = assembly.local_server(settings)
    return Connection(
        lambda: assembly.joined(server),
        lambda: assembly.encoder(settings),
        server.leave,
        assembly.threshold(settings),
        settings.loupe_question_timeout_s,
        settings.loupe_cache_mb,
    )


def assemble(settings: Settings) -> AppContext:
    layouts = LayoutStore(settings.loupe_home / "layouts")
    return AppContext(
        connection=connection(settings),
        thumbnails=assembly.thumbnails(settings),
        ingestion=ingest_job(settings.loupe_home, PROJECT),
        roots=Roots(settings.loupe_home).all,
        limits=assembly.limits(settings),
        upload_limits=assembly.upload_limits(settings),
        samples=PROJECT / "samples",
        home=settings.loupe_home,
        layouts=layouts,
        maps=layout_jobs(layouts, settings.loupe_home, PROJECT),
        training_runs=settings.loupe_cache / "training" / "runs",
        remote_folders=settings.loupe_remote_folders,
    )


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    context.connection.start()
    yield
    for job in (*context.maps.values(), context.ingestion):
        job.close()
    context.connection.close()


logging.getLogger("app_pages").setLevel(logging.INFO)
try:
    context = assemble(read_settings())
except SettingsError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(Exit.USAGE)
install(context)
served = routes(context, links.prefix())
app = st.App(
    PROJECT / "app_pages" / "main.py",
    routes=[*served],
    middleware=[
        Middleware(
            SameOrigin,
            is_page=partial(is_page, served=served, prefix=links.prefix()),
            allowed=st.get_option("server.corsAllowedOrigins"),
        ),
        Middleware(TrustedHostMiddleware, allowed_hosts=st.get_option("server.allowedHosts") or ["*"]),
    ],
    lifespan=lifespan,
)
