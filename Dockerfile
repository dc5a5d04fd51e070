# The service in a container, for this machine only:
#   docker build --tag mien .
#   docker run --read-only --tmpfs /tmp --publish 127.0.0.1:8000:8000 mien --no-keys
# See docs/service.md.

FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /opt/mien
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN /opt/mien/bin/pip install --no-cache-dir -c constraints.txt '.[serve,report]'

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin mien
COPY --from=build /opt/mien /opt/mien
# Nothing is written but to /tmp: the caches of libraries too.
ENV PATH=/opt/mien/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MIEN_CACHE=/tmp/mien \
    MPLCONFIGDIR=/tmp/matplotlib \
    MIEN_SERVE_HOST=0.0.0.0 \
    MIEN_SERVE_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['MIEN_SERVE_PORT'] + '/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["mien", "serve"]
CMD []
