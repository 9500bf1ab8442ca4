import type { Outcome } from '../../apiserver/kubectl/testing/play.ts';

/** What two servers tell otherwise without meaning anything else, in the order in which it is taken out. */
const indifferent: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'],
  [/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000( UTC)?/g, 'TIME'],
  [/\/tmp\/v9s-kubectl-\w+/g, 'FOLDER'],
  [/(Resource Version: +)\d+/g, '$1VERSION'],
  [/(resourceVersion"?: ?"?)\d+/g, '$1VERSION'],
  [/127\.0\.0\.1:\d+/g, 'HOST'],
  [/\b10\.96\.\d+\.\d+\b|\b10\.10[0-9]\.\d+\.\d+\b|\b10\.11[01]\.\d+\.\d+\b/g, 'CLUSTERIP'],
  [/\b3[012]\d{3}\b/g, 'NODEPORT'],
  [/\b([\w-]+)-[a-z0-9]{8,10}(-[a-z0-9]{5})?\b/g, '$1-HASH'],
  [/\b(made|kube-api-access|default-token)-[a-z0-9]{5}\b/g, '$1-HASH'],
  [/\b\d+(\.\d+)?(ms|s|m|h)(\d+(s|m))?\b|<unknown>(?= |$)/g, 'AGE'],
  [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, 'TOKEN'],
  [/-{2,}|={2,}/g, '--'],
  [/[ \t]+/g, ' '],
];

/** As one text that can be compared. */
export function normalOf({ code, out, err }: Outcome): string {
  const ordered = `${out}\n${err}`.replace(/^\{"kind".*\}$/gm, inOrder);
  const text = indifferent.reduce((one, [what, by]) => one.replace(what, by), ordered);
  const lines = text.split('\n').map((line) => line.trim());
  return `exit ${code}\n${lines.filter((line) => line !== '').join('\n')}`;
}

/** JSON with its fields in the order of their names. */
function inOrder(json: string): string {
  const sorted = (value: unknown): unknown =>
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? value
      : Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, one]) => [key, sorted(one)]),
        );
  return JSON.stringify(sorted(JSON.parse(json)));
}
