# maxbridge in a container: docs/docker.md. Build: docker build -t maxbridge .
# syntax=docker/dockerfile:1

FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY . .
# The versions that were tested; nothing else is built or fetched later.
RUN python -m venv /opt/maxbridge \
    && /opt/maxbridge/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt . \
    && /opt/maxbridge/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="maxbridge" \
      org.opencontainers.image.description="Joins the messenger MAX with the help desk FreeScout" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/maxbridge /opt/maxbridge
# A number, so that Kubernetes can see that it is not root. The folder is the user's: a new volume takes that over.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/maxbridge
# The two last name files with secrets; they are none themselves.
# hadolint ignore=DL3064
ENV PATH=/opt/maxbridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/maxbridge \
    MAXBRIDGE_STORE__PATH=/var/lib/maxbridge/maxbridge.db \
    MAXBRIDGE_MAX__TOKEN_FILE=/run/secrets/max_token \
    MAXBRIDGE_FREESCOUT__API_KEY_FILE=/run/secrets/freescout_api_key
USER 10001:10001
WORKDIR /var/lib/maxbridge
VOLUME /var/lib/maxbridge
STOPSIGNAL SIGTERM
# 2 is DOWN. With 1 (DEGRADED) something waits for a person, and a restart would not help.
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "maxbridge status --nagios; [ $? -le 1 ]"]
CMD ["maxbridge", "run"]
