import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { createClient } from '../api/client.ts';
import type { KubeObject } from '../api/object.ts';
import { OptionError } from '../cluster/option-error.ts';
import { ObjectsError, parseObjects } from '../dataplane/objects.ts';
import { wellFormed } from '../dataplane/wellformed.ts';
import { type Dns, type DnsConfig, startDns } from '../dns/main.ts';
import { createReplica, parseWorkers, type Replica } from '../dns/server/replicas.ts';
import { packageRoot } from '../kernel/package-root.ts';

/** The options of `v9s dns`, as written. */
export interface DnsValues {
  /** A file of objects, `-` for standard input. */
  objects?: string;
  kubeconfig?: string;
  corefile?: string;
  /** `HOST:PORT`, `[HOST]:PORT` or `:PORT`; without a Corefile only. */
  listen?: string;
  /** The kubernetes plugin's `pods`; without a Corefile only. */
  pods?: string;
  /** Threads that share the ports. */
  workers?: string;
}

const podsModes = ['disabled', 'insecure', 'verified'];
const servedKinds = ['Namespace', 'Service', 'EndpointSlice', 'Pod', 'ServiceImport'];

/**
 * Serves DNS until `signal` fires, from a file of objects or from the API of a kubeconfig; resolves when it answers.
 * `print` gets the remarks. Throws `OptionError` for options that are wrong or contradict each other, and an Error
 * that names the file for one that cannot be read or understood.
 */
export async function serveDns(
  values: DnsValues,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<Dns> {
  const { objects: file, kubeconfig, corefile } = values;
  if ((file === undefined) === (kubeconfig === undefined))
    throw new OptionError(
      file === undefined ? '--objects' : '--kubeconfig',
      file === undefined ? '' : kubeconfig,
      'exactly one of --objects FILE and --kubeconfig FILE says what to serve',
    );
  const source =
    corefile === undefined ? { corefileText: corefileOf(values) } : corefileFrom(values, corefile);
  const count = parseWorkers(values.workers ?? '1');
  if (file !== undefined) {
    const objects = await objectsIn(file);
    for (const line of remarks(objects, file)) print(line);
    return withWorkers(count, { ...source, objects }, [], signal);
  }
  const { loadKubeconfig } = await import('../api/kubeconfig.ts');
  const client = createClient(loadKubeconfig(kubeconfig ?? ''));
  return withWorkers(count, { ...source, client: () => client }, ['--kubeconfig', kubeconfig ?? ''], signal);
}

/** Serves in this thread, and in others with the program of the image, which are given what is not a flag of it. */
async function withWorkers(
  count: number,
  config: DnsConfig,
  flags: readonly string[],
  signal: AbortSignal,
): Promise<Dns> {
  if (count === 1) return startDns(config, { signal });
  const replicas: Replica[] = [];
  const dns = await startDns({ ...config, replicas: () => replicas }, { signal });
  const { corefile, corefileText, objects } = config;
  const argv = [...flags, ...(corefile === undefined ? [] : ['-conf', corefile])];
  const own = { ...(corefileText === undefined ? {} : { corefileText }), ...(objects ? { objects } : {}) };
  const workerData = { ports: dns.ports, config: own };
  const program = join(packageRoot, 'dist/dns.cjs');
  const resourceLimits = { maxYoungGenerationSizeMb: 4 }; // about what the image's flags say
  const workers: Worker[] = [];
  for (let i = 1; i < count; i++) {
    const worker = new Worker(program, { argv, workerData, resourceLimits });
    workers.push(worker);
    replicas.push(await createReplica(worker));
  }
  const stop = async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  const ended = Promise.race([dns.ended, ...replicas.map((replica) => replica.ended)]).then(stop);
  ended.catch(() => {}); // whoever cares asks `ended`
  return { ...dns, ended };
}

/** The Corefile that `--listen` and `--pods` stand for. */
function corefileOf({ listen = '127.0.0.1:5353', pods = 'disabled' }: DnsValues): string {
  const { host, port } = addressOf(listen);
  if (!podsModes.includes(pods)) throw new OptionError('--pods', pods, `one of ${podsModes.join(', ')}`);
  const lines = [
    ...(host === '' ? [] : [`bind ${host}`]),
    'errors',
    `kubernetes cluster.local in-addr.arpa ip6.arpa {\n    pods ${pods}\n  }`,
    'loadbalance',
  ];
  return `.:${port} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`;
}

function corefileFrom({ listen, pods }: DnsValues, corefile: string): { corefile: string } {
  for (const [option, value] of [
    ['--listen', listen],
    ['--pods', pods],
  ] as const)
    if (value !== undefined)
      throw new OptionError(option, value, `with --corefile, say it in ${corefile} instead`);
  read(corefile);
  return { corefile };
}

function addressOf(listen: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(listen) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (digits === undefined || port > 65_535 || (host !== '' && !isIP(host)))
    throw new OptionError('--listen', listen, 'an address and a port, such as 127.0.0.1:5353 or [::1]:5353');
  return { host, port };
}

/** The objects with the names and namespaces that the API would give them. */
async function objectsIn(file: string): Promise<KubeObject[]> {
  const text = read(file);
  try {
    return (await parseObjects(text)).map((object, index) => {
      const checked = wellFormed(object);
      const { name, generateName, namespace = 'default', ...rest } = checked.metadata ?? {};
      if (!name && generateName === undefined && checked.kind !== 'EndpointSlice')
        throw new ObjectsError(`${checked.kind} number ${index + 1}: metadata.name: Required value`);
      const metadata = { ...rest, name: name || `${generateName ?? ''}${index}` };
      return { ...checked, metadata: checked.kind === 'Namespace' ? metadata : { ...metadata, namespace } };
    });
  } catch (error) {
    if (error instanceof ObjectsError) throw new ObjectsError(`${nameOf(file)}: ${error.message}`);
    throw error;
  }
}

function remarks(objects: readonly KubeObject[], file: string): string[] {
  return objects.some(({ kind = '' }) => servedKinds.includes(kind))
    ? []
    : [`${nameOf(file)} has no ${servedKinds.slice(0, 4).join(', ')}: every name is NXDOMAIN`];
}

/** A file, or standard input for `-`. */
function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    const [, why] = /^\w+: (.*), \w+/.exec(error instanceof Error ? error.message : '') ?? [];
    throw new Error(`cannot read ${nameOf(file)}: ${why ?? String(error)}`);
  }
}

const nameOf = (file: string) => (file === '-' ? 'standard input' : file);
