import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { OptionError } from './option-error.ts';

/** Where objects are kept, as a user says it. */
export interface StoreOptions {
  /** `level` (default), `etcd`: a member on each control plane; `etcd=https://HOST:PORT[,…]`: one that is there. */
  store?: string;
  /** How many nodes are control planes, each with an apiserver. More than one needs etcd. Default 1. */
  controlPlanes?: number;
  /** Of an etcd that is there: PEM files, as kube-apiserver's options of these names. */
  etcdCafile?: string;
  etcdCertfile?: string;
  etcdKeyfile?: string;
  /** Default `/registry/`. */
  etcdPrefix?: string;
}

/** Where objects are kept, settled. */
export interface Store {
  store: 'level' | 'etcd';
  /** Absent where the cluster has an etcd of its own, or none. */
  etcd?: ExternalEtcd;
}

/** An etcd outside of the cluster. */
export interface ExternalEtcd {
  endpoints: string[];
  prefix?: string;
  /** PEM, for a cluster outlives the places of files. */
  tls: { ca?: string; cert?: string; key?: string };
}

const mostControlPlanes = 9;

/** Throws {@link OptionError} for the first wrong one. */
export function storeOf(options: StoreOptions): Store {
  const count = options.controlPlanes ?? 1;
  if (!Number.isInteger(count) || count < 1 || count > mostControlPlanes)
    throw new OptionError('control-planes', count, `a whole number from 1 to ${mostControlPlanes}`);
  const text = options.store ?? (count > 1 ? 'etcd' : 'level');
  const [store, endpoints] = split(text);
  if (store === 'level' && endpoints === undefined) {
    if (count > 1) throw new OptionError('store', text, 'several control planes share an etcd: "etcd"');
    refuseEtcdOptions(options, 'level');
    return { store };
  }
  if (store !== 'etcd')
    throw new OptionError('store', text, 'must be "level", "etcd" or "etcd=https://HOST:PORT[,…]"');
  if (endpoints === undefined) {
    refuseEtcdOptions(options, 'etcd');
    return { store };
  }
  const { etcdPrefix: prefix } = options;
  if (prefix !== undefined && !/^\/\S*[^/\s]/.test(prefix))
    throw new OptionError('etcd-prefix', prefix, 'a path such as /registry');
  return {
    store,
    etcd: {
      endpoints: endpoints.split(',').map(endpointOf),
      ...(prefix === undefined ? {} : { prefix }),
      tls: {
        ...pem('ca', 'etcd-cafile', options.etcdCafile),
        ...pem('cert', 'etcd-certfile', options.etcdCertfile),
        ...pem('key', 'etcd-keyfile', options.etcdKeyfile),
      },
    },
  };
}

/** What is kept where, in the words of the option. */
export const storeText = ({ store, etcd }: Store): string => (etcd ? `etcd=${etcd.endpoints.join()}` : store);

function split(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || !url.port || url.pathname !== '/')
    throw new OptionError('store', text, 'the address of a member, such as https://192.0.2.1:2379');
  return url.origin;
}

function refuseEtcdOptions(options: StoreOptions, store: string): void {
  const given = { 'etcd-cafile': options.etcdCafile, 'etcd-certfile': options.etcdCertfile } as const;
  const all = { ...given, 'etcd-keyfile': options.etcdKeyfile, 'etcd-prefix': options.etcdPrefix };
  for (const [flag, value] of Object.entries(all))
    if (value !== undefined)
      throw new OptionError(flag, value, `only for --store etcd=https://HOST:PORT, not for ${store}`);
}

function pem(name: 'ca' | 'cert' | 'key', option: string, file: string | undefined): Record<string, string> {
  if (file === undefined) return {};
  if (!existsSync(file)) throw new OptionError(option, file, 'a PEM file; there is none of that name');
  const text = readFileSync(resolve(file), 'utf8');
  if (!text.includes('-----BEGIN ')) throw new OptionError(option, file, 'a PEM file');
  return { [name]: text };
}
