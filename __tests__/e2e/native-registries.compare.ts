import { afterAll, beforeAll } from "@jest/globals";
import { type Case, compare } from "../support/world/compare.ts";
import {
  PASSWORD,
  type SecureRegistry,
  startSecureRegistry,
  USER,
} from "../support/world/secure-registry.ts";

let signed: SecureRegistry;
let closed: SecureRegistry;
beforeAll(async () => {
  signed = await startSecureRegistry();
  closed = await startSecureRegistry({ login: true });
}, 60_000);
afterAll(async () => {
  await signed.close();
  await closed.close();
});

/**
 * `$signed` and `$closed` are the registries, the second with a login; signed.crt and closed.crt their authorities' certificates.
 * `know` has the user trust them; `push` brings the image to one. No credentials and no trust are left of an earlier script.
 */
const before = () => `
rm -rf ~/.config/containers/certs.d ~/.config/containers/auth.json ~/.docker $XDG_RUNTIME_DIR/containers/auth.json
signed=${signed.host} closed=${closed.host} user=${USER} password=${PASSWORD}
cat >signed.crt <<X
${signed.authority}X
cat >closed.crt <<X
${closed.authority}X
know() { for name in signed closed; do mkdir -p ~/.config/containers/certs.d/\${!name}; cp $name.crt ~/.config/containers/certs.d/\${!name}/ca.crt; done; }
push() { podman push --quiet --tls-verify=false --creds $user:$password $image $1; }
`;
/** All that asks a registry for the image `$1`. */
const ask = `ask() {
  podman pull --quiet $1 || echo pull $?; podman run --rm $1 echo runs || echo run $?; podman rmi $1 || echo rmi $?
  printf 'FROM %s\\nRUN echo built\\n' $1 | podman build --no-cache --pull=always - || echo build $?
  podman push --quiet $image $1 || echo push $?
  skopeo inspect --format '{{.Architecture}}' docker://$1 || echo inspect $?; skopeo copy docker://$1 dir:dir || echo copy $?
  skopeo list-tags docker://\${1%:*} || echo tags $?; podman manifest inspect $1 | md5sum || echo manifest $?
  podman rmi --force --ignore $1 >/dev/null; podman image prune --force >/dev/null
}`;

const cases: Case[] = [
  [
    "an authority that nobody knows",
    `${ask}; push $signed/image:1; ask $signed/image:1; podman pull --quiet --tls-verify=false $signed/image:1; podman rmi $signed/image:1
podman search $signed/ || echo $?; podman search --tls-verify=false --format '{{.Name}}' $signed/ || echo $?`,
  ],
  [
    "an authority that the user knows",
    `${ask}; know; push $signed/image:1; ask $signed/image:1; podman search --format '{{.Name}}' $signed/ || echo $?
podman pull --quiet $signed/nosuch || echo $?; podman run --rm $signed/image:nosuch || echo $?`,
  ],
  [
    "an authority by --cert-dir",
    `push $signed/image:1; mkdir certs; cp signed.crt certs/ca.crt; podman pull --cert-dir certs $signed/image:1; podman push --cert-dir $PWD/certs $image $signed/other:1 2>/dev/null
podman rmi $signed/image:1; echo FROM $signed/image:1 | podman build --cert-dir certs --pull=always --tag localhost/built -; podman rmi localhost/built
skopeo inspect --cert-dir certs --format '{{.Architecture}}' docker://$signed/image:1; skopeo copy --src-cert-dir certs --dest-cert-dir certs docker://$signed/image:1 docker://$signed/copied:1
podman login --cert-dir nosuch --username $user --password $password $closed || echo $?; podman image prune --force >/dev/null`,
  ],
  [
    "an authority that the machine knows, or a variable names",
    `push $signed/image:1; SSL_CERT_FILE=$PWD/signed.crt podman pull --quiet $signed/image:1; podman rmi $signed/image:1; podman pull --quiet $signed/image:1 || echo $?
mkdir certs; cp signed.crt certs; SSL_CERT_DIR=$PWD/certs skopeo inspect --format '{{.Architecture}}' docker://$signed/image:1
sudo cp signed.crt /usr/local/share/ca-certificates/; sudo update-ca-certificates >/dev/null 2>&1; podman pull --quiet $signed/image:1 || echo $?; podman rmi $signed/image:1 || echo $?
sudo rm /usr/local/share/ca-certificates/signed.crt; sudo update-ca-certificates --fresh >/dev/null 2>&1; podman pull --quiet $signed/image:1 || echo $?`,
  ],
  ["nobody logged in", `${ask}; know; push $closed/image:1; ask $closed/image:1`],
  [
    "login: wrong, right, and gone",
    `${ask}; know; push $closed/image:1
podman login --username $user --password-stdin $closed <<<wrong || echo $?; podman login --get-login $closed || echo $?
podman login --username $user --password-stdin $closed <<<$password; podman login --get-login $closed; podman login $closed
stat --format '%a %U %G' $XDG_RUNTIME_DIR/containers/auth.json; cat $XDG_RUNTIME_DIR/containers/auth.json; ask $closed/image:1
podman logout $closed; cat $XDG_RUNTIME_DIR/containers/auth.json; podman pull $closed/image:1 || echo $?; podman logout $closed || echo $?; podman logout --all`,
  ],
  [
    "login, by a person at a terminal, or by none",
    `know; podman login $closed </dev/null || echo $?; printf '%s\\n%s\\n' $user $password | podman login $closed || echo $?; podman logout --all
podman login --username $user --password $password $closed; podman login --verbose $closed || echo $?; podman logout $closed
skopeo login --username $user --password-stdin $closed <<<$password; podman login --get-login $closed; skopeo logout $closed; podman login --get-login $closed || echo $?`,
  ],
  [
    "--authfile and REGISTRY_AUTH_FILE",
    `know; push $closed/image:1; podman login --authfile own.json --username $user --password-stdin $closed <<<$password; cat own.json; podman pull $closed/image:1 || echo $?
podman pull --quiet --authfile own.json $closed/image:1; podman rmi $closed/image:1; REGISTRY_AUTH_FILE=own.json podman run --rm $closed/image:1 echo runs; podman rmi $closed/image:1
export REGISTRY_AUTH_FILE=$PWD/other.json; podman login --username $user --password-stdin $closed <<<$password; cat other.json
echo FROM $closed/image:1 | podman build --pull=always --tag localhost/built -; skopeo inspect --format '{{.Architecture}}' docker://$closed/image:1; podman rmi localhost/built
podman logout $closed; cat other.json; unset REGISTRY_AUTH_FILE; podman login --get-login $closed || echo $?
podman pull --authfile nosuch.json $closed/image:1 || echo $?; skopeo inspect --authfile nosuch.json docker://$closed/image:1 || echo $?; podman image prune --force >/dev/null`,
  ],
  [
    "credentials that other programs wrote",
    `know; push $closed/image:1; try() { podman pull --quiet $closed/image:1 || echo $?; skopeo inspect --format '{{.Architecture}}' docker://$closed/image:1 || echo $?; podman rmi --ignore $closed/image:1; podman login --get-login $closed || echo $?; }
json="{\\"auths\\": {\\"$closed\\": {\\"auth\\": \\"$(printf '%s:%s' $user $password | base64)\\"}}}"
mkdir ~/.docker; echo "$json" >~/.docker/config.json; try; rm -r ~/.docker
echo "$json" >~/.config/containers/auth.json; try; rm ~/.config/containers/auth.json
mkdir own; echo "$json" >own/config.json; DOCKER_CONFIG=own try; echo nonsense >$XDG_RUNTIME_DIR/containers/auth.json; try; rm $XDG_RUNTIME_DIR/containers/auth.json; try`,
  ],
  [
    "a credential helper of the user's",
    `know; push $closed/image:1; mkdir bin
printf '#!/bin/sh\\necho "$@ $(cat)" >>%s/asked\\necho "{\\\\"Username\\\\": \\\\"%s\\\\", \\\\"Secret\\\\": \\\\"%s\\\\"}"\\n' $PWD $user $password >bin/docker-credential-mine; chmod +x bin/docker-credential-mine
echo "{\\"credHelpers\\": {\\"$closed\\": \\"mine\\"}}" >$XDG_RUNTIME_DIR/containers/auth.json
PATH=$PATH:$PWD/bin podman pull --quiet $closed/image:1; PATH=$PATH:$PWD/bin podman login --get-login $closed; sort -u asked; podman rmi $closed/image:1; podman pull --quiet $closed/image:1 || echo $?`,
  ],
  [
    "--creds, right and wrong",
    `know; push $closed/image:1; for creds in $user:$password $user:wrong other:$password $user; do
  podman pull --quiet --creds $creds $closed/image:1 </dev/null || echo $?; podman push --quiet --creds $creds $image $closed/other:1 </dev/null || echo $?
  skopeo inspect --creds $creds --format '{{.Architecture}}' docker://$closed/image:1 || echo $?; echo FROM $closed/image:1 >Containerfile; podman build --quiet --pull=always --creds $creds . </dev/null || echo $?
  podman rmi --force --ignore $closed/image:1 >/dev/null; done; skopeo copy --src-creds $user:$password --dest-creds $user:$password docker://$closed/image:1 docker://$closed/copied:1`,
  ],
];

compare(cases, { before });
