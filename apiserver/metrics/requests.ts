import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Attributes, isResource } from '../auth/attributes.ts';
import type { User } from '../auth/user.ts';
import { servedResources } from '../registry/kinds/rows.ts';

/** What is known of one way of asking: Prometheus' labels, and what has been counted with them. */
export interface Series {
  labels: string;
  /** How many were answered with each code. */
  codes: Map<number, number>;
  /** How many took no longer than each of `buckets`, each counted once, in the first it fits in. */
  durations: number[];
  seconds: number;
  /** Under way now, of those that last as long as the client wants. */
  open: number;
}

/** Upper bounds in seconds. Upstream: `apiserver/pkg/endpoints/metrics/metrics.go`. */
export const buckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
] as const;

/** Upstream: `--max-requests-inflight`, `--max-mutating-requests-inflight`. */
export const limits = { readOnly: 400, mutating: 200 } as const;

export interface RequestMetrics {
  readonly series: ReadonlyMap<string, Series>;
  /** Requests under way, without those that last. */
  readonly inFlight: Readonly<Record<keyof typeof limits, number>>;
  readonly rejected: Readonly<Record<keyof typeof limits, number>>;
  /**
   * Counts a request until its answer is sent or given up.
   * @returns false when too many are under way: it is to be answered with 429. Who administers the cluster is let in.
   */
  begin(request: IncomingMessage, response: ServerResponse, attributes: Attributes, user: User): boolean;
}

const known = new Set(
  servedResources.map(({ served }) => `${served.group}/${served.version}/${served.name}`),
);
/** Last as long as the client wants. Upstream: `BasicLongRunningRequestCheck` of kube-apiserver. */
const lasting: readonly string[] = ['attach', 'exec', 'log', 'portforward', 'proxy'];
const reading: readonly string[] = ['get', 'list', 'watch'];

/** @param isCustom whether a kind of a CustomResourceDefinition is served there */
export function createRequestMetrics(
  isCustom: (group: string, version: string, resource: string) => boolean,
): RequestMetrics {
  const series = new Map<string, Series>();
  const inFlight = { readOnly: 0, mutating: 0 };
  const rejected = { readOnly: 0, mutating: 0 };

  function seriesOf(labels: string): Series {
    let found = series.get(labels);
    if (!found) {
      found = { labels, codes: new Map(), durations: buckets.map(() => 0), seconds: 0, open: 0 };
      series.set(labels, found);
    }
    return found;
  }

  return {
    series,
    inFlight,
    rejected,
    begin(request, response, attributes, user) {
      const one = seriesOf(labelsOf(request.url ?? '', attributes, isCustom));
      const lasts = isLasting(attributes);
      const kind = reading.includes(attributes.verb) ? 'readOnly' : 'mutating';
      const admitted = lasts || inFlight[kind] < limits[kind] || user.groups.includes('system:masters');
      const counted = admitted && !lasts;
      const start = performance.now();
      if (counted) inFlight[kind]++;
      if (lasts) one.open++;
      if (!admitted) rejected[kind]++;
      response.once('close', () => {
        const seconds = (performance.now() - start) / 1000;
        if (counted) inFlight[kind]--;
        if (lasts) one.open--;
        const { statusCode } = response;
        one.codes.set(statusCode, (one.codes.get(statusCode) ?? 0) + 1);
        one.seconds += seconds;
        const bucket = buckets.findIndex((bound) => seconds <= bound);
        if (bucket >= 0) one.durations[bucket] = (one.durations[bucket] ?? 0) + 1;
      });
      return admitted;
    },
  };
}

function isLasting(attributes: Attributes): boolean {
  if (!isResource(attributes)) return false;
  return attributes.verb === 'watch' || lasting.includes(attributes.subresource ?? '');
}

/** What is not served has no labels of its own: anybody could make any number of them. */
function labelsOf(
  url: string,
  attributes: Attributes,
  isCustom: (group: string, version: string, resource: string) => boolean,
): string {
  const verb = attributes.verb.toUpperCase();
  const none = 'group="",resource="",scope="",subresource=""';
  const others = verbs.includes(verb) ? verb : 'OTHER';
  if (!isResource(attributes)) return `${none},verb="${others}",version=""`;
  const { group, resource, subresource = '', namespace, name } = attributes;
  const version = url.split('/', 4)[group === '' ? 2 : 3] ?? '';
  const served = known.has(`${group}/${version}/${resource}`) || isCustom(group, version, resource);
  if (!served || !subresources.includes(subresource)) return `${none},verb="${others}",version=""`;
  const scope = name !== undefined ? 'resource' : namespace !== undefined ? 'namespace' : 'cluster';
  const written = verb === 'CREATE' ? 'POST' : verb === 'UPDATE' ? 'PUT' : verb;
  return `group="${group}",resource="${resource}",scope="${scope}",subresource="${subresource}",verb="${written}",version="${version}"`;
}

const verbs: readonly string[] = [
  ...['GET', 'LIST', 'WATCH', 'POST', 'PUT', 'PATCH', 'DELETE', 'DELETECOLLECTION', 'HEAD', 'OPTIONS'],
];

const subresources: readonly string[] = [
  ...[
    '',
    'status',
    'scale',
    'binding',
    'eviction',
    'token',
    'finalize',
    'approval',
    'ephemeralcontainers',
    'resize',
  ],
  ...['log', 'exec', 'attach', 'portforward', 'proxy'],
];
