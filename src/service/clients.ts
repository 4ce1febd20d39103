import { existsSync } from "node:fs";
import { exportVariable } from "@actions/core";

/** A socket as Docker's clients want it: `unix:///run/...`. */
export const dockerHost = (socket: string): string => `unix://${socket}`;

/**
 * Tells the clients in later steps where the service is. Docker's own, and testcontainers of all languages, take
 * DOCKER_HOST; for what its reaper shall mount some versions of testcontainers look at a variable of their own only.
 *
 * @param containerMark the file by which testcontainers knows that it runs in a container itself. It then takes the
 *   network's gateway for the host, but ports are published where the job is, in the same container.
 */
export function exportVariables(socket: string, containerMark = "/.dockerenv"): void {
  exportVariable("DOCKER_HOST", dockerHost(socket));
  exportVariable("TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE", socket);
  if (existsSync(containerMark)) exportVariable("TESTCONTAINERS_HOST_OVERRIDE", "localhost");
}
