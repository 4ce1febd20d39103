import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { makeDevice } from "./device.ts";
import { byContainer, canHave, change, type Means, ok } from "./means.ts";

const name = "network";

/** pasta makes containers' networks by /dev/net/tun; without it they get the host's. */
export function network(facts: Facts, means: Means): Finding {
  const { tun } = facts.devices;
  if (tun === "usable") return ok(name, "/dev/net/tun");
  const words = tun === "denied" ? "/dev/net/tun is there and may not be opened" : "there is no /dev/net/tun";
  const able = tun === "denied" || canHave(facts, "mknod");
  if (means.obstacle === undefined && able) return change(name, words, makeDevice(facts, "tun"));
  return {
    name,
    verdict: "note",
    found: words,
    cause: `Containers share the host's network unless --network says otherwise, as ${words}, and ${means.obstacle ?? "this container may make no devices"}`,
    remedy: byContainer(facts.container, {
      docker: "Start the container with --device /dev/net/tun",
      kubernetes: "Give the pod /dev/net/tun, by a device plugin or a privileged container",
      machine:
        tun === "absent"
          ? "Run beforehand: sudo modprobe tun"
          : "Run beforehand: sudo chmod 0666 /dev/net/tun",
    }),
  };
}
