import type { KubeObject } from '../../api/object.ts';
import type { CustomResourceColumnDefinition } from '../../api/types.ts';
import type { Cell, Column } from '../registry/strategy.ts';
import { nameColumn } from '../table/columns/common.ts';
import { humanDuration } from '../table/duration.ts';
import { lookUp } from './json-path.ts';

/** What a definition shows that names no columns. */
const age: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description:
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  jsonPath: '.metadata.creationTimestamp',
};

/** The name, then `additionalPrinterColumns`. Upstream: `pkg/registry/customresource/tableconvertor`. */
export function columnsOf(
  definitions: readonly CustomResourceColumnDefinition[] | undefined,
): Column<KubeObject>[] {
  const shown = definitions?.length ? definitions : [age];
  return [nameColumn, ...shown.map(columnOf)];
}

function columnOf(definition: CustomResourceColumnDefinition): Column<KubeObject> {
  const { name, type, format = '', description, jsonPath, priority = 0 } = definition;
  return {
    name,
    type: type as Column<KubeObject>['type'],
    format,
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority,
    cell(object, now) {
      const [value] = lookUp(object, jsonPath);
      return value === undefined ? null : cell(type, value, now);
    },
  };
}

function cell(type: string, value: unknown, now: number): Cell {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date': {
      if (typeof value !== 'string') return null;
      const time = Date.parse(value);
      return Number.isNaN(time) ? '<invalid>' : humanDuration(now - time);
    }
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}
