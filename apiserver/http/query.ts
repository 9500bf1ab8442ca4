import type { KubeObject } from '../../api/object.ts';
import { statusError } from '../../api/status.ts';
import type { Strategy } from '../registry/strategy.ts';
import type { FieldValidation } from '../schema/decode.ts';
import type { Entry } from '../storage/entry.ts';
import { parseLabelSelector } from './label-selector.ts';
import { checkListOptions } from './list-options.ts';
import { checkFields, metadataFields, parseFieldSelector } from './selectors.ts';

/** The query parameters of reads. Upstream: `metav1.ListOptions`. */
export interface ListQuery {
  matches(entry: Entry): boolean;
  /** True when `matches` is always true. */
  all: boolean;
  resourceVersion: number | undefined;
  match: 'Exact' | 'NotOlderThan' | undefined;
  limit: number;
  continue: string | undefined;
  watch: boolean;
  allowWatchBookmarks: boolean;
  sendInitialEvents: boolean | undefined;
  timeoutSeconds: number | undefined;
}

/** @param group that the kind is asked for in, where it is served in several */
export function parseListQuery(
  query: URLSearchParams,
  strategy: Strategy | undefined,
  name?: string,
  group?: string,
): ListQuery {
  const match = query.get('resourceVersionMatch') || undefined;
  const resourceVersion = parseResourceVersion(query.get('resourceVersion'));
  const sendInitialEvents = parseBoolean(query, 'sendInitialEvents');
  const watch = parseBoolean(query, 'watch') ?? false;
  checkListOptions({
    watch,
    resourceVersion: query.get('resourceVersion') || undefined,
    resourceVersionMatch: match,
    continue: query.get('continue') || undefined,
    sendInitialEvents,
  });
  return {
    ...selection(query, strategy, name, group),
    resourceVersion,
    match: match as ListQuery['match'],
    limit: parseNumber(query, 'limit') ?? 0,
    continue: query.get('continue') || undefined,
    watch,
    allowWatchBookmarks: parseBoolean(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents,
    timeoutSeconds: parseNumber(query, 'timeoutSeconds'),
  };
}

function selection(
  query: URLSearchParams,
  strategy: Strategy | undefined,
  name?: string,
  group = '',
): Pick<ListQuery, 'matches' | 'all'> {
  const byLabel = query.get('labelSelector');
  const byField = query.get('fieldSelector');
  const tests: ((entry: Entry) => boolean)[] = [];
  if (name) tests.push(({ key }) => key.endsWith(`/${name}`));
  if (byField) {
    const requirements = parseFieldSelector(byField);
    const labels = strategy?.fieldLabels?.[group];
    const fields = (object: Entry['object']) => {
      const own = strategy?.selectableFields?.(object);
      return { ...metadataFields(object), ...(labels && own ? renamed(own, labels) : own) };
    };
    checkFields(requirements, Object.keys(fields(emptyObject)));
    tests.push(({ object }) => {
      const own: Record<string, string | undefined> = fields(object);
      return requirements.every(({ field, equal, value }) => ((own[field] ?? '') === value) === equal);
    });
  }
  if (byLabel) {
    const matches = parseLabelSelector(byLabel);
    tests.push(({ metadata }) => matches(metadata.labels ?? {}));
  }
  return { all: tests.length === 0, matches: (entry) => tests.every((test) => test(entry)) };
}

function renamed(
  fields: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([label, field]) => [label, fields[field] ?? '']));
}

/** Has every part that selectable fields lie in, so that a kind can be asked for their names. */
const emptyObject: KubeObject & Record<string, object> = {
  metadata: {},
  spec: {},
  status: {},
  involvedObject: {},
  source: {},
};

export function parseResourceVersion(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^\d{1,19}$/.test(text)) {
    const quoted = JSON.stringify(text);
    throw badOption(
      'resourceVersion',
      `Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`,
    );
  }
  return Number(text);
}

export function parseDryRun(values: readonly string[]): boolean {
  for (const value of values) {
    if (value !== 'All') throw badOption('dryRun', `Unsupported value: "${value}": supported values: "All"`);
  }
  return values.length > 0;
}

export function parseFieldValidation(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') || 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw badOption(
    'fieldValidation',
    `Unsupported value: "${value}": supported values: "Ignore", "Strict", "Warn"`,
  );
}

/** Go's `strconv.ParseBool` as `runtime.Convert_Slice_string_To_bool` uses it: anything but false is true. */
function parseBoolean(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  return value === null ? undefined : value.toLowerCase() !== 'false' && value !== '0';
}

function parseNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^-?\d+$/.test(value)) {
    const quoted = JSON.stringify(value);
    throw statusError('BadRequest', `strconv.ParseInt: parsing ${quoted}: invalid syntax`);
  }
  return Number(value);
}

function badOption(field: string, message: string) {
  return statusError('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: [{ reason: 'FieldValueInvalid', field, message }],
  });
}
