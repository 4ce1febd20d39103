import { type Case, compare } from "../support/world/compare.ts";

// Each has the build's own words compared, ids aside.
const cases: Case[] = [
  [
    "several stages, arguments, variables, users",
    `printf 'FROM %s AS one\\nRUN echo made >/made\\nFROM %s\\nARG WORD=default\\nCOPY --from=one /made /copied\\nENV A=b\\nLABEL l=m\\nRUN cat /copied; echo $WORD; id\\nUSER 1000\\nWORKDIR /work\\nENTRYPOINT ["cat"]\\nCMD ["/copied"]\\n' $image $image >Containerfile
podman build --build-arg WORD=given --tag localhost/stages .; podman run --rm localhost/stages
podman inspect localhost/stages --format '{{json .Config}}'
podman build --build-arg WORD=given --tag localhost/stages . | grep -c 'Using cache'
podman build --target one --quiet .; podman rmi localhost/stages; podman image prune --force >/dev/null`,
  ],
  [
    "a secret",
    `echo secret >file; printf 'FROM %s\\nRUN --mount=type=secret,id=word cat /run/secrets/word\\nRUN ls /run/secrets || true\\n' $image >Containerfile
podman build --no-cache --secret id=word,src=file .
WORD=variable podman build --no-cache --secret id=word,env=WORD .
podman build --no-cache . || echo $?
podman build --no-cache --secret id=word,src=nosuch . || echo $?
podman image prune --force >/dev/null`,
  ],
  [
    "a podman secret in a container",
    `echo secret | podman secret create word - >/dev/null; podman run --rm --secret word $image cat /run/secrets/word
podman run --rm --secret word,type=env,target=WORD $image sh -c 'echo $WORD'; podman secret ls --format '{{.Name}} {{.Driver}}'
podman secret rm word >/dev/null; podman run --rm --secret word $image true || echo $?`,
  ],
  [
    "a cache mount",
    `printf 'FROM %s\\nARG WORD\\nRUN --mount=type=cache,target=/cache echo $WORD >>/cache/file; cat /cache/file\\n' $image >Containerfile
for word in one two; do podman build --build-arg WORD=$word .; done; podman image prune --force >/dev/null`,
  ],
  [
    "--squash",
    `printf 'FROM %s\\nRUN echo 1 >/one\\nRUN echo 2 >/two; rm /one\\n' $image >Containerfile
for options in --squash --squash-all --layers=false --layers; do
  podman build --quiet $options --tag localhost/squashed .
  podman inspect localhost/squashed --format '{{len .RootFS.Layers}}'; podman run --rm localhost/squashed ls /two /one || echo $?
done
podman rmi localhost/squashed; podman image prune --force >/dev/null`,
  ],
  [
    "a foreign platform",
    `printf 'FROM %s\\nRUN true\\n' $image >Containerfile
podman build --platform linux/arm64 . || echo $?
podman build --platform linux/arm64 --tls-verify=false --pull=never . || echo $?
podman build --platform nonsense/ . || echo $?
podman run --rm --platform linux/s390x --pull never $image true || echo $?`,
  ],
  [
    "builds that fail",
    `printf 'FROM %s\\nRUN exit 3\\n' $image >Containerfile; podman build . || echo $?
printf 'FROM %s\\nNOSUCH\\n' $image >Containerfile; podman build . || echo $?
printf 'FROM scratch\\nCOPY nosuch /\\n' >Containerfile; podman build . || echo $?
printf 'FROM %s/nosuch\\n' $registry >Containerfile; podman build --tls-verify=false . || echo $?
rm Containerfile; podman build . || echo $?; podman build nosuch || echo $?`,
  ],
  [
    "networks while it builds",
    `printf 'FROM %s\\nRUN wget -qO- http://%s/v2/; ls /sys/class/net\\n' $image $registry >Containerfile
podman build --no-cache --network host .
printf 'FROM %s\\nRUN ls /sys/class/net; cat /etc/resolv.conf; id; grep -E "Cap|Seccomp" /proc/self/status\\n' $image >Containerfile
podman build --no-cache .; podman build --no-cache --isolation chroot . || echo $?
podman image prune --force >/dev/null`,
  ],
  [
    "a step without a network",
    `printf 'FROM %s\\nRUN --network=none ls /sys/class/net\\n' $image >Containerfile; podman build --no-cache .
podman image prune --force >/dev/null`,
    0,
    { bookworm: "RUN in a build takes no --network" },
  ],
  [
    "contexts: standard input, a directory, an archive, .dockerignore",
    `podman build --quiet --file - . <<<"FROM $image"
mkdir context; echo "FROM $image" >context/Dockerfile; podman build --quiet context
tar --create --directory context . | podman build --quiet -
echo context >.dockerignore; echo >left; chmod 640 left
printf 'FROM %s\\nCOPY --chown=5:6 . /copied\\nRUN cd /copied; ls -lnA | cut -c 1-30; ls -A\\n' $image >Containerfile; podman build --no-cache .
podman image prune --force >/dev/null`,
  ],
  [
    "volumes while it builds",
    `mkdir bound; echo given >bound/file; printf 'FROM %s\\nRUN cat /bound/file; touch /bound/made\\n' $image >Containerfile
podman build --no-cache --volume $PWD/bound:/bound:ro . || echo $?
podman build --no-cache --volume $PWD/bound:/bound .; find bound -printf '%p %U %G\\n' | sort
printf 'FROM %s\\nRUN --mount=type=bind,source=bound,target=/b cat /b/file\\nRUN --mount=type=tmpfs,target=/t df -T /t | tail -n 1 | cut -c 1-20\\n' $image >Containerfile
podman build --no-cache .; podman image prune --force >/dev/null`,
  ],
  [
    "an agent that is not there",
    `printf 'FROM %s\\nRUN --mount=type=ssh true\\n' $image >Containerfile; podman build --ssh default . || echo $?`,
  ],
];

compare(cases);
