# The same image as `node scripts/image.ts` builds, for those who have an engine: the first stage lets that script lay out the
# two layers, the second holds them and nothing else. What is said here and there alike (user, environment, entrypoint,
# labels) is compared by test/image/dockerfile.test.ts.
#
#   docker build --build-arg REVISION=$(git rev-parse HEAD) -t outrigger:0.1.0 .
ARG NODE_VERSION=26.10.0
ARG DEBIAN=bookworm

FROM node:${NODE_VERSION}-${DEBIAN}-slim AS build
# Node's binary from npm is linked against it; the slim base does not bring it.
RUN apt-get update && apt-get install --yes --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN node scripts/bundle.ts && node scripts/image.ts --rootfs /rootfs

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=1970-01-01T00:00:00.000Z
COPY --from=build /rootfs/runtime/ /
COPY --from=build /rootfs/app/ /
LABEL org.opencontainers.image.title="Outrigger" \
      org.opencontainers.image.description="The LLM sidecar for Kubernetes" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/usr/local/bin \
    MALLOC_ARENA_MAX=1
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/node", "/app/outrigger.cjs"]
