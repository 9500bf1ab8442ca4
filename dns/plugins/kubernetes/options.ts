import { parseDuration } from '../../../api/duration.ts';
import type { Dispenser } from '../../corefile/dispenser.ts';
import { parseInteger } from '../../corefile/values.ts';
import { zonesFromArgs } from '../../corefile/zones.ts';
import type { Controller } from '../../plugin.ts';
import { createFallthrough, type Fallthrough } from '../fallthrough.ts';
import { parseLabelSelector } from './selector.ts';

/** The directive's options, with upstream's defaults. */
export interface KubernetesOptions {
  zones: string[];
  /** The first zone that is not a reverse one: where PTR records point. */
  primaryZone: string;
  pods: 'disabled' | 'insecure' | 'verified';
  endpointPodNames: boolean;
  /** Seconds. */
  ttl: number;
  /** Empty is all. */
  namespaces: ReadonlySet<string>;
  labels?: string;
  namespaceLabels?: string;
  noEndpoints: boolean;
  /** `TOPOLOGY-ZONE.pin._zone.SERVICE…` exists. */
  zonal: boolean;
  /** Zones whose Services are those of several clusters. */
  multiclusterZones: string[];
  ignoreEmptyService: boolean;
  fallthrough: Fallthrough;
  /** Milliseconds to wait for the API before answering without it. */
  startupTimeout: number;
  endpoint?: string;
  /** Certificate, key and CA file. */
  tls?: string[];
  kubeconfig?: { file: string; context?: string };
}

const isReverse = (zone: string) => zone.endsWith('.in-addr.arpa.') || zone.endsWith('.ip6.arpa.');

/** Reads `kubernetes [ZONES…] { … }`; upstream: plugin/kubernetes/setup.go. Throws `CorefileError`. */
export function parseOptions({ tokens, block, surroundings: { log } }: Controller): KubernetesOptions {
  tokens.next();
  const zones = zonesFromArgs(tokens.remainingArgs(), block.zones);
  const primaryZone = zones.find((zone) => !isReverse(zone));
  if (primaryZone === undefined) throw tokens.error('non-reverse zone name must be used');
  const namespaces = new Set<string>();
  const options: KubernetesOptions = {
    zones,
    primaryZone,
    pods: 'disabled',
    endpointPodNames: false,
    ttl: 5,
    namespaces,
    noEndpoints: false,
    zonal: false,
    multiclusterZones: [],
    ignoreEmptyService: false,
    fallthrough: createFallthrough(undefined),
    startupTimeout: 5_000,
  };
  const atLeastOne = () => tokens.args(1, Number.POSITIVE_INFINITY);

  while (tokens.nextBlock()) {
    switch (tokens.value) {
      case 'endpoint_pod_names':
        tokens.args(0);
        options.endpointPodNames = true;
        break;
      case 'pods': {
        const [mode] = tokens.args(1);
        if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified')
          throw tokens.error(`wrong value for pods: ${mode},  must be one of: disabled, verified, insecure`);
        options.pods = mode;
        break;
      }
      case 'namespaces':
        for (const namespace of atLeastOne()) namespaces.add(namespace);
        break;
      case 'endpoint': {
        const [first = '', ...others] = atLeastOne();
        options.endpoint = first;
        if (others.length > 0)
          log.warning(
            `plugin/kubernetes: Multiple endpoints have been deprecated, only the first specified endpoint '${first}' is used`,
          );
        break;
      }
      case 'tls':
        options.tls = tokens.args(3);
        break;
      case 'kubeconfig': {
        const [file = '', context] = tokens.args(1, 2);
        options.kubeconfig = { file, ...(context ? { context } : {}) };
        break;
      }
      case 'labels':
        options.labels = selectorOf(tokens, atLeastOne());
        break;
      case 'namespace_labels':
        options.namespaceLabels = selectorOf(tokens, atLeastOne());
        break;
      case 'fallthrough':
        options.fallthrough = createFallthrough(tokens.remainingArgs());
        break;
      case 'ttl': {
        const [text = ''] = atLeastOne();
        const ttl = parseInteger(text);
        if (ttl === undefined) throw tokens.error(`ttl must be a number of seconds: ${text}`);
        if (ttl < 0 || ttl > 3600) throw tokens.error(`ttl must be in range [0, 3600]: ${ttl}`);
        options.ttl = ttl;
        break;
      }
      case 'noendpoints':
        tokens.args(0);
        options.noEndpoints = true;
        break;
      case 'zonal':
        tokens.args(0);
        options.zonal = true;
        break;
      case 'multicluster':
        options.multiclusterZones = zonesFromArgs(tokens.remainingArgs(), []);
        break;
      case 'ignore': {
        const [what] = tokens.remainingArgs();
        if (what !== undefined && what !== 'empty_service')
          throw tokens.error(`unable to parse ignore value: '${what}'`);
        options.ignoreEmptyService ||= what !== undefined;
        break;
      }
      case 'startup_timeout': {
        const [text = ''] = atLeastOne();
        const timeout = parseDuration(text);
        if (timeout === undefined) throw tokens.error(`failed to parse startup_timeout: ${text}`);
        options.startupTimeout = timeout;
        break;
      }
      case 'upstream': // until CoreDNS 1.6; since then always this server itself
      case 'resyncperiod': // until CoreDNS 1.6; a watch needs none
        log.warning(`plugin/kubernetes: ${tokens.value}: ignored, as later releases of CoreDNS dropped it`);
        tokens.remainingArgs();
        break;
      case 'apiserver_qps':
      case 'apiserver_burst':
      case 'apiserver_max_inflight': {
        const property = tokens.value;
        const [text = ''] = tokens.args(1);
        if (!(Number(text) >= 0)) throw tokens.error(`invalid ${property} "${text}": must be >= 0`);
        break; // three lists and watches need no throttle
      }
      default:
        throw tokens.unknownProperty();
    }
  }
  if (namespaces.size > 0 && options.namespaceLabels !== undefined)
    throw tokens.error('namespaces and namespace_labels cannot both be set');
  for (const zone of options.multiclusterZones)
    if (!zones.includes(zone))
      throw tokens.error(
        `is not authoritative for the multicluster zone ${zone} (authoritative zones: ${zones.join(' ')})`,
      );
  if (options.zonal && options.noEndpoints)
    throw tokens.error('zonal requires the endpoint cache; remove noendpoints');
  if (tokens.next()) throw tokens.error('plugin can only be used once per Server Block');
  return options;
}

function selectorOf(tokens: Dispenser, words: string[]): string {
  const selector = words.join(' ');
  try {
    parseLabelSelector(selector);
    return selector;
  } catch (error) {
    throw tokens.error(`unable to parse label selector value: '${selector}': ${(error as Error).message}`);
  }
}
