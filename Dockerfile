# syntax=docker/dockerfile:1
# Pullwright as an image: receiver and worker, chosen by the command. `deploy/README.md` says how to run it.
#
# BASE: any glibc image of Debian's or Ubuntu's kind with python3 (3.12 or newer) and its venv module. Not Alpine:
# dulwich's fast modules exist for glibc only. Pin it by digest (`--build-arg BASE=python@sha256:...`) for the
# same image every time.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
# A prefix of its own outside /usr: the sandbox shows /usr to the repository's code, and this is none of its business.
RUN python3 -m venv /opt/pullwright
COPY requirements.lock ./
# Wheels only: no package's own set-up code runs here. Every file's hash stands in the lock file. pip stays in the
# image: set-up in the sandbox takes its index from pip's effective configuration.
RUN /opt/pullwright/bin/pip install --disable-pip-version-check --no-cache-dir --only-binary :all: \
      --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
RUN /opt/pullwright/bin/pip install --disable-pip-version-check --no-cache-dir \
      --no-deps --no-build-isolation --no-index . \
 && /opt/pullwright/bin/python -m compileall -q /opt/pullwright/lib

FROM ${BASE}
# TOOLS: what the repositories' commands find in the sandbox besides Python, e.g. "git build-essential nodejs npm".
ARG TOOLS="git"
# tini reaps what sandboxes leave behind for process 1.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bubblewrap ca-certificates tini ${TOOLS} \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 pullwright \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pullwright \
 && install --directory --owner pullwright --group pullwright --mode 0700 /var/lib/pullwright
COPY --from=build /opt/pullwright /opt/pullwright
ENV PATH=/opt/pullwright/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PULLWRIGHT_DATA_DIR=/var/lib/pullwright \
    PULLWRIGHT_HOST=0.0.0.0 \
    PULLWRIGHT_PORT=8080
# A number, so that "must not run as root" rules can be checked without looking into the image.
USER 10001:10001
WORKDIR /var/lib/pullwright
VOLUME /var/lib/pullwright
EXPOSE 8080
STOPSIGNAL SIGTERM
# Both parts, as the default command runs both; compose.yml asks each service for its own.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["pullwright", "health"]
ENTRYPOINT ["tini", "--", "pullwright"]
CMD ["serve", "--worker"]
