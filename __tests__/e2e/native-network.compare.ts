import { ask, type Case, compare, serve } from "../support/world/compare.ts";

const cases: Case[] = [
  [
    "the host's",
    `podman run --rm --network host $image sh -c 'ls /sys/class/net; wget -qO- http://$0/v2/; hostname' $registry`,
  ],
  ["none", `podman run --rm --network none $image sh -c 'ls /sys/class/net; ip -o addr'`],
  [
    "the default one: names, addresses, routes",
    `podman run --rm --name plain --hostname plain $image sh -c 'ip -o -4 addr; ip route; cat /etc/hosts /etc/resolv.conf'`,
  ],
  [
    "a published port",
    `podman run --detach --name web --publish 127.0.0.1:$port:80 $image ${serve}
${ask} http://127.0.0.1:$port; podman port web; podman port web 80
podman rm --force --time 0 web`,
  ],
  [
    "a published port that is taken",
    `podman run --detach --name web --publish 127.0.0.1:$port:80 $image sleep 1000
podman run --rm --publish 127.0.0.1:$port:80 $image true || echo $?
podman rm --force --time 0 web`,
  ],
  [
    "a network by name: containers find each other, the host finds a port",
    `podman network create mynet
podman run --detach --network mynet:alias=other --name web --publish 127.0.0.1:$port:80 $image ${serve}
podman run --rm --network mynet $image sh -c 'until wget -qO- http://web; do sleep 0.1; done; wget -qO- http://other
  cat /etc/resolv.conf; ip route; nslookup nosuch.dns.podman >/dev/null || echo $?'
${ask} http://127.0.0.1:$port
podman network ls --format '{{.Name}} {{.Driver}}'; podman network inspect mynet
podman network rm mynet || echo $?
podman rm --force --time 0 web; podman network rm mynet; podman network ls --noheading --quiet`,
  ],
  [
    "two networks, one of them internal",
    `podman network create --subnet 10.77.0.0/24 outer; podman network create --internal --subnet 10.78.0.0/24 inner
podman run --rm --network outer,inner $image sh -c '{ ip -o -4 addr | cut -d : -f 2-; ip route; } | sed "s/eth[01]/eth/g" | sort'
podman run --detach --name moved --network inner $image sleep 1000
podman network connect outer moved; podman exec moved ip -o -4 addr
podman network disconnect inner moved; podman exec moved ip -o -4 addr
podman rm --force --time 0 moved; podman network rm outer inner`,
  ],
  [
    "networks that are not there, or there already",
    `podman network rm nosuch || echo $?; podman run --rm --network nosuch $image true || echo $?
podman network create mynet; podman network create mynet || echo $?; podman network rm mynet`,
  ],
  [
    "a container's network shared with another",
    `podman run --detach --name web $image ${serve}
podman run --rm --network container:web $image sh -c 'until wget -qO- http://127.0.0.1; do sleep 0.1; done'
podman rm --force --time 0 web`,
  ],
  [
    "the network namespace of all bridges",
    `podman network create mynet; podman run --detach --name web --network mynet $image ${serve}
podman unshare --rootless-netns ip -o -4 addr show dev podman1
podman rm --force --time 0 web; podman network rm mynet`,
  ],
];

compare(cases);
