import { networkInterfaces } from 'node:os';
import type { Client } from '../api/client.ts';
import { type Change, startInformer } from '../api/informer.ts';
import { resources } from '../api/scheme.ts';
import type { EndpointSlice, Service } from '../api/types.ts';
import { deleteFlows, listFlows } from '../kernel/conntrack.ts';
import type { Kernel } from '../kernel/run.ts';
import { writeSysctls } from '../kernel/sysctl.ts';
import {
  type KubeProxyConfiguration,
  type ProxyConfiguration,
  type ProxyMode,
  proxyConfiguration,
} from './configuration.ts';
import { mayLeaveStaleFlows, staleFlows } from './conntrack/stale.ts';
import type { Dataplane, SyncResult } from './dataplane.ts';
import { createIptablesDataplane } from './iptables/dataplane.ts';
import { type Family, familyOf, parseCidr } from './model/address.ts';
import { createModel, type Model, type Row } from './model/model.ts';
import { headlessLabel, serviceProxyNameLabel } from './model/serviceport.ts';
import { type NodeFacts, nodeFacts } from './node.ts';
import { createRunner } from './runner.ts';

export interface DataplaneConfig {
  readonly client: Client;
  /** Must act in the network namespace of the node. */
  readonly kernel: Kernel;
  readonly nodeName: string;
  readonly mode: ProxyMode;
  readonly configuration?: KubeProxyConfiguration;
  /** Told of what went wrong and of repairs, a line each. Default: standard error. */
  readonly log?: (line: string) => void;
  /** Told of every sync: what was written, and milliseconds since the first event that asked for it. */
  readonly onSync?: (sync: SyncResult & { readonly family: Family; readonly milliseconds: number }) => void;
}

/** A running proxy. */
export interface DataplaneProcess {
  /** Looks at the kernel now, and repairs what somebody else changed; done every syncPeriod anyway. */
  verify(): Promise<void>;
  /** Takes all rules out. Call it after the signal has fired; without it traffic goes on. */
  cleanup(): Promise<void>;
}

/** One address family: its model, its way into the kernel, and what was written last. */
interface Stack {
  readonly family: Family;
  readonly model: Model;
  readonly dataplane: Dataplane;
  active: boolean;
  written: ReadonlyMap<string, Row>;
}

const proxied = `!${headlessLabel},!${serviceProxyNameLabel}`;

/**
 * Keeps this node's kernel in step with Services and EndpointSlices. Resolves once the first rules are
 * written, which waits until both are known whole; what stands before that is adopted, not flushed.
 * When `signal` fires it stops and leaves the rules. Throws a ConfigurationError at once.
 */
export async function startDataplane(
  config: DataplaneConfig,
  { signal }: { signal: AbortSignal },
): Promise<DataplaneProcess> {
  const {
    client,
    kernel,
    nodeName,
    mode,
    log = (line) => process.stderr.write(`${line}\n`),
    onSync,
  } = config;
  const configuration = proxyConfiguration(config.configuration);
  if (mode !== 'iptables') throw new Error(`dataplane: mode ${JSON.stringify(mode)} is none of iptables`);
  const complain = (what: string) => (error: unknown) =>
    log(`dataplane: ${what}: ${error instanceof Error ? error.message : String(error)}`);

  const stacks = (['IPv4', 'IPv6'] as const).map(
    (family): Stack => ({
      family,
      model: createModel(family, nodeName),
      dataplane: createIptablesDataplane({ kernel, family, configuration }),
      active: family === 'IPv4',
      written: new Map(),
    }),
  );
  let asked = performance.now();
  let verifying = false;
  const runner = createRunner({
    run: syncAll,
    minPeriod: configuration.iptables.minSyncPeriod,
    onError: complain('sync'),
    signal,
  });

  const event =
    <T>(apply: (model: Model, change: Change<T>) => void) =>
    (change: Change<T>) => {
      for (const { model } of stacks) apply(model, change);
      poke();
    };
  let pending = false;
  let ready = false;
  function poke(): void {
    if (!pending) asked = performance.now();
    pending = true;
    if (ready) runner.poke();
  }

  const scope = { signal, onError: onceEach(complain('watch')) };
  const services = startInformer(client, resources.services, {
    ...scope,
    labelSelector: proxied,
    onChange: event<Service>((model, { type, key, object }) =>
      model.setService(key, type === 'deleted' ? undefined : object),
    ),
  });
  const slices = startInformer(client, resources.endpointslices, {
    ...scope,
    labelSelector: proxied,
    onChange: event<EndpointSlice>((model, { type, key, object }) =>
      model.setSlice(key, type === 'deleted' ? undefined : object),
    ),
  });
  const nodes = startInformer(client, resources.nodes, {
    ...scope,
    fieldSelector: `metadata.name=${nodeName}`,
    onChange: poke,
  });

  async function syncAll(): Promise<void> {
    pending = false;
    const since = asked;
    if (verifying) await repairNote();
    const node = nodeFacts(nodeName, nodes.store.get(nodeName), localAddresses(configuration));
    const both = [...node.ips, ...node.podCIDRs.map((cidr) => cidr.split('/')[0] ?? '')];
    if (both.some((ip) => familyOf(ip) === 'IPv6') || hasIPv6(configuration.detectLocal.clusterCIDR))
      for (const stack of stacks) stack.active = true;
    // One family's failure must not keep the other from being served.
    const results = [];
    for (const stack of stacks) if (stack.active) results.push(await settled(syncOne(stack, node, since)));
    for (const { error } of results) if (error) throw error;
  }

  async function syncOne(stack: Stack, node: NodeFacts, since: number): Promise<void> {
    const rows = new Map(stack.model.rows());
    const result = await stack.dataplane.sync({ rows, node });
    onSync?.({ ...result, family: stack.family, milliseconds: performance.now() - since });
    const forget = mayLeaveStaleFlows(stack.written, rows);
    stack.written = rows;
    if (forget) await forgetStaleFlows(kernel, stack).catch(complain('conntrack'));
  }

  async function repairNote(): Promise<void> {
    verifying = false;
    for (const { family, dataplane, active } of stacks) {
      const found = active ? await dataplane.verify() : undefined;
      if (found) log(`dataplane: ${family} rules were changed by somebody else (${found}); repairing`);
    }
  }

  const adopted = stacks[0]?.dataplane.adopt().catch(complain('reading the rules that stand'));
  const prepared = prepareKernel(kernel, configuration).catch(complain('kernel parameters'));
  await untilAborted(Promise.all([services.synced, slices.synced, nodes.synced, adopted, prepared]), signal);
  ready = true;
  runner.poke();
  await runner.first;

  const verify = () => {
    verifying = true;
    poke();
  };
  const timer = setInterval(verify, configuration.iptables.syncPeriod);
  timer.unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  return {
    async verify() {
      verify();
      await runner.idle();
    },
    async cleanup() {
      for (const { dataplane, active } of stacks) if (active) await dataplane.cleanup();
    },
  };
}

/** An outage is told of once for each way it shows, not at every attempt; at the earliest again a minute later. */
function onceEach(tell: (error: unknown) => void): (error: unknown) => void {
  const told = new Map<string, number>();
  return (error) => {
    const key = String(error);
    const now = performance.now();
    if (now - (told.get(key) ?? Number.NEGATIVE_INFINITY) < 60_000) return;
    told.set(key, now);
    tell(error);
  };
}

async function settled(work: Promise<void>): Promise<{ error?: unknown }> {
  try {
    await work;
    return {};
  } catch (error) {
    return { error };
  }
}

/** Rejections keep their meaning; an abort ends the wait without one. */
async function untilAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    if (signal.aborted) resolve();
    signal.addEventListener('abort', stop, { once: true });
  });
  await Promise.race([work, aborted]);
  signal.removeEventListener('abort', stop);
}

async function forgetStaleFlows(kernel: Kernel, { family, written }: Stack): Promise<void> {
  for (const flow of staleFlows(await listFlows(kernel, family, 'udp'), written.values()))
    await deleteFlows(kernel, family, flow);
}

/** Upstream: `iptables/proxier.go` for route_localnet, `cmd/kube-proxy/app/conntrack.go` for the rest. */
async function prepareKernel(
  kernel: Kernel,
  { iptables, nodePortAddresses, conntrack }: ProxyConfiguration,
): Promise<void> {
  const seconds = (milliseconds: number) => Math.round(milliseconds / 1_000);
  const loopback =
    nodePortAddresses.length === 0 || nodePortAddresses.some((cidr) => /^(127\.|0\.0\.0\.0\/0)/.test(cidr));
  await writeSysctls(kernel, {
    ...(iptables.localhostNodePorts && loopback ? { 'net.ipv4.conf.all.route_localnet': 1 } : {}),
    ...(conntrack.tcpBeLiberal ? { 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 } : {}),
    'net.netfilter.nf_conntrack_tcp_timeout_established': seconds(conntrack.tcpEstablishedTimeout),
    'net.netfilter.nf_conntrack_tcp_timeout_close_wait': seconds(conntrack.tcpCloseWaitTimeout),
    ...(conntrack.udpTimeout
      ? { 'net.netfilter.nf_conntrack_udp_timeout': seconds(conntrack.udpTimeout) }
      : {}),
    ...(conntrack.udpStreamTimeout
      ? { 'net.netfilter.nf_conntrack_udp_timeout_stream': seconds(conntrack.udpStreamTimeout) }
      : {}),
  });
}

const hasIPv6 = (cidrs: string) => cidrs.split(',').some((cidr) => parseCidr(cidr)?.family === 'IPv6');

/** The interfaces are looked at only when `nodePortAddresses` asks for it. */
function localAddresses({ nodePortAddresses }: ProxyConfiguration): { localAddresses?: string[] } {
  if (nodePortAddresses.length === 0) return {};
  const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
  return { localAddresses: addresses.map(({ address }) => address) };
}
