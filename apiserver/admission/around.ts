import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../api/object.ts';
import { apiVersionOf, type Resource } from '../../api/scheme.ts';
import type { CustomKinds } from '../apiextensions/kinds.ts';
import type { Authorize } from '../auth/authorize.ts';
import { servedResources } from '../registry/kinds/rows.ts';
import type { CustomRules, Strategy } from '../registry/strategy.ts';
import { decodePatched } from '../schema/decode.ts';
import type { Cache } from '../storage/cache.ts';
import type { Attributes, Invocation, Kind } from './attributes.ts';
import type { Around } from './conditions.ts';

export interface AroundOptions {
  cache: Cache;
  customKinds: CustomKinds;
  strategyOf(resource: Resource): Strategy | undefined;
  authorize: Authorize;
}

/** What webhooks and policies need of the apiserver: names, versions and rights. */
export function createAround({ cache, customKinds, strategyOf, authorize }: AroundOptions): Around {
  /** The row under which objects are stored. */
  const storedOf = (resource: Resource) =>
    resource.stored ??
    servedResources.find(({ served }) => served === resource)?.stored ??
    servedResources.find(({ served }) => isSame(served, resource))?.stored;

  function rowsOf(resource: Resource): readonly Resource[] {
    const stored = storedOf(resource);
    if (resource.stored) return customKinds.served().filter((one) => one.stored === stored);
    return servedResources.filter((one) => one.stored === stored).map(({ served }) => served);
  }

  async function rulesOf(row: Resource): Promise<CustomRules | undefined> {
    if (row.stored) return strategyOf(row)?.custom;
    if (!row.converted) return undefined;
    return (await import('../registry/kinds/versions.ts')).versionRules(row);
  }

  /** From the version of one row into that of another, by way of what is stored. */
  async function convert(object: KubeObject, from: Resource, to: Resource): Promise<KubeObject> {
    if (isSame(from, to)) return object;
    const [reading, writing] = await Promise.all([rulesOf(from), rulesOf(to)]);
    const custom = Boolean(from.stored);
    const stored =
      reading && !custom ? reading.decode(object, 'Ignore', []).object : await toStored(object, reading);
    if (writing?.prepare) await writing.prepare([stored]);
    const { apiVersion: _, kind: __, ...fields } = writing ? writing.present(stored) : stored;
    return { kind: to.kind, apiVersion: apiVersionOf(to), ...fields };
  }

  const toStored = async (object: KubeObject, rules: CustomRules | undefined) =>
    rules?.toStored ? rules.toStored(object) : object;

  const rowOf = (attributes: Attributes, { resource }: Invocation) =>
    rowsOf(attributes.resource).find((one) => isSame(one, resource)) ?? attributes.resource;

  const isWhole = ({ kind, resource }: Attributes) => kind.kind === resource.kind;

  return {
    lookup: cache.lookup,
    authorize,
    findKind: (apiVersion, kind) =>
      [...servedResources.map(({ served }) => served), ...customKinds.served()].find(
        (one) => one.kind === kind && apiVersionOf(one) === apiVersion,
      ),
    equivalentsOf(attributes) {
      const { resource } = attributes;
      return rowsOf(resource)
        .filter((one) => !isSame(one, resource))
        .map((row) => ({ resource: row, kind: isWhole(attributes) ? kindOf(row) : attributes.kind }));
    },
    async shown(attributes, invocation) {
      const { resource, object, old } = attributes;
      const row = rowOf(attributes, invocation);
      if (isSame(row, resource) || !isWhole(attributes)) return attributes;
      return {
        ...attributes,
        ...(object ? { object: await convert(object, resource, row) } : {}),
        ...(old ? { old: await convert(old, resource, row) } : {}),
      };
    },
    async completed(object, invocation, attributes) {
      const { resource } = attributes;
      if (!isWhole(attributes)) return object;
      const row = rowOf(attributes, invocation);
      const wanted = await convert(object, row, resource);
      const rules = await rulesOf(resource);
      const before = attributes.object;
      const read = rules && resource.stored ? rules.decode(wanted, 'Ignore', []).object : undefined;
      const done = read ?? (rules ? wanted : decodePatched(resource.type, wanted, 'Ignore').object);
      const stored = storedOf(resource);
      if (!rules && stored) strategyOf(stored)?.defaults?.(done);
      const result = { ...done, kind: resource.kind, apiVersion: apiVersionOf(resource) };
      return before && isDeepStrictEqual(result, before) ? before : result;
    },
  };
}

const kindOf = ({ group, version, kind }: Resource): Kind => ({ group, version, kind });

type Row = Pick<Resource, 'group' | 'version' | 'name'>;

const isSame = (a: Row, b: Row) => a.group === b.group && a.version === b.version && a.name === b.name;
