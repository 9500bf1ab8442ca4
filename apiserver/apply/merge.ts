import { type Element, elementText } from './element.ts';
import {
  isEmptyMap,
  isMap,
  itemElement,
  itemsByElement,
  type JsonMap,
  ShapeError,
  type Walked,
  walkOf,
} from './items.ts';
import type { ListShape, Shape } from './shape.ts';

/**
 * What comes of laying a configuration over a live value: leaves are the configuration's, items of lists stand in its
 * order, and nothing goes. Upstream: structured-merge-diff `typed/merge.go`.
 *
 * @returns undefined where nothing is left of either
 * @throws ShapeError where the configuration has two items of one key
 */
export function merge(shape: Shape, live: unknown, config: unknown): unknown {
  const value = config === undefined ? live : config;
  const walked = walkOf(shape, value);
  switch (walked.form) {
    case 'leaf':
      return value;
    case 'list': {
      const before = Array.isArray(live) ? live : [];
      const after = Array.isArray(config) ? config : [];
      if (walked.shape.relation === 'atomic' || before.length + after.length === 0) return value;
      return mergeItems(walked.shape, before, after);
    }
    case 'map': {
      if (walked.atomic || (isEmptyMap(live) && isEmptyMap(config))) return value;
      return mergeFields(walked, isMap(live) ? live : {}, isMap(config) ? config : {});
    }
  }
}

function mergeFields(walked: Extract<Walked, { form: 'map' }>, live: JsonMap, config: JsonMap): unknown {
  const out: [string, unknown][] = [];
  for (const key of new Set([...Object.keys(live), ...Object.keys(config)])) {
    const shape = walked.shapeOf(key);
    const own = (map: JsonMap) => (Object.hasOwn(map, key) ? map[key] : undefined);
    const merged = shape ? merge(shape, own(live), own(config)) : (own(config) ?? own(live));
    if (merged !== undefined) out.push([key, merged]);
  }
  return out.length > 0 ? Object.fromEntries(out) : undefined;
}

/** Items of both in the order of the configuration, those of `live` alone where they stood among these. */
function mergeItems(shape: ListShape, live: readonly unknown[], config: readonly unknown[]): unknown[] {
  const wanted = itemsByElement(shape, config);
  for (const [element, items] of wanted) {
    if (items.length > 1) throw new ShapeError('', `duplicate entries for key ${elementText(element)}`);
  }
  const present = itemsByElement(shape, live);
  const before = live.map((item) => itemElement(shape, item));
  const after = [...wanted.keys()];
  const shared = after.filter((element) => present.has(element));
  const merged = new Set<Element>();
  const out: unknown[] = [];
  const take = (element: Element, item: unknown) => {
    const was = present.get(element);
    // Items that are in the live list twice are replaced, not merged.
    const joined =
      item === undefined ? was?.[0] : merge(shape.element, was?.length === 1 ? was[0] : undefined, item);
    if (joined !== undefined) out.push(joined);
  };
  let next = shared.shift();
  for (let l = 0, r = 0; l < before.length || r < after.length; ) {
    const [left, right] = [before[l], after[r]];
    if (left !== undefined && right !== undefined) {
      if (left === right) {
        merged.add(left);
        take(left, wanted.get(left)?.[0]);
        l++;
        r++;
        next = shared.shift();
        continue;
      }
      if (wanted.has(left) && next !== undefined && next !== left) {
        l++;
        continue;
      }
    }
    if (left !== undefined) {
      if (!wanted.has(left)) {
        out.push(live[l++]);
        continue;
      }
      if (merged.has(left)) l++;
    }
    if (right !== undefined) {
      merged.add(right);
      take(right, wanted.get(right)?.[0]);
      r++;
      if (next === right) next = shared.shift();
    }
  }
  return out;
}
