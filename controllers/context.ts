import type { Client } from '../api/client.ts';
import { type Informer, startInformer } from '../api/informer.ts';
import { createReconciler, type Reconciler, type ReconcilerOptions } from '../api/queue.ts';
import { type Resource, resources } from '../api/scheme.ts';
import { hasReason } from '../api/status.ts';
import { type CustomKinds, followCustomKinds, withoutSchemas } from './custom-kinds.ts';
import { createRecorder, type EventRecorder } from './events.ts';

/** The informers all controllers share: one list and one watch per resource, whoever needs it. */
export type Informers = ReturnType<typeof startInformers>;

/** Durations and sizes; the defaults are kube-controller-manager's. */
export interface Settings {
  clusterCidrs: readonly string[];
  /** Prefix length of each node's IPv4 podCIDR. */
  nodeCidrMaskSize: number;
  nodeCidrMaskSizeIpv6: number;
  /** PEM published as `kube-root-ca.crt`; without it the ConfigMap is not published. */
  caPem?: string;
  /** Whether each ServiceAccount gets a Secret with a token, as before Kubernetes 1.24. */
  legacyTokens: boolean;
  /** PEM of the CA that signs certificate signing requests; without it none are signed. */
  clusterSigning?: { cert: string; key: string };
  /** How long certificates live that ask for no time of their own, and the longest that any lives. */
  clusterSigningMs: number;
  /** A node whose lease was not renewed for so long is Unknown. */
  nodeMonitorGraceMs: number;
  /** The same for a node that never reported a status. */
  nodeStartupGraceMs: number;
  /** Pods of a node that does not exist are deleted after so long. */
  podGcQuarantineMs: number;
  maxEndpointsPerSlice: number;
  /** Where Services of type LoadBalancer get addresses from; empty: they stay pending. */
  loadBalancerCidrs: readonly string[];
  /** How long after the others the informers of roles begin: a new cluster has other things to do at first. */
  rolesDelayMs: number;
  /** How long after those the garbage collector begins to look at kinds that no other controller has to do with. */
  otherKindsDelayMs: number;
  /** How often autoscalers look at their metrics. */
  podAutoscalerSyncMs: number;
  /** How long a Job waits after its first failed pod; twice as long after each further one. */
  jobBackoffMs: number;
}

export const defaultSettings = {
  nodeCidrMaskSize: 24,
  nodeCidrMaskSizeIpv6: 64,
  legacyTokens: false,
  clusterSigningMs: 8_760 * 3_600_000,
  nodeMonitorGraceMs: 40_000,
  nodeStartupGraceMs: 60_000,
  podGcQuarantineMs: 40_000,
  maxEndpointsPerSlice: 100,
  loadBalancerCidrs: [],
  rolesDelayMs: 2_000,
  otherKindsDelayMs: 8_000,
  podAutoscalerSyncMs: 15_000,
  jobBackoffMs: 10_000,
} as const;

/** What every controller is started with. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: Informers;
  readonly customKinds: CustomKinds;
  readonly settings: Settings;
  readonly signal: AbortSignal;
  /** Events in the name of `component` (`deployment-controller`). */
  recorder(component: string): EventRecorder;
  /** A work queue whose failures are reported under `name`; writes that came too late are retried without a word. */
  reconciler(name: string, reconcile: ReconcilerOptions['reconcile'], concurrency?: number): Reconciler;
  /** Tells of a failure that is not retried through a queue. */
  report(name: string, error: unknown): void;
}

/** A controller: registers its listeners and queues what exists; ends with `context.signal`. */
export type Controller = (context: ControllerContext) => void;

/** Kinds that a cluster can begin without: nothing of theirs is urgent. */
const late: readonly Resource[] = [
  resources.roles,
  resources.rolebindings,
  resources.clusterroles,
  resources.clusterrolebindings,
  resources.replicationcontrollers,
  resources.resourcequotas,
  resources.persistentvolumeclaims,
  resources.persistentvolumes,
  resources.storageclasses,
  resources.horizontalpodautoscalers,
  resources.customresourcedefinitions,
];

/** Starts one informer for each resource that some controller reads; a few of them only after `later`. */
export function startInformers(
  client: Client,
  signal: AbortSignal,
  onError: (error: unknown) => void,
  later: Promise<unknown>,
) {
  const options = { signal, onError };
  const lateOptions = { ...options, begin: later };
  return {
    namespaces: startInformer(client, resources.namespaces, options),
    nodes: startInformer(client, resources.nodes, options),
    pods: startInformer(client, resources.pods, options),
    services: startInformer(client, resources.services, options),
    endpoints: startInformer(client, resources.endpoints, options),
    endpointslices: startInformer(client, resources.endpointslices, options),
    configmaps: startInformer(client, resources.configmaps, options),
    secrets: startInformer(client, resources.secrets, options),
    serviceaccounts: startInformer(client, resources.serviceaccounts, options),
    deployments: startInformer(client, resources.deployments, options),
    replicasets: startInformer(client, resources.replicasets, options),
    statefulsets: startInformer(client, resources.statefulsets, options),
    daemonsets: startInformer(client, resources.daemonsets, options),
    controllerrevisions: startInformer(client, resources.controllerrevisions, options),
    jobs: startInformer(client, resources.jobs, options),
    cronjobs: startInformer(client, resources.cronjobs, options),
    poddisruptionbudgets: startInformer(client, resources.poddisruptionbudgets, options),
    certificatesigningrequests: startInformer(client, resources.certificatesigningrequests, options),
    leases: startInformer(client, resources.leases, options),
    roles: startInformer(client, resources.roles, lateOptions),
    rolebindings: startInformer(client, resources.rolebindings, lateOptions),
    clusterroles: startInformer(client, resources.clusterroles, lateOptions),
    clusterrolebindings: startInformer(client, resources.clusterrolebindings, lateOptions),
    replicationcontrollers: startInformer(client, resources.replicationcontrollers, lateOptions),
    resourcequotas: startInformer(client, resources.resourcequotas, lateOptions),
    persistentvolumeclaims: startInformer(client, resources.persistentvolumeclaims, lateOptions),
    persistentvolumes: startInformer(client, resources.persistentvolumes, lateOptions),
    storageclasses: startInformer(client, resources.storageclasses, lateOptions),
    horizontalpodautoscalers: startInformer(client, resources.horizontalpodautoscalers, lateOptions),
    customresourcedefinitions: startInformer(client, resources.customresourcedefinitions, {
      ...lateOptions,
      keep: withoutSchemas,
    }),
  };
}

/** The same informers as a list, for those who treat all kinds alike. */
export function allInformers(informers: Informers): Informer<object>[] {
  return Object.values(informers);
}

/** Those that controllers wait for. */
export function earlyInformers(informers: Informers): Informer<object>[] {
  return allInformers(informers).filter(({ resource }) => !late.includes(resource));
}

export function createContext(options: {
  client: Client;
  informers: Informers;
  settings: Settings;
  signal: AbortSignal;
  onError: (controller: string, message: string) => void;
}): ControllerContext {
  const { client, informers, settings, signal, onError } = options;
  const report = (name: string, error: unknown) => {
    if (!signal.aborted) onError(name, error instanceof Error ? error.message : String(error));
  };
  return {
    client,
    informers,
    customKinds: followCustomKinds(client, informers.customresourcedefinitions, signal, (error) =>
      report('custom kinds', error),
    ),
    settings,
    signal,
    report,
    recorder: (component) => createRecorder(client, component, (error) => report(component, error)),
    reconciler: (name, reconcile, concurrency = 8) =>
      createReconciler({
        reconcile,
        signal,
        concurrency,
        onError(key, error) {
          // The cache was behind: an object changed or went meanwhile. The next look knows.
          if (hasReason(error, 'Conflict') || hasReason(error, 'NotFound')) return;
          report(name, new Error(`${key}: ${error instanceof Error ? error.message : String(error)}`));
        },
      }),
  };
}
