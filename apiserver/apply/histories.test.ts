import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { JSONSchemaProps } from '../../api/types.ts';
import { pathText } from './conflict.ts';
import { type Fields, insert, pathsOf } from './fields.ts';
import { shapeOfSchema } from './schema-shape.ts';
import { applyTo, Conflicts, type Owned, type Owners, ownersAfterUpdate } from './updater.ts';

/**
 * What is there, and who owns what, after several writes. The behaviours are those of upstream's tables
 * (structured-merge-diff 4.6 `merge/*_test.go`), all of which were run against this code.
 */
const schema = parse(`
type: object
properties:
  num: {type: integer}
  str: {type: string}
  bool: {type: boolean}
  set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
  whole: {type: array, items: {type: string}}
  list: &list
    type: array
    x-kubernetes-list-type: map
    x-kubernetes-list-map-keys: [name]
    items: &item
      type: object
      properties:
        name: {type: string}
        value: {type: integer}
        tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
        more: {type: object, additionalProperties: {type: string}}
  ports:
    type: array
    x-kubernetes-list-type: map
    x-kubernetes-list-map-keys: [port, protocol]
    items:
      type: object
      properties: {port: {type: integer}, protocol: {type: string, default: TCP}, name: {type: string}}
  map: {type: object, additionalProperties: {type: string}}
  maps: {type: object, additionalProperties: *item}
  atom: {type: object, x-kubernetes-map-type: atomic, additionalProperties: {type: string}}
  struct: {type: object, properties: {a: {type: integer}, list: *list, inner: {type: object, properties: {b: {type: integer}}}}}
  free: {type: object, x-kubernetes-preserve-unknown-fields: true}
`) as JSONSchemaProps;

const shape = shapeOfSchema(schema);

/** Plays lines such as `ann applies {num: 1}`, `bob forces …`, `upd updates …`; `refused: …` says what conflicts. */
function play(lines: readonly string[], ignored: Fields = {}): { object: unknown; owners: Owners } {
  let object: unknown = {};
  let owners: Owners = new Map();
  for (const line of lines) {
    const [, manager = '', verb, text = '', refused] =
      /^(\w+) (applies|forces|updates) (.*?)(?: refused: (.*))?$/.exec(line) ?? [];
    const config: unknown = parse(text);
    const request = { shape, typed: false, apiVersion: 'v1', ignored, manager };
    try {
      if (verb === 'updates') {
        owners = ownersAfterUpdate(request, object, config, owners);
        object = config;
      } else ({ object, owners } = applyTo({ ...request, force: verb === 'forces' }, object, config, owners));
      expect(refused).toBeUndefined();
    } catch (error) {
      if (!(error instanceof Conflicts)) throw error;
      expect(error.conflicts.map(({ manager, path }) => `${manager} ${pathText(path)}`).join(', ')).toBe(
        refused,
      );
    }
  }
  return { object, owners };
}

const said = (owners: Owners) =>
  Object.fromEntries([...owners].map(([manager, owned]) => [manager, textOf(owned)]).sort());
const textOf = ({ fields }: Owned) => pathsOf(fields).map(pathText).join(' ');

/** A title, what happens, `=` what is there then, and who `owns` what. */
const rowsOf = (text: string) =>
  text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [what = '', ...lines] = block.split('\n').map((line) => line.trim());
      const object = lines.find((line) => line.startsWith('= '))?.slice(2) ?? '';
      const owners = lines.flatMap((line) => [line.split(' owns ')].filter(({ length }) => length === 2));
      const history = lines.filter((line) => / (applies|forces|updates) /.test(line));
      return {
        what,
        history,
        object: parse(object) as unknown,
        owners: Object.fromEntries(owners) as unknown,
      };
    });

const sections = readFileSync(new URL('histories.txt', import.meta.url), 'utf8')
  .split(/^# /m)
  .slice(1);

describe.each(sections.map((section): [string, string] => [section.split('\n')[0] ?? '', section]))(
  '%s',
  (title, section) => {
    const ignored: Fields = {};
    if (title === 'what a write ignores') insert(ignored, ['f:struct']);
    it.each(rowsOf(section.slice(title.length)))('$what', ({ history, object, owners }) => {
      const played = play(history, ignored);
      expect({ object: played.object, owners: said(played.owners) }).toEqual({ object, owners });
    });
  },
);
