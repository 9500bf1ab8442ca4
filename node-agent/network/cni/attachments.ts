import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../../runtime/containers.ts';
import { type Conflist, isAtLeast, type PluginConfig } from './config.ts';
import { type CniCommand, type Plugins, runPlugin } from './plugin.ts';

/** One container to be attached: the same values for ADD and for the DEL that belongs to it. */
export interface Attachment {
  containerId: string;
  ifname: string;
  netns?: string;
  args?: string;
  /** Values by capability, `portMappings`, `bandwidth`; a plugin gets those that it says it has. */
  capabilities?: Record<string, unknown>;
}

/** What the last plugin of a chain answered, from 0.3.0 on. */
export interface CniResult {
  cniVersion?: string;
  interfaces?: { name: string; mac?: string; sandbox?: string }[];
  ips?: { address: string; gateway?: string; interface?: number }[];
  [key: string]: unknown;
}

/** Kept from before ADD, which may be interrupted, to DEL. */
interface Cached {
  attachment: Attachment;
  result?: CniResult;
}

/** A network as the specification has a runtime carry it out. */
export interface CniNetwork {
  /** Every plugin in order, each given its predecessor's result. When one fails, all are undone. */
  add(attachment: Attachment): Promise<CniResult>;
  /** In reverse order; harmless when there is nothing. The namespace may be gone. */
  del(attachment: Attachment): Promise<void>;
  /** Rejects when the attachment is not as ADD left it; says nothing where the list forbids to ask. */
  check(containerId: string): Promise<void>;
  /** Undoes what is attached to containers that are not valid any more, and has plugins do the same. */
  gc(isValid: (containerId: string) => boolean): Promise<void>;
  /** Rejects when a plugin lacks the list's version, or is not ready. */
  status(): Promise<void>;
  /** Containers that were added. */
  attached(): string[];
}

/**
 * Runs a list's plugins for containers, one operation a container at a time, which is the caller's to see to;
 * results are kept in `folder`. Source: CNI specification 1.1, sections 2 to 4.
 */
export function createCniNetwork(list: Conflist, plugins: Plugins, folder: string): CniNetwork {
  mkdirSync(folder, { recursive: true });
  const cacheFile = (containerId: string) => join(folder, `${containerId}.json`);
  const cached = (containerId: string): Cached | undefined =>
    existsSync(cacheFile(containerId))
      ? (JSON.parse(readFileSync(cacheFile(containerId), 'utf8')) as Cached)
      : undefined;
  const keep = (one: Cached) => writeAtomically(cacheFile(one.attachment.containerId), JSON.stringify(one));
  const run = (plugin: PluginConfig, command: CniCommand, attachment?: Attachment, extra = {}) =>
    runPlugin(
      plugins,
      plugin.type,
      command,
      { ...execution(list, plugin, attachment), ...extra },
      attachment,
    );

  async function del(attachment: Attachment): Promise<void> {
    const before = cached(attachment.containerId);
    // What ADD was told DEL is told, but for a namespace that is gone.
    const same: Attachment = { ...before?.attachment, ...attachment };
    const prevResult = before?.result && isAtLeast(list, '0.4.0') ? { prevResult: before.result } : {};
    for (const plugin of list.plugins.toReversed()) await run(plugin, 'DEL', same, prevResult);
    rmSync(cacheFile(attachment.containerId), { force: true });
  }

  return {
    del,
    async add(attachment) {
      keep({ attachment });
      let result: CniResult | undefined;
      try {
        for (const plugin of list.plugins)
          result = (await run(plugin, 'ADD', attachment, result ? { prevResult: result } : {})) ?? result;
        if (!result) throw new Error(`network ${list.name}: no plugin answered with a result`);
      } catch (error) {
        const undone = await del(attachment).then(
          () => '',
          (again: unknown) =>
            `; undoing it failed too: ${again instanceof Error ? again.message : String(again)}`,
        );
        if (undone && error instanceof Error) error.message += undone;
        throw error;
      }
      keep({ attachment, result });
      return result;
    },
    async check(containerId) {
      const before = cached(containerId);
      if (!before?.result || list.disableCheck || !isAtLeast(list, '0.4.0')) return;
      for (const plugin of list.plugins)
        await run(plugin, 'CHECK', before.attachment, { prevResult: before.result });
    },
    async gc(isValid) {
      const failures: unknown[] = [];
      const known = containers(folder).flatMap((id) => cached(id)?.attachment ?? []);
      for (const attachment of known.filter(({ containerId }) => !isValid(containerId)))
        await del(attachment).catch((error: unknown) => failures.push(error));
      if (isAtLeast(list, '1.1.0') && !list.disableGC) {
        const valid = known
          .filter(({ containerId }) => isValid(containerId))
          .map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
        for (const plugin of list.plugins)
          await run(plugin, 'GC', undefined, { 'cni.dev/valid-attachments': valid }).catch((error: unknown) =>
            failures.push(error),
          );
      }
      if (failures.length > 0) throw failures[0];
    },
    async status() {
      for (const plugin of list.plugins) {
        const answer = await runPlugin(plugins, plugin.type, 'VERSION', { cniVersion: list.cniVersion });
        const supported = Array.isArray(answer?.supportedVersions) ? answer.supportedVersions : ['0.1.0'];
        if (!supported.includes(list.cniVersion))
          throw new Error(
            `network ${list.name}: plugin ${plugin.type} has CNI ${supported.join(', ')}, not ${list.cniVersion}`,
          );
        if (isAtLeast(list, '1.1.0')) await run(plugin, 'STATUS');
      }
    },
    attached: () => containers(folder),
  };
}

const containers = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));

/** What a plugin reads: its own part of the list, with what the list and the runtime add. */
function execution(
  { name, cniVersion }: Conflist,
  { capabilities = {}, ...plugin }: PluginConfig,
  attachment: Attachment | undefined,
): Record<string, unknown> {
  const offered = Object.entries(attachment?.capabilities ?? {}).filter(([key]) => capabilities[key]);
  return {
    ...plugin,
    name,
    cniVersion,
    ...(offered.length > 0 ? { runtimeConfig: Object.fromEntries(offered) } : {}),
  };
}
