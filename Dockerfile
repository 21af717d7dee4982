# One image for the server, for jobs on AWS Batch and for the Lambda function.
#
#   BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --platform linux/amd64 --build-arg VERSION=v1 -t lockkeeper .
#
# Lambda takes no image index, hence no attestations. docs/aws.md, "The image",
# says how each download is verified, and where the list of contents is.

ARG GO_VERSION=1.26.8
ARG DEBIAN=bookworm

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-${DEBIAN} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=
RUN mkdir /out \
 && CGO_ENABLED=0 GOOS="$TARGETOS" GOARCH="$TARGETARCH" go build -trimpath -ldflags="-s -w ${VERSION:+-X main.release=$VERSION}" \
      -o /out/ . ./runner/lockkeeper-runner ./policy/rego/lockkeeper-evaluator

# hc-install checks the signature of HashiCorp's checksums with the key that is
# compiled into it; Go checks hc-install against its checksum database.
# OpenTofu's checksums come over TLS: TOFU_SHA256 pins the archive beyond that.
FROM golang:${GO_VERSION}-${DEBIAN} AS terraform
ARG HC_INSTALL_VERSION=0.10.0
RUN go install "github.com/hashicorp/hc-install/cmd/hc-install@v${HC_INSTALL_VERSION}" && mkdir /out
ARG TERRAFORM_VERSION=1.11.4
RUN hc-install install -version "$TERRAFORM_VERSION" -path /out terraform
ARG TARGETARCH
ARG TOFU_VERSION=1.10.1
ARG TOFU_SHA256=
WORKDIR /tofu
RUN archive="tofu_${TOFU_VERSION}_linux_${TARGETARCH}.tar.gz" \
 && url="https://github.com/opentofu/opentofu/releases/download/v${TOFU_VERSION}" \
 && curl --proto =https --tlsv1.2 -fsSL -o "$archive" "$url/$archive" \
 && curl --proto =https --tlsv1.2 -fsSL -o SHA256SUMS "$url/tofu_${TOFU_VERSION}_SHA256SUMS" \
 && grep "  ${archive}\$" SHA256SUMS > wanted \
 && if [ -n "$TOFU_SHA256" ]; then echo "$TOFU_SHA256  $archive" > wanted; fi \
 && sha256sum --strict -c wanted \
 && tar -xzf "$archive" -C /out tofu

# The modules that each program was built from.
FROM build AS contents
COPY --from=terraform /out/ /out/
RUN go version -m /out/* > /contents.txt

FROM debian:${DEBIAN}-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home lockkeeper \
 && install -d -o lockkeeper -g lockkeeper -m 0700 /var/lib/lockkeeper \
 && install -d /usr/share/lockkeeper \
 && dpkg-query -W > /usr/share/lockkeeper/debian.txt
COPY --from=contents /contents.txt /usr/share/lockkeeper/modules.txt
COPY --from=terraform /out/ /usr/local/bin/
COPY --from=build /out/ /usr/local/bin/
USER 10001:10001
WORKDIR /home/lockkeeper
ENTRYPOINT ["/usr/local/bin/lockkeeper"]
