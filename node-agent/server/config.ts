import type { Client } from '../../api/client.ts';
import type { KubeletSettings } from '../configuration/read.ts';
import type { PodState } from '../pods/state.ts';

/** `authentication` and `authorization` of a KubeletConfiguration. */
export type Access = Pick<KubeletSettings, 'anonymous' | 'alwaysAllow' | 'allowedFor' | 'deniedFor'>;

/** PEM: certificate and key of the node, and the authority of its clients. */
export interface ServerTls {
  cert: string;
  key: string;
  clientCa: string;
  /** In the place of `cert` and `key`: asked before each connection, so that a renewed one is used. */
  certificate?: () => { cert: string; key: string };
}

/** What the kubelet's API is served from. */
export interface ServerConfig {
  /** Asked who somebody is and what they may. */
  client: Client;
  nodeName: string;
  tls: ServerTls;
  /** As `uname -m` has it. */
  machine: string;
  /** Who is let in; default those with credentials whom RBAC allows it. */
  access?: Access;
  pods(): Iterable<PodState>;
  /** The node's `/var/log`. */
  logDir: string;
  onError(what: string, error: unknown): void;
}

/** Where every kubelet listens, on all addresses of its node; upstream: `ports.KubeletPort`. */
export const kubeletPort = 10250;
