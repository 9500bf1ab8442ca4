/**
 * Writes `fixtures.json.br`: of each kind that has an encoding here what Kubernetes' own serializers write, from the
 * folder `testdata/HEAD` of the Go module `k8s.io/api`:
 *
 *     node apiserver/protobuf/pack-fixtures.ts FOLDER
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { messageOf } from './messages.ts';

const [folder = ''] = process.argv.slice(2);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith('.pb'))
  .map((name) => {
    const json = readFileSync(join(folder, name.replace(/pb$/, 'json')), 'utf8');
    const object = JSON.parse(json) as { apiVersion?: string; kind?: string };
    return { object, protobuf: readFileSync(join(folder, name)).toString('latin1') };
  })
  .filter(({ object: { apiVersion, kind } }) => apiVersion && kind && messageOf(apiVersion, kind));
const text = Buffer.from(JSON.stringify(fixtures));
const params = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
writeFileSync(new URL('fixtures.json.br', import.meta.url), brotliCompressSync(text, { params }));
console.log(`${fixtures.length} objects`);
