import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Client } from '../api/client.ts';
import type { KubeObject } from '../api/object.ts';
import { collectionPath } from '../api/scheme.ts';
import { createKernel } from '../kernel/run.ts';
import { findTarget } from './discovery.ts';
import { applyManifest } from './manifest.ts';

/** What a kubectl command printed, and who answered it. */
export interface KubectlAnswer {
  stdout: string;
  /** `kubectl`, or `api` where there is none on PATH and the API's own Table was printed in its stead. */
  by: 'kubectl' | 'api';
}

export interface KubectlOptions {
  kubeconfig: string;
  client: Client;
  /** For `-f -`. */
  input?: string;
}

/**
 * Runs the real kubectl against a cluster. Without one on PATH it answers `get`, `create -f`, `apply -f` (one file)
 * and `delete` itself from the API, printing what kubectl would. Rejects with CommandError where kubectl fails.
 */
export async function kubectl(args: readonly string[], options: KubectlOptions): Promise<KubectlAnswer> {
  const { kubeconfig, client, input } = options;
  try {
    const { stdout } = await createKernel().run('kubectl', args, {
      env: { KUBECONFIG: kubeconfig },
      ...(input === undefined ? {} : { input }),
    });
    return { stdout, by: 'kubectl' };
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('command not found'))) throw error;
  }
  return { stdout: await answer(client, args, input ?? ''), by: 'api' };
}

const tableMediaType = 'application/json;as=Table;v=v1;g=meta.k8s.io';

/** The flags that {@link answer} understands; another one needs the real kubectl. */
const flags = {
  output: { type: 'string', short: 'o' },
  selector: { type: 'string', short: 'l' },
  namespace: { type: 'string', short: 'n', default: 'default' },
  filename: { type: 'string', short: 'f' },
  'grace-period': { type: 'string' },
  wait: { type: 'string' },
} as const;

async function answer(client: Client, args: readonly string[], input: string): Promise<string> {
  const { values, positionals } = parseArgs({ args: [...args], options: flags, allowPositionals: true });
  const [verb = '', target = '', name] = positionals;
  const { namespace } = values;
  if ((verb === 'create' || verb === 'apply') && values.filename !== undefined) {
    const text = values.filename === '-' ? input : readFileSync(values.filename, 'utf8');
    const applied = await applyManifest(client, text, namespace);
    return applied.map(({ object, action }) => `${nameOf(object)} ${action}\n`).join('');
  }
  if (verb !== 'get' && verb !== 'delete') {
    throw new Error(
      `kubectl is not on PATH, and \`kubectl ${args.join(' ')}\` needs it: install kubernetes-client`,
    );
  }
  const { resource, name: slashed } = await findTarget(client, target);
  const wanted = slashed ?? name;
  const scope = resource.namespaced ? { namespace } : {};
  if (verb === 'delete') {
    if (!wanted) throw new Error(`resource(s) were provided, but no name was specified`);
    const seconds = values['grace-period'];
    const options = seconds === undefined ? {} : { gracePeriodSeconds: Number(seconds) };
    await client.delete(resource, { name: wanted, ...scope }, options);
    return `${resource.singular} "${wanted}" deleted\n`;
  }
  const query = values.selector ? `?labelSelector=${encodeURIComponent(values.selector)}` : '';
  const path = `${collectionPath(resource, scope.namespace)}${wanted ? `/${wanted}` : query}`;
  const table = await client.request<Table>('GET', path, undefined, { accept: tableMediaType });
  return printTable(table, values.output === 'wide');
}

/** `deployment.apps/hostnames` */
function nameOf({ kind = '', apiVersion = '', metadata }: KubeObject): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : '';
  return `${kind.toLowerCase()}${group}/${metadata?.name}`;
}

interface Table {
  columnDefinitions: { name: string; priority: number }[];
  rows: { cells: unknown[] }[];
}

/** Lays a Table out as kubectl does: upper-case headings, columns three blanks apart. */
export function printTable({ columnDefinitions, rows }: Table, wide: boolean): string {
  const shown = columnDefinitions.flatMap(({ priority }, index) => (wide || priority === 0 ? [index] : []));
  const heading = shown.map((index) => columnDefinitions[index]?.name.toUpperCase() ?? '');
  const lines = [heading, ...rows.map(({ cells }) => shown.map((index) => String(cells[index] ?? '')))];
  const widths = shown.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)) + 3);
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join(''),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
