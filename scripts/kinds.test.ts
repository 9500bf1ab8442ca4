import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allResources as inScheme } from '../api/scheme.ts';
import { groupList, resourceList } from '../apiserver/http/discovery.ts';
import { createOpenApi } from '../apiserver/openapi/openapi.ts';
import { messageOf } from '../apiserver/protobuf/messages.ts';
import { createStrategies } from '../apiserver/registry/kinds/index.ts';
import { allResources } from '../apiserver/registry/kinds/rows.ts';
import { modelOf } from '../apiserver/schema/schema.ts';
import { storageKey } from '../apiserver/storage/keys.ts';
import { root } from './bootstrap/prepare.mjs';
import { foundKinds } from './generate-kinds.ts';
import { sourceFiles } from './sources.ts';

it('all files with rules of kinds are found: `npm run generate` has been run', () => {
  const found = readFileSync(join(root, 'apiserver/registry/kinds/found.ts'), 'utf8');
  expect(found).toBe(foundKinds());
});

/** Those that no component has a use for but the apiserver: what is known of them stands in one file. */
const alone = allResources.filter((resource) => !inScheme.includes(resource));

describe.each(alone.map((row) => [row.kind, row] as const))('%s, which is one file', (kind, row) => {
  const { group, version, name, type } = row;
  const apiVersion = `${group}/${version}`;

  it('is named by no other source', () => {
    const others = sourceFiles(root).filter(
      ({ path, text }) =>
        /^(api|apiserver|controllers)\//.test(path) &&
        !/(\.test\.ts|types\.ts)$/.test(path) &&
        text.includes(`'${name}'`),
    );
    expect(others).toHaveLength(1);
  });

  it('is discovered, described, checked, printed, stored and encoded', () => {
    const strategy = createStrategies({ serviceCidrs: ['10.96.0.0/12'], serviceNodePortRange: '1-2' }).find(
      ({ resource }) => resource === row,
    );
    expect(JSON.stringify(groupList())).toContain(`"${apiVersion}"`);
    expect(JSON.stringify(resourceList(group, version))).toContain(
      `"name":"${name}","singularName":"${row.singular}"`,
    );
    expect(createOpenApi().groupVersion(`apis/${apiVersion}`)?.text).toContain(
      `"x-kubernetes-group-version-kind":[{"group":"${group}","kind":"${kind}","version":"${version}"}]`,
    );
    expect(strategy?.validate).toBeDefined();
    expect(strategy?.columns?.length).toBeGreaterThan(2);
    expect(modelOf(type)).toBeDefined();
    expect(messageOf(apiVersion, kind)).toBeDefined();
    expect(storageKey(row, 'a')).toBe(`/registry/${name}/a`);
  });
});
