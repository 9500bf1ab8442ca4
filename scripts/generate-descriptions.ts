import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `apiVersion` and `kind`, which most kinds have in the same words, stand here once. */
const common = '';

/**
 * Writes what Kubernetes' documentation says of kinds and fields, for `kubectl explain`: of each model its own text and those of
 * its fields, of each list that of its items.
 *
 * @param folder of the models of `@kubernetes/client-node`
 * @param models their names in the package, by those in `api/schema.json`
 * @param file is written; the texts are the Kubernetes Authors', under the Apache License 2.0
 */
export function writeDescriptions(folder: string, models: ReadonlyMap<string, string>, file: string): void {
  const all = new Map(
    [...models].flatMap(([name, model]) => [
      [name, describe(folder, model)] as const,
      ...(existsSync(join(folder, `${model}List.d.ts`))
        ? [[`${name}List`, itemsOnly(describe(folder, `${model}List`))] as const]
        : []),
    ]),
  );
  const pod = all.get('Pod')?.[1] ?? {};
  const shared = Object.entries({ apiVersion: pod.apiVersion, kind: pod.kind });
  const lines = [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, [text, fields]]): [string, Described] => [
      name,
      [text, Object.fromEntries(Object.entries(fields).filter(([field, said]) => pod[field] !== said))],
    ]);
  const rows = [[common, ['', Object.fromEntries(shared)]] as const, ...lines];
  writeFileSync(
    file,
    `{\n${rows.map(([name, one]) => `${JSON.stringify(name)}: ${JSON.stringify(one)}`).join(',\n')}\n}\n`,
  );
}

type Described = [text: string, fields: Record<string, string>];

function describe(folder: string, model: string): Described {
  const text = readFileSync(join(folder, `${model}.d.ts`), 'utf8');
  const own = /\/\*\*\n\* ([^\n]*)\n\*\/\nexport declare class/.exec(text)?.[1] ?? '';
  const fields: Record<string, string> = {};
  for (const [, said = '', field = ''] of text.matchAll(
    /^ {4}\/\*\*\n {4}\* ([^\n]*)\n {4}\*\/\n {4}'([^']+)'\??:/gm,
  ))
    fields[wireName(field)] = plain(said);
  return [plain(own), fields];
}

const itemsOnly = ([text, { items = '' }]: Described): Described => [text, items ? { items } : {}];

/** TypeScript's names of the fields that JavaScript or Java could not have. */
const wireName = (field: string) =>
  field
    .replace(/^_/, '')
    .replace(/^x_kubernetes_/, 'x-kubernetes-')
    .replaceAll('_', '-');

/** Without the escapes of a comment. */
const plain = (text: string) => text.replaceAll('\\"', '"').replaceAll("\\'", "'").trim();
