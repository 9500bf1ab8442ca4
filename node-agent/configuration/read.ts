import { readFileSync } from 'node:fs';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { canonicalAddress } from '../../api/address.ts';
import { parseDuration } from '../../api/duration.ts';
import { type Shape, schema } from './fields.ts';

/** What of a KubeletConfiguration a node-agent does; what is absent is as it would be without a file. */
export interface KubeletSettings {
  /** Instead of the cluster's own DNS. */
  clusterDns?: string[];
  /** As it was written: a dot at its end stays in resolv.conf. */
  clusterDomain?: string;
  /** Names of a file and a folder. */
  resolvConf?: string;
  staticPodPath?: string;
  maxPods?: number;
  /** Processes and threads a container may have. */
  podPidsLimit?: number;
  /** False: nothing is served, no logs, no exec. */
  enableServer?: boolean;
  /** Anybody without credentials is `system:anonymous`, and allowed what RBAC allows them. */
  anonymous?: boolean;
  /** Who has credentials may do everything. */
  alwaysAllow?: boolean;
  /** Milliseconds that the API's answers are good for. */
  allowedFor?: number;
  deniedFor?: number;
  /** False: the client certificate of a node that joined is not renewed. */
  rotateCertificates?: boolean;
  /** The serving certificate is asked of the signer `kubernetes.io/kubelet-serving`. */
  serverTlsBootstrap?: boolean;
  /** Where `/healthz` is answered; only where the file says so. */
  healthz?: { host: string; port: number };
}

/** A KubeletConfiguration that cannot be used; the message has the file, the line and the field. */
export class KubeletConfigurationError extends Error {
  override name = 'KubeletConfigurationError';
}

const apiVersion = 'kubelet.config.k8s.io/v1beta1';
const kind = 'KubeletConfiguration';
const highestPort = 65_535;

/**
 * Reads a file of `kubelet.config.k8s.io/v1beta1`, YAML or JSON, as strictly as the kubelet: a field that does not
 * exist, or exists twice, is an error. Fields that exist and mean nothing here are taken.
 *
 * @throws KubeletConfigurationError; the system's error for a file that cannot be read
 */
export function readKubeletConfiguration(file: string): KubeletSettings {
  return parseKubeletConfiguration(readFileSync(file, 'utf8'), file);
}

/** The same for a text; `file` is for messages. */
export function parseKubeletConfiguration(text: string, file: string): KubeletSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const fail = (offset: number, what: string) =>
    new KubeletConfigurationError(`${file}:${lines.linePos(offset).line}: ${what}`);
  const [problem] = document.errors;
  if (problem) throw fail(problem.pos[0], problem.message.split(' at line')[0] ?? problem.message);
  checkFields(document.contents, schema, '', fail);
  const root = (document.toJS() ?? {}) as Fields;
  const at = (...path: string[]) => offsetOf(document.getIn(path, true));
  if (root.kind !== kind || root.apiVersion !== apiVersion) {
    const found = `${JSON.stringify(root.apiVersion ?? '')} ${JSON.stringify(root.kind ?? '')}`;
    throw fail(at('kind'), `no kind "${kind}" of "${apiVersion}", but ${found}`);
  }
  checkValues(root, (field, what) =>
    fail(at(...field.split('.')), `invalid configuration: ${field} ${what}`),
  );
  return settingsOf(root);
}

/** The fields that are used; their types have been checked. */
interface Fields {
  apiVersion?: string;
  kind?: string;
  clusterDNS?: string[];
  clusterDomain?: string;
  resolvConf?: string;
  staticPodPath?: string;
  maxPods?: number;
  podPidsLimit?: number;
  enableServer?: boolean;
  rotateCertificates?: boolean;
  serverTLSBootstrap?: boolean;
  healthzPort?: number;
  healthzBindAddress?: string;
  authentication?: { anonymous?: { enabled?: boolean } };
  authorization?: {
    mode?: string;
    webhook?: { cacheAuthorizedTTL?: string; cacheUnauthorizedTTL?: string };
  };
}

function settingsOf(root: Fields): KubeletSettings {
  const { clusterDNS, clusterDomain, resolvConf, staticPodPath, maxPods, enableServer } = root;
  const { rotateCertificates, serverTLSBootstrap, healthzPort, podPidsLimit = -1 } = root;
  const { anonymous } = root.authentication ?? {};
  const { mode, webhook = {} } = root.authorization ?? {};
  const settings: { [K in keyof KubeletSettings]: KubeletSettings[K] | undefined } = {
    clusterDns: clusterDNS?.length ? clusterDNS : undefined,
    clusterDomain: clusterDomain || undefined,
    resolvConf,
    staticPodPath: staticPodPath || undefined,
    maxPods: maxPods || undefined,
    podPidsLimit: podPidsLimit > 0 ? podPidsLimit : undefined,
    enableServer,
    anonymous: anonymous?.enabled,
    alwaysAllow: mode === 'AlwaysAllow' || undefined,
    allowedFor: milliseconds(webhook.cacheAuthorizedTTL),
    deniedFor: milliseconds(webhook.cacheUnauthorizedTTL),
    rotateCertificates,
    serverTlsBootstrap: serverTLSBootstrap,
    healthz: healthzPort ? { host: root.healthzBindAddress || '127.0.0.1', port: healthzPort } : undefined,
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** Upstream: `ValidateKubeletConfiguration` in `pkg/kubelet/apis/config/validation`. */
function checkValues(root: Fields, fail: (field: string, what: string) => Error): void {
  const { clusterDNS = [], maxPods = 0, healthzPort = 0, healthzBindAddress, authorization } = root;
  const foreign = clusterDNS.find((address) => canonicalAddress(address) === undefined);
  if (foreign !== undefined)
    throw fail('clusterDNS', `has ${JSON.stringify(foreign)}, which is no IP address`);
  if (!Number.isInteger(maxPods) || maxPods < 0) {
    throw fail('maxPods', `${maxPods} must be a non-negative integer`);
  }
  if (!Number.isInteger(healthzPort) || healthzPort < 0 || healthzPort > highestPort) {
    throw fail('healthzPort', `${healthzPort} must be between 1 and ${highestPort}, inclusive`);
  }
  if (healthzBindAddress && canonicalAddress(healthzBindAddress) === undefined) {
    throw fail('healthzBindAddress', `${JSON.stringify(healthzBindAddress)} is no IP address`);
  }
  const { mode = 'Webhook' } = authorization ?? {};
  if (mode !== 'Webhook' && mode !== 'AlwaysAllow') {
    throw fail('authorization.mode', `${JSON.stringify(mode)} must be AlwaysAllow or Webhook`);
  }
}

/** Names and types of one section; a field without a value counts as absent. */
function checkFields(
  node: unknown,
  shapes: { readonly [field: string]: Shape },
  path: string,
  fail: (offset: number, what: string) => Error,
): void {
  if (node === null || (isScalar(node) && node.value === null)) return;
  if (!isMap(node)) throw fail(offsetOf(node), `${path || 'the document'} is no map of fields`);
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const full = path ? `${path}.${name}` : name;
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (shape === undefined) {
      throw fail(offsetOf(key), `strict decoding error: unknown field ${JSON.stringify(full)}`);
    }
    if (isAlias(value)) throw fail(offsetOf(value), `${full}: aliases are not taken`);
    if (value === null || (isScalar(value) && value.value === null)) continue;
    if (typeof shape === 'object') checkFields(value, shape, full, fail);
    else if (!has(shape, value)) {
      throw fail(offsetOf(value), `${full}: ${textOf(value)} is not a ${described[shape] ?? shape}`);
    }
  }
}

function has(shape: Exclude<Shape, object>, node: unknown): boolean {
  const scalar = isScalar(node) ? node.value : undefined;
  const values = isMap(node)
    ? node.items.map(({ value }) => (isScalar(value) ? value.value : value))
    : undefined;
  switch (shape) {
    case 'any':
      return true;
    case 'duration':
      return typeof scalar === 'string' && parseDuration(scalar) !== undefined;
    case 'strings':
      return isSeq(node) && node.items.every((item) => isScalar(item) && typeof item.value === 'string');
    case 'texts':
      return values?.every((value) => typeof value === 'string') ?? false;
    case 'booleans':
      return values?.every((value) => typeof value === 'boolean') ?? false;
    default:
      return typeof scalar === shape;
  }
}

const described: Readonly<Record<string, string>> = {
  duration: 'duration (as in 30s or 1m30s)',
  strings: 'list of strings',
  texts: 'map of strings',
  booleans: 'map of true and false',
};

const milliseconds = (text: string | undefined) => (text === undefined ? undefined : parseDuration(text));
const textOf = (node: unknown) => JSON.stringify(isScalar(node) ? node.value : node);
const offsetOf = (node: unknown) => (node as Node | undefined)?.range?.[0] ?? 0;
