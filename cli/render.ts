import { readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { KubeObject } from '../api/object.ts';
import type { Service } from '../api/types.ts';
import type { ProxyMode } from '../dataplane/configuration.ts';
import { ObjectsError, parseObjects, renderRules } from '../dataplane/render.ts';
import { type RenderFlag, type RenderValues, renderFlags } from './render-flags.ts';

const modes: readonly ProxyMode[] = ['iptables', 'ipvs', 'nftables'];

/** Prints the rules. Rejects where a file cannot be read or understood, and names it. */
export async function render(values: RenderValues): Promise<void> {
  const { filename = '', node = '', config } = values;
  const objects = await inFile(filename, () => parseObjects(read(filename)));
  for (const line of remarks(objects, filename, values)) process.stderr.write(`v9s: ${line}\n`);
  const configuration = config === undefined ? undefined : read(config);
  const text = await inFile(config ?? filename, () =>
    renderRules({
      objects,
      nodeName: node,
      nodeIps: values['node-ip']?.split(',').map((ip) => ip.trim()),
      family: values.family === 'IPv6' ? 'IPv6' : 'IPv4',
      configuration,
      mode: modes.find((mode) => mode === values.mode),
      nftablesLayout: values['nftables-layout'] === 'flat' ? 'flat' : undefined,
      emulatedVersion: values['emulated-version'],
    }),
  );
  print(text);
}

/** What the rules lack because the file lacks it. */
function remarks(
  objects: readonly KubeObject[],
  file: string,
  { node = '', ...values }: RenderValues,
): string[] {
  const nodes = objects.filter(({ kind }) => kind === 'Node').map(({ metadata }) => metadata?.name);
  const lines: string[] = [];
  if (nodes.length > 0 && !nodes.includes(node))
    lines.push(
      `${nameOf(file)} has no Node ${JSON.stringify(node)}, only ${nodes.join(', ')}; its labels${values['node-ip'] ? '' : ' and addresses'} are taken as unknown`,
    );
  for (const { kind, metadata, spec } of objects as Service[])
    if (kind === 'Service' && spec?.type !== 'ExternalName' && !spec?.clusterIP && !spec?.clusterIPs?.length)
      lines.push(
        `Service ${metadata?.namespace ?? 'default'}/${metadata?.name} has no clusterIP, which the API gives it, so it has no rules`,
      );
  return lines;
}

const nameOf = (file: string) => (file === '-' ? 'standard input' : file);

/**
 * `v9s render` without the rest of the command line, for the sake of a fast start.
 *
 * @returns whether that was all; not so when the arguments ask for help or need an explanation
 */
export async function renderAtOnce(args: readonly string[]): Promise<boolean> {
  const values = plainValues(args);
  if (!values) return false;
  try {
    await render(values);
  } catch (error) {
    process.stderr.write(`v9s: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
  return true;
}

function plainValues(args: readonly string[]): RenderValues | undefined {
  const flags = Object.entries(renderFlags);
  const options = flags.map(([name, { short }]) => [name, { type: 'string', ...(short ? { short } : {}) }]);
  let values: RenderValues;
  try {
    values = parseArgs({ args: [...args], options: Object.fromEntries(options), strict: true }).values;
  } catch {
    // Whatever it is, the whole command line has the words for it.
    return undefined;
  }
  const fine = flags.every(([name, { required, choices, check }]) => {
    const value = values[name as RenderFlag];
    if (value === undefined) return !required;
    return (!choices || choices.includes(value)) && !check?.(value);
  });
  return fine ? values : undefined;
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

async function inFile<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ObjectsError) throw new ObjectsError(`${nameOf(file)}: ${error.message}`);
    throw error;
  }
}

/** Straight to the file descriptor: setting up `process.stdout` takes longer than all the rules of a small cluster. */
function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // Who reads has had enough, as in `v9s render … | head -1`.
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      process.stdout.write(bytes.subarray(at));
      return;
    }
  }
}
