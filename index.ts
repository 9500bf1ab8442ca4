/// <reference types="node" preserve="true" />
/**
 * A real Kubernetes network for tests, in about a second:
 *
 * ```ts
 * import { startCluster } from 'vethernetes';
 *
 * await using cluster = await startCluster({ nodes: 2 });
 * await cluster.apply(manifest);
 * await cluster.waitFor('deployment/web', 'Available');
 * const { stdout } = await cluster.node('worker').exec(['curl', '-s', 'http://10.96.0.50']);
 * ```
 */

export type { Client } from './api/client.ts';
export type { KubeList, KubeObject, WatchEvent } from './api/object.ts';
export { StatusError } from './api/status.ts';
export { type StartOptions, startCluster } from './cluster/cluster.ts';
export type { Cluster, ExecOptions, ExecResult, Place } from './cluster/handle.ts';
export type { KubectlAnswer } from './cluster/kubectl.ts';
export type { LogOptions } from './cluster/logs.ts';
export type { Applied } from './cluster/manifest.ts';
export { type ClusterOptions, type ClusterSpec, OptionError } from './cluster/spec.ts';
export type { Until, WaitOptions } from './cluster/wait.ts';
export { type RenderOptions, renderRules } from './dataplane/render.ts';
export {
  type Outcome,
  type Packet,
  type ReadRules,
  type Rules,
  readRules,
  trace,
} from './dataplane/trace.ts';
export { CommandError } from './kernel/run.ts';
