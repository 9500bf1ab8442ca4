import { join } from 'node:path';
import type { Container, EnvVar, Pod } from '../../api/types.ts';
import type { ContainerSpec } from '../runtime/container-plan.ts';
import type { Image } from '../runtime/images.ts';
import { attemptDir, logFile, terminationLog } from '../runtime/paths.ts';
import type { BindMount } from '../runtime/root-plan.ts';
import { expand, fieldValue, type PodPlace } from './environment.ts';
import { kernelHostname } from './hosts.ts';
import { resourceValue } from './resource-field.ts';
import { securityOf } from './security.ts';
import { NotYetError, type Sources } from './sources.ts';
import { volumeBinds } from './volumes.ts';

/** What a container needs to know of its pod's place on the node. */
export interface PodSite {
  /** Folder of the pod. */
  dir: string;
  /** Path of its network namespace; undefined with hostNetwork. */
  netns: string | undefined;
  place: PodPlace;
  clusterDomain: string;
  serviceEnvironment: Readonly<Record<string, string>>;
  sources: Sources;
  /** Where ended containers are announced. */
  notifyDir: string;
  /** True when an earlier container has made the pod's UTS and IPC namespaces. */
  namespacesExist: boolean;
  /** See ContainerSpec, here and below. */
  cgroups?: readonly string[];
  processes?: number | undefined;
  pidNamespace?: string | undefined;
}

/**
 * Settles everything about a container: command, environment, mounts, user.
 *
 * @throws {NotYetError} when a ConfigMap, Secret or key it takes its environment from is missing
 */
export async function containerSpec(
  pod: Pod,
  container: Container,
  image: Image,
  attempt: number,
  site: PodSite,
): Promise<ContainerSpec> {
  const hostname = kernelHostname(pod, site.place.nodeName, site.clusterDomain);
  const env = await environment(pod, container, image, hostname, site);
  const { command, args } = container;
  const entrypoint = command?.length ? command : image.entrypoint;
  const rest = args?.length ? args : command?.length ? [] : image.cmd;
  const argv = [...entrypoint, ...rest].map((text) => expand(text, env));
  if (argv.length === 0) throw new NotYetError('no command specified');
  const security = securityOf(pod, container, image);
  return {
    dir: attemptDir(site.dir, container.name, attempt),
    logFile: logFile(site.dir, container.name, attempt),
    notifyFile: join(site.notifyDir, pod.metadata?.uid ?? ''),
    netns: site.netns,
    namespaces: {
      dir: join(site.dir, 'ns'),
      shared: site.namespacesExist,
      hostIpc: pod.spec?.hostIPC ?? false,
    },
    ...(site.cgroups?.length ? { cgroups: site.cgroups } : {}),
    ...(site.processes === undefined ? {} : { processes: site.processes }),
    ...(site.pidNamespace === undefined ? {} : { pidNamespace: site.pidNamespace }),
    hostname,
    command: argv,
    env,
    workingDir: container.workingDir || image.workingDir,
    ...(image.rootfs ? { rootfs: image.rootfs } : {}),
    ...(container.stdin ? { stdin: container.stdinOnce ? 'once' : 'open' } : {}),
    tty: container.tty ?? false,
    binds: [
      ...image.binds,
      ...etcBinds(site.dir, image),
      {
        source: join(attemptDir(site.dir, container.name, attempt), terminationLog),
        target: container.terminationMessagePath || '/dev/termination-log',
        readOnly: false,
      },
      ...volumeBinds(pod, container, { folder: join(site.dir, 'volumes'), node: site.place, env }),
    ],
    ...security,
  };
}

/** Files of `/etc` that belong to the pod; `passwd` and its kin are alike in all. */
export const etcFiles = ['hosts', 'hostname', 'resolv.conf', 'passwd', 'group', 'nsswitch.conf'];

/** A loaded image has users and groups of its own. */
const podFiles = ['hosts', 'hostname', 'resolv.conf'];

function etcBinds(podDir: string, { rootfs }: Image): BindMount[] {
  return (rootfs ? podFiles : etcFiles).map((name) => ({
    source: join(podDir, 'etc', name),
    target: `/etc/${name}`,
    readOnly: name !== 'hosts' && name !== 'resolv.conf',
  }));
}

async function environment(
  pod: Pod,
  container: Container,
  image: Image,
  hostname: string,
  site: PodSite,
): Promise<Record<string, string>> {
  const namespace = pod.metadata?.namespace ?? 'default';
  const env: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOSTNAME: hostname,
    HOME: '/root',
    ...image.env,
    ...site.serviceEnvironment,
  };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data = configMapRef
      ? await site.sources.configMap(namespace, configMapRef.name ?? '', configMapRef.optional)
      : secretRef && (await site.sources.secret(namespace, secretRef.name ?? '', secretRef.optional));
    for (const [key, value] of data ?? []) env[prefix + key] = value.toString('utf8');
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(pod, container, variable, env, site);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

async function variableValue(
  pod: Pod,
  container: Container,
  { name, value, valueFrom }: EnvVar,
  known: Readonly<Record<string, string>>,
  { sources, place }: PodSite,
): Promise<string | undefined> {
  if (!valueFrom) return expand(value ?? '', known);
  const namespace = pod.metadata?.namespace ?? 'default';
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  if (fieldRef) {
    const found = fieldValue(pod, fieldRef.fieldPath, place);
    if (found === undefined)
      throw new NotYetError(`unsupported fieldPath: ${fieldRef.fieldPath} (environment variable ${name})`);
    return found;
  }
  if (resourceFieldRef) {
    const found = resourceValue(pod, resourceFieldRef, container);
    if (found === undefined)
      throw new NotYetError(
        `unsupported resource: ${resourceFieldRef.resource} (environment variable ${name})`,
      );
    return found;
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (!ref) throw new NotYetError(`environment variable ${name}: unsupported valueFrom`);
  const kind = configMapKeyRef ? 'ConfigMap' : 'Secret';
  const read = configMapKeyRef ? sources.configMap : sources.secret;
  const data = await read(namespace, ref.name ?? '', ref.optional);
  const found = data?.get(ref.key);
  if (!found && !ref.optional)
    throw new NotYetError(`couldn't find key ${ref.key} in ${kind} ${namespace}/${ref.name}`);
  return found?.toString('utf8');
}
