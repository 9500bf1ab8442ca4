import type { Client } from '../../api/client.ts';
import type { KubeletSettings } from '../configuration/read.ts';
import type { PodState } from '../pods/state.ts';

/** `authentication` and `authorization` of a KubeletConfiguration. */
export type Access = Pick<KubeletSettings, 'anonymous' | 'alwaysAllow' | 'allowedFor' | 'deniedFor'>;

/** What the kubelet's API is served from. */
export interface ServerConfig {
  /** Asked who somebody is and what they may. */
  client: Client;
  nodeName: string;
  /** PEM: certificate and key of the node, and the authority of its clients. */
  tls: { cert: string; key: string; clientCa: string };
  /** As `uname -m` has it. */
  machine: string;
  /** Who is let in; default those with credentials whom RBAC allows it. */
  access?: Access;
  pods(): Iterable<PodState>;
  onError(what: string, error: unknown): void;
}

/** Where every kubelet listens, on all addresses of its node; upstream: `ports.KubeletPort`. */
export const kubeletPort = 10250;
