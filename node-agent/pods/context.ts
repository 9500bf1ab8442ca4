import type { Client } from '../../api/client.ts';
import type { ObjectReference, Pod, Service } from '../../api/types.ts';
import type { Kernel } from '../../kernel/run.ts';
import type { Recorder } from '../events.ts';
import type { NodeNetwork } from '../network/network.ts';
import type { Cgroups } from '../runtime/cgroups.ts';
import type { HostLayout } from '../runtime/container-plan.ts';
import type { Catalogue } from '../runtime/images.ts';
import type { Starter } from '../runtime/starter.ts';
import type { DnsSettings } from './resolv-conf.ts';
import type { Sources } from './sources.ts';
import type { PodState } from './state.ts';

/** What everything about pods shares. */
export interface PodContext {
  client: Client;
  kernel: Kernel;
  /** Starts containers. */
  starter: Starter;
  nodeName: string;
  nodeIps: readonly string[];
  /** Folder that stands for the node's own part of a host's file system. */
  hostDir: string;
  cgroups: Cgroups;
  /** How many processes and threads a container may have; see runtime/root-plan.ts. */
  podPidsLimit?: number;
  /** Folders of the machine that no pod sees. */
  hidden?: readonly string[];
  /** Folder where ended containers are announced. */
  notifyDir: string;
  dns: DnsSettings;
  host: HostLayout;
  catalogue: Catalogue;
  sources: Sources;
  recorder: Recorder;
  /** Undefined until the node has its podCIDR. */
  network(): NodeNetwork | undefined;
  services(): Iterable<Service>;
  /** What has been told of this node once and is not told again. */
  told: Set<string>;
  /** When the last few pods began to start, by performance.now(). */
  starts: readonly number[];
  /** All pods of the node. */
  states(): Iterable<PodState>;
  /** Looks at a pod again, now. */
  enqueue(uid: string): void;
  /** Writes the pod's status unless it is what was written last; resolves when it is there, never rejects. */
  report(state: PodState): Promise<void>;
}

/** The subject of Events about a pod, or about one of its containers. */
export function eventSubject(pod: Pod, container?: string): ObjectReference {
  const { name = '', namespace = '', uid = '', resourceVersion } = pod.metadata ?? {};
  const list = (['initContainers', 'ephemeralContainers'] as const).find((field) =>
    pod.spec?.[field]?.some((one) => one.name === container),
  );
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    name,
    namespace,
    uid,
    ...(resourceVersion ? { resourceVersion } : {}),
    ...(container ? { fieldPath: `spec.${list ?? 'containers'}{${container}}` } : {}),
  };
}
