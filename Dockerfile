# Frame Curation Studio: the web studio on port 7860, and the numbered scripts.
#   docker build -t frame-curation-studio .
#   docker run --rm -p 127.0.0.1:7860:7860 -e CURATION_PASSWORD=... -v studio-data:/data frame-curation-studio
#   docker run --rm -v "$PWD/datastore:/data" frame-curation-studio python 01_extract.py
# Nothing is written outside of /data, /tmp and /home/studio: --read-only --tmpfs /tmp --tmpfs /home/studio:uid=10001 fits.
FROM debian:bookworm-slim

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      python3 python3-venv libgl1 libglib2.0-0 libxcb1 libegl1 libgles2 \
 && rm -rf /var/lib/apt/lists/*

# TORCH_ARGS: options of pip for torch alone, for example another index with a build without CUDA.
# PIP_CONFIG_FILE: a pip configuration that is mounted during the build; neither ends up in the image.
ARG TORCH_ARGS=""
ARG PIP_CONFIG_FILE=""
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /opt/studio
COPY requirements.txt requirements-dev.txt pyproject.toml ./
RUN python3 -m venv /opt/venv \
 && pip install --retries 8 ${TORCH_ARGS} "$(grep -o '^torch==[^ ]*' requirements.txt)" \
 && pip install --retries 8 -r requirements.txt
# gs://, s3:// and gdrive://: the extra "buckets" of pyproject.toml, in the versions it is tested with.
RUN pip install --retries 8 -c requirements-dev.txt $(python -c "import tomllib; \
      print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['buckets'])")

ENV CURATION_WEIGHTS=/opt/weights \
    CURATION_SAMPLES=/opt/samples \
    GRADIO_ANALYTICS_ENABLED=False \
    HF_HUB_DISABLE_TELEMETRY=1 \
    DO_NOT_TRACK=1 \
    YOLO_OFFLINE=true \
    HOME=/home/studio

COPY weights/manifest.toml weights/
COPY curation curation
RUN python -m curation weights fetch && python -m curation samples

COPY . .
# The scripts' default datastore is the volume.
RUN useradd --uid 10001 --create-home --home-dir /home/studio studio \
 && mkdir -p /data && chown studio:studio /data \
 && rm -rf datastore && ln -s /data datastore \
 && python -m compileall -q curation

USER 10001:10001
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
# Without CURATION_PASSWORD, CURATION_TOKEN or --open-to-all it refuses to listen where others can reach it.
CMD ["python", "app.py", "--host", "0.0.0.0", "--datastore", "/data"]
