# Quorate's image: both commands, `quorate` and `quorate-node`, and nothing that builds.
#
# BASE_IMAGE   Debian or alike with Python 3.11 or newer. What is pinned is its version; pin its
#              digest as well with BASE_IMAGE=python:...@sha256:...
# BUILD_IMAGE  what the packages are installed in; nothing of it is in the final image but them. It is
#              BASE_IMAGE, with whatever it takes to reach a package index from here (a CA of yours, a
#              pip.conf); the two must have the same Python in the same place.
#
# Both builders can read this file, BuildKit and the one before it, for which each step is dear.
ARG BASE_IMAGE=python:3.11.13-slim-bookworm
ARG BUILD_IMAGE


FROM ${BUILD_IMAGE:-${BASE_IMAGE}} AS build
COPY requirements.lock requirements-build.lock /build/
# PySyncObj comes as source: pure Python, made into a wheel by the setuptools of the build's lock.
RUN cd /build && export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
 && python3 -m venv pip && python3 -m venv --without-pip /opt/quorate \
 && pip/bin/pip install -q --require-hashes --only-binary :all: -r requirements-build.lock \
 && pip/bin/pip wheel -q --require-hashes --only-binary :all: --no-binary pysyncobj \
        --no-build-isolation --wheel-dir wheels -r requirements.lock \
 && pip/bin/pip --python /opt/quorate install -q --no-deps --no-index wheels/*.whl
COPY . /build/source/
RUN cd /build/source && ../pip/bin/hatchling build -t wheel -d /build/dist \
 && ../pip/bin/pip --python /opt/quorate install -q --no-deps --no-index /build/dist/*.whl


# The base without pip, documentation, and any file that runs as another user than its caller; with the
# folders that volumes are put on: a new volume takes over their owner.
FROM ${BASE_IMAGE} AS base
RUN stdlib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))') \
 && rm -rf "$stdlib"/ensurepip "$stdlib"/idlelib "$stdlib"/lib2to3 "$stdlib"/tkinter \
        "$stdlib"/turtledemo "$stdlib"/test "$stdlib"/config-* "$stdlib"/site-packages/* \
        /usr/share/python-wheels /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/include \
        /usr/share/perl /usr/lib/*-linux-gnu/perl \
        /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale \
        /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/* /root/.cache /tmp/* \
 && python3 -m compileall -q "$stdlib" >/dev/null \
 && find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
 && echo 'quorate:x:10001:10001:Quorate:/home/quorate:/usr/sbin/nologin' >>/etc/passwd \
 && echo 'quorate:x:10001:' >>/etc/group \
 && install -d -o 10001 -g 10001 -m 0700 /home/quorate /var/lib/quorate /vault /officers /nodes \
        /nodes/n1 /nodes/n2 /nodes/n3 /nodes/n4 /nodes/n5 /nodes/n6 /nodes/n7 /nodes/n8 /nodes/n9


# The settings come first, while there is nothing in it.
FROM scratch
ENV PATH=/opt/quorate/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["quorate-node"]
CMD ["--config", "/var/lib/quorate/node/node.toml"]
HEALTHCHECK --interval=3s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python3", "-m", "quorate_node.health", "--config", "/var/lib/quorate/node/node.toml"]
COPY --from=base / /
COPY --from=build /opt/quorate /opt/quorate
