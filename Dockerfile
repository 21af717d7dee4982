# One image for the server, for jobs on AWS Batch and for the Lambda function.
#
#   BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --platform linux/amd64 --build-arg VERSION=v1 -t lockkeeper .
#
# Lambda takes no image index, hence no attestations. docs/aws.md, "The image",
# says how each download is verified, and where the list of contents is.

# The official images without the limit that Docker Hub has for who pulls anonymously.
ARG REGISTRY=public.ecr.aws/docker/library
ARG GO_VERSION=1.26.8
ARG DEBIAN=bookworm
ARG TERRAFORM_VERSION=1.11.4
ARG TOFU_VERSION=1.10.1

FROM --platform=$BUILDPLATFORM ${REGISTRY}/golang:${GO_VERSION}-${DEBIAN} AS build
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

# Both check the signature of the release's checksums with a key that is compiled
# into them; Go checks them against its checksum database.
FROM ${REGISTRY}/golang:${GO_VERSION}-${DEBIAN} AS terraform
ARG HC_INSTALL_VERSION=0.10.0
ARG TOFUDL_VERSION=0.0.1
RUN go install "github.com/hashicorp/hc-install/cmd/hc-install@v${HC_INSTALL_VERSION}" \
 && go install "github.com/opentofu/tofudl/cmd/tofudl@v${TOFUDL_VERSION}" \
 && mkdir /out
ARG TERRAFORM_VERSION
RUN hc-install install -version "$TERRAFORM_VERSION" -path /out terraform
ARG TOFU_VERSION
RUN tofudl --version "$TOFU_VERSION" --output /out/tofu
# hc-install lets nobody but root run what it installed.
RUN chmod 0755 /out/terraform /out/tofu

FROM ${REGISTRY}/debian:${DEBIAN}-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home lockkeeper \
 && install -d -o lockkeeper -g lockkeeper -m 0700 /var/lib/lockkeeper \
 && dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' > /debian.txt

# What all of it is made of.
FROM build AS contents
ARG TERRAFORM_VERSION
ARG TOFU_VERSION
COPY --from=terraform /out/ /other/
COPY --from=base /debian.txt /
RUN deploy/sbom/programs.sh /sbom "/out/lockkeeper=$VERSION" "/out/lockkeeper-runner=$VERSION" "/out/lockkeeper-evaluator=$VERSION" \
      "/other/terraform=v$TERRAFORM_VERSION" "/other/tofu=v$TOFU_VERSION" \
 && deploy/sbom/debian.sh < /debian.txt > /sbom/debian.cdx.json

FROM base
COPY --from=contents /sbom/ /usr/share/lockkeeper/sbom/
COPY --from=terraform /out/ /usr/local/bin/
COPY --from=build /out/ /usr/local/bin/
USER 10001:10001
# Lambda runs as a user of its own, who may not enter another's home.
WORKDIR /
ENTRYPOINT ["/usr/local/bin/lockkeeper"]
