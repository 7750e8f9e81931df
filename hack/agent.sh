#!/bin/sh
# agent.sh BUSYBOX DIR makes DIR an agent that needs no other image.
set -eu
mkdir "$2"
cp "$1" "$2/busybox"
cat >"$2/Dockerfile" <<'EOF'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
WORKDIR /work
CMD ["sh"]
EOF
