import type { KubeObject } from '../../api/object.ts';
import type { Resource } from '../../api/scheme.ts';
import type { User } from '../auth/user.ts';
import type { Operation } from '../registry/registry.ts';

/** A resource as requests name it. */
export type Row = Pick<Resource, 'group' | 'version' | 'name'>;

export interface Kind {
  group: string;
  version: string;
  kind: string;
}

/** A request as those see it who are asked about it. Upstream: `admission.Attributes`. */
export interface Attributes {
  operation: Operation;
  /** As the request names it. */
  resource: Resource;
  /** Empty for the object itself. */
  subresource: string;
  kind: Kind;
  /** Empty where it is still to be generated. */
  name: string;
  /** Of a Namespace its own name; empty for what lies in none. */
  namespace: string;
  user: User;
  dryRun: boolean;
  /** `CreateOptions` and the like; absent for CONNECT. */
  options?: object;
  /** In the version of the request; absent for a DELETE. */
  object?: KubeObject;
  old?: KubeObject;
}

/** The same request in the version that somebody wants it in. */
export interface Invocation {
  resource: Row;
  kind: Kind;
}

/** What they may say beside yes and no. */
export interface Said {
  warn(message: string): void;
  /** For the audit log. */
  annotate(key: string, value: string): void;
}

/** Turns an object of one version of a kind into that of another. */
export type Convert = (object: KubeObject, from: Kind, to: Kind) => Promise<KubeObject>;
