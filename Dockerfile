# syntax=docker/dockerfile:1
# Watchword in a container: one static binary, nothing else to run, nobody's shell.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t watchword .
#   docker run --rm -p 127.0.0.1:8080:8080 -v watchword:/data --read-only --cap-drop ALL watchword
#
# deploy/ has what to run beside it.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=$VERSION" -o /out/watchword ./cmd/watchword \
    && install -d -m 0700 /out/data

FROM scratch
LABEL org.opencontainers.image.title="Watchword" \
      org.opencontainers.image.description="Sign-in server: users, sessions, and tokens that are replaced at every use" \
      org.opencontainers.image.source="https://github.com/watchwordauth/watchword"
# For databases and collectors that are reached by TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/watchword /usr/local/bin/watchword
# A volume that is new takes over whose the folder is.
COPY --from=build --chown=65532:65532 /out/data /data

# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
# Inside a container every address is its own; what is published is docker's -p.
ENV PATH=/usr/local/bin \
    WATCHWORD_DATA=/data \
    WATCHWORD_LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["watchword", "ready"]
ENTRYPOINT ["watchword"]
CMD ["serve"]
