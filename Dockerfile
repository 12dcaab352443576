# One image for every part: `hone coordinator`, `hone worker`, `hone launch`.
FROM rust:1.95-bookworm AS build
WORKDIR /hone
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --create-home --uid 10001 hone && install -d -o hone /var/lib/hone /data
COPY --from=build /hone/target/release/hone /usr/local/bin/hone
USER hone
WORKDIR /var/lib/hone
VOLUME /var/lib/hone
EXPOSE 7700
ENTRYPOINT ["hone"]
CMD ["--help"]
