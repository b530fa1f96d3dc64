# The binary holds the time zones; the authorities for TLS come from Debian.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /postroom ./cmd/postroom \
 && mkdir -p /rootfs/etc/ssl/certs /rootfs/var/lib/postroom /rootfs/etc/postroom /rootfs/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
 && printf 'postroom:x:10001:10001:Postroom:/var/lib/postroom:/sbin/nologin\n' > /rootfs/etc/passwd \
 && printf 'postroom:x:10001:\n' > /rootfs/etc/group \
 && chown -R 10001:10001 /rootfs/var/lib/postroom \
 && chmod 1777 /rootfs/tmp

FROM scratch
COPY --from=build /rootfs/ /
COPY --from=build /postroom /usr/bin/postroom
# A number, not a name: so that runAsNonRoot can be checked.
USER 10001:10001
# postroom.toml and rotation.toml are mounted read-only at /etc/postroom, with
# [state] dir = "/var/lib/postroom". The root file system may be read-only.
ENV POSTROOM_CONFIG=/etc/postroom/postroom.toml
WORKDIR /var/lib/postroom
VOLUME /var/lib/postroom
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=1m CMD ["/usr/bin/postroom", "status", "--json"]
ENTRYPOINT ["/usr/bin/postroom"]
CMD ["run"]
