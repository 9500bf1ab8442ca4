import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What says that the API did not answer a component as a kube-apiserver would. */
const suspicious =
  /forbidden|the server could not find the requested resource|no kind ".*" is registered|unable to decode|couldn't get version\/kind|unexpected EOF|proto: |is not supported|panic/i;

/** Told on any cluster: by a watch that begins before roles are there, or of what no lab has. */
const usual =
  /because it is being terminated|cloud provider|flexvolume|metrics\.k8s\.io|requestheader-client-ca-file/i;

/** Warnings and errors in the log of a component that are about the API, each kind once. */
export function readLog(folder: string, component: string): string[] {
  const lines = readFileSync(join(folder, `${component}.log`), 'utf8').split('\n');
  const found = lines.filter(
    (line) => /^[EWF]\d{4} /.test(line) && suspicious.test(line) && !usual.test(line),
  );
  return [
    ...new Set(found.map((line) => `${component}: ${line.replace(/^\S+ \S+ +\d+ /, '').slice(0, 300)}`)),
  ];
}
