# The web app and the commands (python -m ingest, python -m search). Weaviate has a container of its own: docker-compose.yml.
FROM python:3.12-slim-trixie

# Another package index than pip's, for example one whose torch is for processors only (pip's brings CUDA with it):
#   docker compose build --build-arg PIP_EXTRA_INDEX_URL=...
# Build arguments stay readable in the image's history: no password in them.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL

# No .pyc files: at run time the file system is read-only.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /app

# The packages first: this layer stays as it is while only the code changes.
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt

# A fixed number, so that a volume keeps its owner from image to image. /data is made here because a new volume takes its owner
# from the image; it is the home folder too, so that model caches land in the volume.
RUN useradd --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin loupe \
    && install --directory --owner=loupe --group=loupe --mode=0700 /data
ENV HOME=/data \
    LOUPE_HOME=/data

# .dockerignore lists what runs; nothing else is in the build context. The files stay root's: the app cannot change its code.
# The mode is set because a checkout may be readable by its owner alone.
COPY --chmod=755 . .

USER 10001:10001
EXPOSE 8501

# 0.0.0.0 is this container's own network; docker-compose.yml publishes the port on 127.0.0.1 alone.
CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true", "--server.fileWatcherType=none"]
