# The exporter. It serves the config that is mounted at /etc/printcam/config.yaml, and the demo office without one.
#   docker build -t printcam-exporter .
#   docker run -p 10143:10143 printcam-exporter
# Arguments are those of printcam-exporter: docker run printcam-exporter probe 10.10.5.28
FROM python:3.14.7-slim-trixie AS build
WORKDIR /build
RUN python -m venv /opt/printcam
COPY requirements/image.txt requirements/
RUN /opt/printcam/bin/pip install --no-cache-dir --require-hashes -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /opt/printcam/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.14.7-slim-trixie
RUN useradd --system --uid 10143 --user-group --create-home --home-dir /var/lib/printcam printcam
COPY --from=build /opt/printcam /opt/printcam
ENV PATH=/opt/printcam/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10143:10143
# A relative `state.path` of the config, as is the default, lies here.
WORKDIR /var/lib/printcam
VOLUME /var/lib/printcam
EXPOSE 10143
# Camera answers and announcements; only of use with --network=host.
EXPOSE 10669/udp
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10143/-/healthy', timeout=4)"]
ENTRYPOINT ["sh", "-c", "config=/etc/printcam/config.yaml; if [ -e $config ]; then set -- --config.file=$config \"$@\"; elif [ $# = 0 ]; then set -- demo; fi; exec printcam-exporter \"$@\"", "printcam-exporter"]
