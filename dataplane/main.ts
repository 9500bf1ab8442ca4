import { networkInterfaces } from 'node:os';
import { cidrOf, type Family, familyOf } from '../api/address.ts';
import type { Client } from '../api/client.ts';
import { type Change, follow, type Informer, startInformer } from '../api/informer.ts';
import { resources } from '../api/scheme.ts';
import type { EndpointSlice, Node, Service } from '../api/types.ts';
import type { Kernel } from '../kernel/run.ts';
import { xtablesLockHolder } from '../kernel/xtables-lock.ts';
import {
  type KubeProxyConfiguration,
  type ProxyConfiguration,
  type ProxyMode,
  proxyConfiguration,
} from './configuration.ts';
import { applySettings, wantedSettings } from './conntrack/settings.ts';
import type { SyncResult } from './dataplane.ts';
import { createProxyHealth } from './health/proxy.ts';
import { emulatedVersions } from './iptables/versions.ts';
import { removeLeftovers } from './leftovers.ts';
import { createProxyMetrics } from './metrics/proxy.ts';
import type { Model } from './model/model.ts';
import { headlessLabel, serviceProxyNameLabel } from './model/serviceport.ts';
import { availableModes, loadMode } from './modes.ts';
import { type NodeFacts, nodeFacts } from './node.ts';
import { createRunner } from './runner.ts';
import { type ProxyServer, startServers } from './servers.ts';
import { followServiceCIDRs } from './servicecidrs.ts';
import { createStack, forgetStaleFlows, type Stack, syncStack, triggerTime } from './stack.ts';
import { chosenTools } from './tools.ts';
import { onceEach, settled, untilAborted } from './waiting.ts';

export interface DataplaneConfig {
  readonly client: Client;
  /** Must act in the network namespace of the node. */
  readonly kernel: Kernel;
  readonly nodeName: string;
  /** All Nodes and all Services, where this process watches them already. */
  readonly informers?: { readonly nodes: Informer<Node>; readonly services: Informer<Service> };
  /** Before the address of their family in the Node object. */
  readonly nodeIps?: readonly string[];
  readonly mode: ProxyMode;
  /** Modes that may have left rules in this kernel. Default: all. */
  readonly formerModes?: readonly ProxyMode[];
  /**
   * Ends whoever in this process writes this kernel's rules: called when all that is wanted is known, before what
   * stands is read. Default: nobody does.
   */
  readonly takeOver?: () => Promise<void>;
  readonly configuration?: KubeProxyConfiguration;
  /** The release of kube-proxy whose rules are written, as `1.12`: see `emulatedVersions`. Default: the newest. */
  readonly emulatedVersion?: string | undefined;
  /**
   * Which servers to open, in the network namespace of this process, which then must be the node's; all are
   * {@link proxyServers}. Default: none.
   */
  readonly serve?: readonly ProxyServer[];
  /** Told of what went wrong and of repairs, a line each. Default: standard error. */
  readonly log?: (line: string) => void;
  /** Told of every sync: what was written, and milliseconds since the first event that asked for it. */
  readonly onSync?: (sync: SyncResult & { readonly family: Family; readonly milliseconds: number }) => void;
}

/** A running proxy. */
export interface DataplaneProcess {
  /** Looks at the kernel now, and repairs what somebody else changed; done every syncPeriod anyway. */
  verify(): Promise<void>;
  /** Resolves when nothing is being written any more. Call it after the signal has fired. */
  stopped(): Promise<void>;
  /** Takes all rules out. Call it after the signal has fired; without it traffic goes on. */
  cleanup(): Promise<void>;
}

/** Milliseconds after a sync that the node's addresses are looked at, where rules depend on them. */
const lookAfter = 1_000;
const proxied = `!${headlessLabel},!${serviceProxyNameLabel}`;
const isProxied = ({ metadata }: Service) =>
  ![headlessLabel, serviceProxyNameLabel].some((label) => metadata?.labels?.[label] !== undefined);

/**
 * Keeps this node's kernel in step with Services and EndpointSlices. Resolves once the first rules are
 * written, which waits until both are known whole; what stands before that is adopted, not flushed. Then the
 * rules of other modes go, and the servers open. When `signal` fires it stops and leaves the rules. Throws a
 * ConfigurationError or ProxyModeError at once, a RangeError for a version that cannot be emulated.
 */
export async function startDataplane(
  config: DataplaneConfig,
  { signal }: { signal: AbortSignal },
): Promise<DataplaneProcess> {
  const { client, nodeName, mode, emulatedVersion, onSync } = config;
  const { log = (line) => process.stderr.write(`${line}\n`) } = config;
  const configuration = proxyConfiguration({ ...config.configuration, mode });
  const create = await loadMode(mode);
  const periods = configuration[mode];
  const complain = (what: string) => (error: unknown) =>
    log(`dataplane: ${what}: ${error instanceof Error ? error.message : String(error)}`);

  // The choice of tools goes on while Services are read.
  const tools = chosenTools(config.kernel, mode, log);
  const { kernel } = tools;
  const stacks = (['IPv4', 'IPv6'] as const).map((family) =>
    createStack(family, nodeName, create({ kernel, family, configuration, emulatedVersion })),
  );
  const active = () => stacks.filter((stack) => stack.active);
  const health = createProxyHealth({ timeout: 2 * periods.syncPeriod });
  const metrics = createProxyMetrics({
    mode,
    *rules() {
      for (const { family, dataplane } of active())
        for (const [table, count] of Object.entries(dataplane.ruleCounts?.() ?? {}))
          yield { family, table, count };
    },
  });
  let asked = performance.now();
  let verifying = false;
  const failed = onceEach(complain('sync'));
  const runner = createRunner({
    run: syncAll,
    minPeriod: periods.minSyncPeriod,
    onError: failed,
    signal,
  });

  let pending = false;
  let ready = false;
  function poke(): void {
    if (!pending) asked = performance.now();
    pending = true;
    for (const { family } of active()) {
      health.queued(family);
      metrics.queued(family);
    }
    if (ready) runner.poke();
  }
  const apply = (change: (model: Model) => void) => {
    for (const { model } of stacks) change(model);
    poke();
  };

  const started = Date.now();
  const scope = { signal, onError: onceEach(complain('watch')) };
  const { services, nodes } = config.informers ?? {
    services: startInformer(client, resources.services, { ...scope, labelSelector: proxied }),
    nodes: startInformer(client, resources.nodes, { ...scope, fieldSelector: `metadata.name=${nodeName}` }),
  };
  const unfollowServices = follow(services, ({ type, key, object, old }) => {
    if (!isProxied(object) && !(old && isProxied(old))) return;
    metrics.serviceChanged();
    apply((model) => model.setService(key, type === 'deleted' || !isProxied(object) ? undefined : object));
  });
  const slices = startInformer(client, resources.endpointslices, {
    ...scope,
    labelSelector: proxied,
    onChange({ type, key, object }: Change<EndpointSlice>) {
      metrics.endpointsChanged();
      const began = type === 'deleted' ? undefined : triggerTime(object);
      // What happened before this proxy ran is not its latency.
      if (began !== undefined && began >= started)
        active()
          .find(({ family }) => family === object.addressType)
          ?.triggers.push(began);
      apply((model) => model.setSlice(key, type === 'deleted' ? undefined : object));
    },
  });
  // Only this mode has rules for addresses of nobody.
  const ranges =
    mode === 'nftables' ? followServiceCIDRs(client, { signal, onChange: () => poke() }) : undefined;
  let known = '';
  let local = localAddresses(configuration);
  let looking: NodeJS.Timeout | undefined;
  const factsOfNode = () => ({
    ...nodeFacts(nodeName, nodes.store.get(nodeName), { ips: config.nodeIps, ...local }),
    ...(ranges ? { serviceCIDRs: ranges.current() } : {}),
  });
  // A node's status changes all the time, and hardly ever in what rules depend on.
  function noteNode(): void {
    const facts = JSON.stringify(factsOfNode());
    if (facts !== known) poke();
    known = facts;
  }
  // Listing addresses takes 12 ms where kube-ipvs0 has 10,000 of them: soon after a sync, then, not before it.
  function lookAround(): void {
    if (!local.localAddresses || looking) return;
    looking = setTimeout(() => {
      looking = undefined;
      local = localAddresses(configuration);
      noteNode();
    }, lookAfter).unref();
  }
  const unfollowNodes = follow(nodes, ({ key, object }) => {
    if (key !== nodeName) return;
    health.node(object);
    noteNode();
  });
  // Informers of others go on after this proxy.
  const unfollow = () => {
    unfollowServices();
    unfollowNodes();
    clearTimeout(looking);
  };
  signal.addEventListener('abort', unfollow, { once: true });

  let servers: ReturnType<typeof startServers> | undefined;
  async function syncAll(): Promise<void> {
    pending = false;
    const since = asked;
    // Whoever spoiled a write has seldom spared the other family.
    const suspicious = active().some((stack) => stack.failures > 0 && stack.written.size > 0);
    const seen = verifying || suspicious ? active() : [];
    if (verifying && inUse.length > 0) await clearUp(inUse);
    verifying = false;
    for (const stack of seen) await look(stack);
    lookAround();
    const node = factsOfNode();
    const both = [...node.ips, ...node.podCIDRs.map((cidr) => cidr.split('/')[0] ?? '')];
    if (both.some((ip) => familyOf(ip) === 'IPv6') || hasIPv6(configuration.detectLocal.clusterCIDR))
      for (const stack of stacks) stack.active = true;
    // One family's failure must not keep the other from being served.
    const errors: unknown[] = [];
    for (const stack of active()) {
      const { error } = await settled(syncOne(stack, node, since));
      if (error) errors.push(error);
    }
    await servers?.sync(stacks, node);
    // The runner tells of the one that it is given.
    for (const error of errors.slice(1)) failed(error);
    if (errors.length > 0) throw errors[0];
  }

  async function syncOne(stack: Stack, node: NodeFacts, since: number): Promise<void> {
    const { family, failures } = stack;
    const waiting = setTimeout(() => void tellOfLock(family).catch(complain('xtables lock')), lockPatience);
    const { mayBeStale, ...sync } = await syncStack(stack, node)
      .catch((error: unknown) => {
        metrics.failed(family);
        throw error;
      })
      .finally(() => clearTimeout(waiting));
    stack.failures = 0;
    stack.found = undefined;
    if (failures > 0) log(`dataplane: ${family} rules are in step again, after failed writes: ${failures}`);
    health.updated(family);
    if (pending) health.queued(family);
    metrics.synced({ family, ...sync, withoutLocalEndpoints: stack.seen.withoutLocal });
    onSync?.({ ...sync.result, family, milliseconds: performance.now() - since });
    if (!mayBeStale) return;
    const began = performance.now();
    const deleted = await forgetStaleFlows(kernel, stack).catch(complain('conntrack'));
    metrics.conntrackCleaned(family, (performance.now() - began) / 1_000, deleted ?? 0);
  }

  /** Modes that have left what connections still go through. */
  let inUse: readonly ProxyMode[] = [];
  const clearUp = async (others: readonly ProxyMode[]) => {
    inUse = await removeLeftovers(mode, { kernel: config.kernel, tools, others, configuration, complain });
  };

  /** A look that fails must not keep what is known to be wanted from being written. */
  async function look(stack: Stack): Promise<void> {
    const { family, dataplane, failures } = stack;
    const found = await dataplane.verify().catch(complain(`looking at the ${family} rules`));
    stack.whole = true;
    if (!found) return;
    if (failures === 0) log(`dataplane: ${family} rules were changed by somebody else (${found}); repairing`);
    else if (found !== stack.found)
      log(`dataplane: ${family} rules after a failed write, compared with what is wanted: ${found}`);
    stack.found = found;
  }

  async function tellOfLock(family: Family): Promise<void> {
    if (mode === 'nftables') return;
    const holder = await xtablesLockHolder(config.kernel);
    if (holder) log(`dataplane: ${family} rules wait for the xtables lock, which ${holder} holds`);
  }

  const adopt = () => stacks[0]?.dataplane.adopt().catch(complain('reading the rules that stand'));
  // It is read while the API answers, where nobody writes it meanwhile.
  const adopted = config.takeOver ? undefined : adopt();
  const prepared = applySettings(kernel, wantedSettings(configuration)).catch(complain('kernel parameters'));
  await untilAborted(
    Promise.all([services.synced, slices.synced, nodes.synced, ranges?.asked, adopted, prepared]),
    signal,
  );
  if (config.takeOver) {
    await config.takeOver();
    await adopt();
  }
  ready = true;
  runner.poke();
  await runner.first;
  if (!signal.aborted) await clearUp(config.formerModes ?? availableModes);
  if (config.serve && !signal.aborted) {
    servers = startServers({
      client,
      nodeName,
      serve: config.serve,
      holdNodePorts: emulatedVersion !== undefined && emulatedVersion !== emulatedVersions[0],
      configuration,
      health,
      metrics,
      complain,
      signal,
    });
    poke();
    await runner.idle();
  }

  const verify = () => {
    verifying = true;
    poke();
  };
  const timer = setInterval(verify, periods.syncPeriod);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return {
    async verify() {
      verify();
      await runner.idle();
    },
    stopped: runner.idle,
    async cleanup() {
      // What it writes at this moment would stay.
      await runner.idle();
      for (const { dataplane } of active()) await dataplane.cleanup();
    },
  };
}

/** Milliseconds that a write takes at most when nobody holds the lock, mostly. */
const lockPatience = 1_000;

const hasIPv6 = (cidrs: string) => cidrs.split(',').some((cidr) => cidrOf(cidr)?.family === 'IPv6');

/**
 * The interfaces are looked at only when `nodePortAddresses` asks for it, or IPVS, which answers at each of
 * their addresses by a server of its own. What is down, as kube-ipvs0 always is, does not count.
 */
function localAddresses({ mode, nodePortAddresses }: ProxyConfiguration): { localAddresses?: string[] } {
  if (nodePortAddresses.length === 0 && mode !== 'ipvs') return {};
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return { localAddresses: addresses.map(({ address }) => address) };
}
