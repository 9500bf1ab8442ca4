import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../api/client.ts';
import { type Informer, startInformer } from '../api/informer.ts';
import { resources } from '../api/scheme.ts';
import type { Node, Service, Taint } from '../api/types.ts';
import type { CgroupAccess } from '../kernel/cgroups/find.ts';
import type { Kernel } from '../kernel/run.ts';
import type { KubeletSettings } from './configuration/read.ts';
import { createRecorder } from './events.ts';
import { withLoaded } from './images/loaded.ts';
import { openImageStore } from './images/store.ts';
import type { Conflist } from './network/cni/config.ts';
import type { InstalledNetwork } from './network/installed.ts';
import { ipamDir, type NodeNetwork, readLinks, startNetwork } from './network/network.ts';
import { defaultBridge } from './network/plan.ts';
import { pressureOf, watchPressure } from './node/pressure.ts';
import { leaseSeconds, registerNode, renewLease, reportNode } from './node/registration.ts';
import { isAllocatableStale, type NodeIdentity } from './node/status.ts';
import { nodeSubject } from './node/subject.ts';
import { followNodes } from './overlay/follow.ts';
import { type Backend, defaultBackend } from './overlay/options.ts';
import { podCidrsOf } from './overlay/overlay.ts';
import { type Pods, startPods } from './pods/pods.ts';
import { createSources } from './pods/sources.ts';
import { createCgroups } from './runtime/cgroups.ts';
import { hostLayout } from './runtime/containers.ts';
import { loadCatalogue } from './runtime/images.ts';
import type { ServerTls } from './server/config.ts';
import { startServer } from './server/server.ts';

export interface NodeAgentConfig {
  client: Client;
  kernel: Kernel;
  nodeName: string;
  /** On the underlay; the first is the InternalIP that others use. */
  nodeIps: string[];
  /** The cluster's pod networks, of which this node gets a part. */
  clusterCidrs: string[];
  /** The way to other nodes' pods; default flannel's vxlan. */
  overlay?: Backend;
  /** The bridge that pods are attached to; default `cni0`. */
  bridge?: string;
  /** Plugins that make pods' networks, and the folders they are in; default none. */
  cni?: { list: Conflist; path: readonly string[] };
  /** Where groups of pods are made; default nowhere. */
  cgroups?: CgroupAccess;
  /** For everything that must survive this process but not the lab: `/run/v9s/nodes/NODE`. */
  runDir: string;
  /** Folder of the images that were loaded, see images/store.ts; without, there are only the built-in ones. */
  imageStore?: string;
  /** Folders of the machine that no pod sees, whatever its `hostPath`: the cluster's own. */
  hidden?: readonly string[];
  clusterDns: string[];
  clusterDomain: string;
  /** PEM of the cluster's CA, for service account volumes. */
  caPem: string;
  /** The node's resolv.conf, a file name; empty: pods get nothing of it. */
  resolvConf: string;
  labels?: Record<string, string>;
  taints?: Taint[];
  /** PEM; without it nobody is served: no logs, no exec. `clientCa` signs those who may ask. */
  serving?: ServerTls;
  /** Of a KubeletConfiguration what is not said above. */
  kubelet?: Pick<
    KubeletSettings,
    | 'staticPodPath'
    | 'maxPods'
    | 'podPidsLimit'
    | 'anonymous'
    | 'alwaysAllow'
    | 'allowedFor'
    | 'deniedFor'
    | 'healthz'
  >;
  /** All Nodes and all Services, where this process watches them already. */
  informers?: { nodes: Informer<Node>; services: Informer<Service> };
  /** Told of everything that failed and will be tried again. Default: standard error. */
  onError?: (what: string, error: unknown) => void;
}

/** A running node-agent. */
export interface NodeAgent {
  /** Resolves once bridge and overlay stand and the Node says Ready. */
  ready: Promise<void>;
}

const statusInterval = 300_000;

/**
 * Registers the node, builds its network when it has been given a podCIDR, and runs its pods, until
 * `signal` fires. Runs in the node's network namespace. Pods do not end with it: the next one adopts
 * them.
 */
export async function startNodeAgent(
  config: NodeAgentConfig,
  { signal }: { signal: AbortSignal },
): Promise<NodeAgent> {
  const { client, kernel, nodeName, nodeIps, kubelet = {} } = config;
  const onError = config.onError ?? createLog();
  const builtIn = loadCatalogue();
  const store = config.imageStore === undefined ? undefined : openImageStore(config.imageStore);
  const catalogue = store ? withLoaded(store, builtIn) : builtIn;
  // Of a cluster's state images are the largest part.
  const folders = [config.runDir, ...(config.imageStore === undefined ? [] : [dirname(config.imageStore)])];
  const pressure = () => pressureOf(folders);
  const identity: NodeIdentity = {
    name: nodeName,
    ips: nodeIps,
    labels: config.labels ?? {},
    taints: config.taints ?? [],
    images: () => catalogue.list(),
    pressure,
    ...(kubelet.maxPods === undefined ? {} : { maxPods: kubelet.maxPods }),
  };
  const host = hostLayout();
  const watching = (what: string) => (error: unknown) => onError(`watching ${what}`, error);
  // Read while the API tells which addresses this node's pods have; whoever uses it is told of a failure.
  let links: ReturnType<typeof readLinks> | undefined = readLinks(kernel);
  links.catch(() => undefined);
  const { nodes, services } = config.informers ?? {
    nodes: startInformer(client, resources.nodes, { signal, onError: watching('nodes') }),
    services: startInformer(client, resources.services, { signal, onError: watching('services') }),
  };
  const recorder = createRecorder(client, {
    component: 'kubelet',
    host: nodeName,
    signal,
    onError: (error) => onError('writing an Event', error),
  });
  let network: NodeNetwork | undefined;
  let pods: Pods | undefined;
  const podsStarted = startPods(
    {
      client,
      kernel,
      nodeName,
      nodeIps,
      runDir: config.runDir,
      ...(config.hidden ? { hidden: config.hidden } : {}),
      ...(kubelet.staticPodPath === undefined ? {} : { staticPodPath: kubelet.staticPodPath }),
      ...(kubelet.podPidsLimit === undefined ? {} : { podPidsLimit: kubelet.podPidsLimit }),
      dns: {
        clusterDns: config.clusterDns,
        clusterDomain: config.clusterDomain,
        nodeResolvConf: config.resolvConf && readFileSync(config.resolvConf, 'utf8'),
      },
      cgroups: createCgroups(config.cgroups ?? { missing: 'none were given to this node' }, nodeName),
      host,
      catalogue,
      sources: createSources(client, config.caPem),
      recorder,
      network: () => network,
      services: () => services.store.values(),
      signal,
      onError,
    },
    services.synced,
  );

  const ready = (async () => {
    await untilAborted(nodes.synced, signal);
    const node = await retried(
      () => registerNode(client, identity, nodes.store.get(nodeName)),
      signal,
      (error) => onError('registering the node', error),
    );
    keepAlive(client, node, signal, onError);
    const podCidrs = await ownPodCidrs(nodes, nodeName, signal);
    network = await retried(
      async () => {
        const reading = links ?? readLinks(kernel);
        links = undefined;
        const { overlay = defaultBackend, bridge = defaultBridge } = config;
        const stateDir = ipamDir(config.runDir);
        const awaited = overlay.type === 'none' && !config.cni;
        if (awaited) await reportNode(client, identity, nodes.store.get(nodeName), false);
        const found = awaited ? await installed(config.runDir, signal) : {};
        return startNetwork({ ...config, podCidrs, overlay, bridge, stateDir, ...found }, await reading);
      },
      signal,
      (error) => onError('setting up the pod network', error),
    );
    pods?.enqueueAll();
    const { annotations } = network;
    await retried(
      () => reportNode(client, identity, nodes.store.get(nodeName), true, annotations),
      signal,
      (error) => onError('reporting the node', error),
    );
    followNodes(nodes, network.syncNodes, signal, (error) => onError('routes to the other nodes', error));
    const report = reportNow(client, identity, nodes, signal, onError);
    watchPressure(pressure, signal, (name) => {
      recorder.event(nodeSubject(nodeName), 'Normal', name, `Node ${nodeName} status is now: ${name}`);
      void report();
    });
    store?.follow(signal, () => {
      pods?.enqueueAll();
      void report();
    });
  })();
  ready.catch((error: unknown) => {
    if (!signal.aborted) onError('starting the node', error);
  });
  pods = await podsStarted;
  pods.enqueueAll();
  void ready
    .then(() => collectNetworks(network, pods))
    .catch((error: unknown) => {
      if (!signal.aborted) onError('networks of pods that are no more', error);
    });
  if (config.serving) {
    const { all } = pods;
    const { serving: tls } = config;
    const logDir = join(config.runDir, 'host/var/log');
    void startServer(
      { client, nodeName, tls, machine: host.machine, pods: all, logDir, access: kubelet, onError },
      signal,
    );
  }
  if (kubelet.healthz) {
    const { serveHealth } = await import('./server/health.ts');
    void serveHealth(kubelet.healthz, { signal, onError: (error) => onError('serving /healthz', error) });
  }
  return { ready };
}

/** Waits for a pod network that somebody installs on the node. */
async function installed(runDir: string, signal: AbortSignal): Promise<InstalledNetwork> {
  const { installedNetwork } = await import('./network/installed.ts');
  return installedNetwork(join(runDir, 'host'), signal);
}

/** An earlier process may have been interrupted between a pod's end and that of its network. */
async function collectNetworks(network: NodeNetwork | undefined, pods: Pods | undefined): Promise<void> {
  await network?.collect((uid) => [...(pods?.all() ?? [])].some((pod) => pod.uid === uid));
}

/** Resolves with the podCIDRs of this node once the control plane has given it some. */
function ownPodCidrs(nodes: Informer<Node>, name: string, signal: AbortSignal): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const cidrs = podCidrsOf(nodes.store.get(name));
      if (cidrs.length === 0) return;
      stop();
      resolve(cidrs);
    };
    const stop = nodes.onChange(look);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    look();
  });
}

/** When the first Lease is written: the node itself says in its status that it has come. */
const firstRenewal = 3_000;

function keepAlive(
  client: Client,
  node: Node,
  signal: AbortSignal,
  onError: (what: string, error: unknown) => void,
): void {
  let first = true;
  const renew = () =>
    renewLease(client, node, first).then(
      () => {
        first = false;
      },
      (error: unknown) => onError('renewing the lease', error),
    );
  every((leaseSeconds / 4) * 1000, signal, renew);
  setTimeout(() => signal.aborted || void renew(), firstRenewal).unref();
}

function reportNow(
  client: Client,
  identity: NodeIdentity,
  nodes: Informer<Node>,
  signal: AbortSignal,
  onError: (what: string, error: unknown) => void,
): () => Promise<void> {
  const report = () =>
    reportNode(client, identity, nodes.store.get(identity.name), true).catch((error: unknown) =>
      onError('reporting the node', error),
    );
  every(statusInterval, signal, report);
  // Nobody heard of it for a while; when it hears that, it is back. Or somebody gave it more to give.
  let answering = false;
  nodes.onChange(({ key }) => {
    const status = key === identity.name ? nodes.store.get(key)?.status : undefined;
    const isMissed = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'Unknown');
    if (!status || answering || !(isMissed || isAllocatableStale(status))) return;
    answering = true;
    void report().finally(() => {
      answering = false;
    });
  });
  return report;
}

function every(milliseconds: number, signal: AbortSignal, work: () => Promise<unknown>): void {
  const timer = setInterval(() => void work(), milliseconds);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** Rejects when `signal` fires first. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Until it succeeds or `signal` fires: the API may not be there yet. */
async function retried<T>(
  work: () => Promise<T>,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<T> {
  for (let pause = 20; ; pause = Math.min(pause * 2, 2_000)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      onError(error);
      await delay(pause, undefined, { signal });
    }
  }
}

/** A failure that goes on is said once, until it is another. */
function createLog(): (what: string, error: unknown) => void {
  const said = new Map<string, string>();
  return (what, error) => {
    const message = error instanceof Error ? error.message : String(error);
    if (said.get(what) === message) return;
    said.set(what, message);
    process.stderr.write(`${new Date().toISOString()} ${what}: ${message}\n`);
  };
}
