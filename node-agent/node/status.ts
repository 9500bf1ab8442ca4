import { readFileSync } from 'node:fs';
import { availableParallelism, hostname, release, totalmem } from 'node:os';
import type { Node, NodeCondition, NodeStatus, Taint } from '../../api/types.ts';
import { kubeletPort } from '../server/config.ts';
import { noPressure, type Pressure } from './pressure.ts';

/** What a node says of itself when it joins. */
export interface NodeIdentity {
  name: string;
  ips: readonly string[];
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  /** How many pods it takes; default 110. */
  maxPods?: number;
  /** What pods can run without anything being fetched: names and bytes. */
  /** What it is short of now. */
  pressure?: () => Pressure;
  images?: () => readonly { names: readonly string[]; size: number }[];
}

const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/** A Node as kubelet registers it; upstream: `pkg/kubelet/kubelet_node_status.go`. */
export function nodeObject(identity: NodeIdentity): Node {
  const { name, ips, taints, labels } = identity;
  return {
    metadata: { name, ...nodeMetadata({ name, labels: ownLabels(labels) }) },
    spec: taints.length > 0 ? { taints: [...taints] } : {},
    status: nodeStatus(name, ips, undefined, false, new Date(), [], identity.maxPods),
  };
}

/** A node may not say of itself what its role is: that is given to it. Upstream: NodeRestriction. */
function ownLabels(labels: NodeIdentity['labels']): NodeIdentity['labels'] {
  const isRole = (key: string) => key.startsWith('node-role.kubernetes.io/');
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !isRole(key)));
}

/** What kubelet keeps on its Node besides the status; `labels` beside those that all nodes have. */
export function nodeMetadata({
  name,
  labels = {},
}: Pick<NodeIdentity, 'name'> & Partial<Pick<NodeIdentity, 'labels'>>): {
  labels: Record<string, string>;
  annotations: Record<string, string>;
} {
  const arch = architectures[process.arch] ?? process.arch;
  return {
    labels: {
      'beta.kubernetes.io/arch': arch,
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': arch,
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      ...labels,
    },
    annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
  };
}

/** The whole status; conditions keep their transition times from `before`. */
export function nodeStatus(
  name: string,
  ips: readonly string[],
  before: NodeStatus | undefined,
  networkReady: boolean,
  now: Date,
  images: ReturnType<NonNullable<NodeIdentity['images']>> = [],
  maxPods = 110,
  pressure = noPressure,
): NodeStatus {
  const capacity = {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(maxPods),
  };
  return {
    addresses: [
      ...ips.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: name },
    ],
    capacity,
    allocatable: { ...extendedOf(before?.capacity), ...capacity },
    conditions: conditions(before?.conditions ?? [], { networkReady, pressure }, now),
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    nodeInfo: machineInfo(),
    ...(images.length > 0 ? { images: imageList(images) } : {}),
  };
}

/** What others have given the node: names of a domain that is not Kubernetes' own. Upstream: `IsExtendedResourceName`. */
function extendedOf(list: NodeStatus['capacity'] = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(list).filter(([name]) => name.includes('/') && !/(^|\.)kubernetes\.io\//.test(name)),
  );
}

/** What pods may have is not what the node has: somebody has given it a resource of another domain, or taken one. */
export function isAllocatableStale({ capacity, allocatable }: NodeStatus): boolean {
  const [has, gives] = [extendedOf(capacity), extendedOf(allocatable)];
  const names = new Set([...Object.keys(has), ...Object.keys(gives)]);
  return [...names].some((name) => has[name] !== gives[name]);
}

/** As many as kubelet lists by default, `--node-status-max-images`, with as many names each. */
const mostImages = 50;
const mostNames = 5;

function imageList(
  images: ReturnType<NonNullable<NodeIdentity['images']>>,
): NonNullable<NodeStatus['images']> {
  return images
    .slice(0, mostImages)
    .map(({ names, size }) => ({ names: names.slice(0, mostNames), sizeBytes: size }));
}

function conditions(
  before: readonly NodeCondition[],
  { networkReady, pressure }: { networkReady: boolean; pressure: Pressure },
  now: Date,
): NodeCondition[] {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const wanted: Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>[] = [
    pressure.memory
      ? {
          type: 'MemoryPressure',
          status: 'True',
          reason: 'KubeletHasInsufficientMemory',
          message: 'kubelet has insufficient memory available',
        }
      : {
          type: 'MemoryPressure',
          status: 'False',
          reason: 'KubeletHasSufficientMemory',
          message: 'kubelet has sufficient memory available',
        },
    pressure.disk
      ? {
          type: 'DiskPressure',
          status: 'True',
          reason: 'KubeletHasDiskPressure',
          message: 'kubelet has disk pressure',
        }
      : {
          type: 'DiskPressure',
          status: 'False',
          reason: 'KubeletHasNoDiskPressure',
          message: 'kubelet has no disk pressure',
        },
    {
      type: 'PIDPressure',
      status: 'False',
      reason: 'KubeletHasSufficientPID',
      message: 'kubelet has sufficient PID available',
    },
    networkReady
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message:
            'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
        },
  ];
  const own = wanted.map((condition): NodeCondition => {
    const old = before.find(({ type }) => type === condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : undefined;
    return { ...condition, lastHeartbeatTime: time, lastTransitionTime: since ?? time };
  });
  const types = new Set(own.map(({ type }) => type));
  return [...before.filter(({ type }) => !types.has(type)), ...own];
}

function machineInfo(): NonNullable<NodeStatus['nodeInfo']> {
  const machineID = readFirstLine('/etc/machine-id');
  return {
    machineID,
    systemUUID: machineID.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') || hostname(),
    bootID: readFirstLine('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(readText('/etc/os-release'))?.[1] ?? 'Linux',
    containerRuntimeVersion: 'vethernetes://0.1.0',
    kubeletVersion: 'v1.33.0',
    kubeProxyVersion: '',
    operatingSystem: 'linux',
    architecture: architectures[process.arch] ?? process.arch,
  };
}

const readFirstLine = (file: string) => readText(file).split('\n')[0] ?? '';

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // Small systems go without /etc/machine-id or os-release.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
