import { fails, says, type Table } from './table.ts';

const configMap = (name: string, size: string, labels = '{set: x}') =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}, labels: ${labels}}, data: {size: '${size}'}}\n`;

/** That of 1.27 says `annotate`. */
const annotated = (name: string) => (minor: number) =>
  `configmap/${name} ${minor === 27 ? 'annotate' : 'annotated'}`;

/** What changes objects: apply, diff, edit, patch, replace, label, annotate, delete. */
export const changeTable: Table = {
  name: 'apply, patch, replace, label, delete',
  files: {
    'a.yaml': configMap('a', '1'),
    'a2.yaml': configMap('a', '2'),
    'b.yaml': configMap('b', '1'),
    'both.yaml': `${configMap('a', '2')}---\n${configMap('b', '1')}`,
    'set.yaml': `${configMap('p1', '1', '{prune: yes1}')}---\n${configMap('p2', '1', '{prune: yes1}')}`,
    'less.yaml': configMap('p1', '1', '{prune: yes1}'),
    'other.yaml': configMap('s', '3', '{set: other}'),
    'unknown.yaml': '{apiVersion: v1, kind: ConfigMap, metadata: {name: u}, dta: {a: b}}',
    'patch.json': '{"data":{"from":"file"}}',
    'kustomization.yaml': 'namePrefix: k-\nresources: [a.yaml]\n',
  },
  rows: [
    says('apply -f a.yaml', 'configmap/a created'),
    says('apply -f a.yaml', 'configmap/a unchanged'),
    says('diff -f a.yaml', ''),
    says('diff -f a2.yaml', /- {2}size: "1"\n\+ {2}size: "2"/, { code: 1, err: /^/ }),
    says('apply -f a2.yaml --dry-run=client', 'configmap/a configured (dry run)'),
    says('apply -f a2.yaml --dry-run=server', 'configmap/a configured (server dry run)'),
    says('get cm a -o jsonpath={.data.size}', '1'),
    says('apply -f a2.yaml -o jsonpath={.data.size}', '2'),
    says('apply -f both.yaml', 'configmap/a unchanged\nconfigmap/b created'),
    says('apply view-last-applied cm/a', /size: "2"/),
    says('apply set-last-applied -f a.yaml', /configmap\/a configured/),
    says('apply edit-last-applied cm/a', /configmap\/a edited/, {
      env: { KUBE_EDITOR: 'sed -i \'s/size:.*/size: "3"/\'' },
      err: /^/,
    }),
    fails('apply -f unknown.yaml', /unknown field "(ConfigMap\.)?dta"|unknown field "dta"/),
    says('apply -f unknown.yaml --validate=false', 'configmap/u created'),
    says('apply -f set.yaml', 'configmap/p1 created\nconfigmap/p2 created'),
    says(
      'apply --prune -l prune=yes1 -f less.yaml --prune-whitelist=core/v1/ConfigMap',
      /configmap\/p1 unchanged\nconfigmap\/p2 pruned/,
      { until: 28, err: /^/ },
    ),
    says(
      'apply --prune -l prune=yes1 -f less.yaml --prune-allowlist=core/v1/ConfigMap',
      /configmap\/p1 unchanged\nconfigmap\/p2 pruned/,
      { since: 29, err: /^/ },
    ),
    says('apply --prune -l prune=yes1 -f less.yaml', /configmap\/p1 unchanged/, { err: /^/ }),
    says(
      'apply --prune --server-side -n NAMESPACE --applyset=configmaps/set --field-manager=kubectl-client-side-apply --force-conflicts -f set.yaml',
      /configmap\/p1 serverside-applied\nconfigmap\/p2 serverside-applied/,
      { since: 27, env: { KUBECTL_APPLYSET: 'true' }, err: /^/ },
    ),
    says('apply --server-side -f other.yaml', 'configmap/s serverside-applied'),
    says('apply --server-side -f other.yaml --field-manager=someone', 'configmap/s serverside-applied'),
    says('apply --server-side -f a.yaml --field-manager=someone', undefined, {
      code: 1,
      err: /Apply failed with \d+ conflicts?: conflicts? with "kubectl-(client-side-apply|edit-last-applied|last-applied|set-last-applied)/,
    }),
    says(
      'apply --server-side -f a.yaml --field-manager=someone --force-conflicts',
      'configmap/a serverside-applied',
    ),
    says(
      'apply --server-side --dry-run=server -f b.yaml --force-conflicts',
      /configmap\/b serverside-applied \(server dry run\)/,
    ),
    says('get cm a -o jsonpath={.metadata.managedFields[*].manager} --show-managed-fields', /someone/, {
      since: 21,
    }),
    says('apply -k .', 'configmap/k-a created'),
    says('kustomize .', /name: k-a/, { since: 21 }),
    says('edit cm b', 'configmap/b edited', { env: { KUBE_EDITOR: 'sed -i \'s/size:.*/size: "7"/\'' } }),
    says('edit cm b', '', {
      err: 'Edit cancelled, no changes made.',
      env: { KUBE_EDITOR: 'true' },
    }),
    says('get cm b -o jsonpath={.data.size}', '7'),
    says('patch cm b -p \'{"data":{"s":"m"}}\'', 'configmap/b patched'),
    says('patch cm b -p \'{"data":{"s":"m"}}\'', 'configmap/b patched (no change)'),
    says('patch cm b --type=merge -p \'{"data":{"s":null}}\'', 'configmap/b patched'),
    says('patch cm b --type=json -p \'[{"op":"add","path":"/data/j","value":"1"}]\'', 'configmap/b patched'),
    fails(
      'patch cm b --type=json -p \'[{"op":"test","path":"/data/j","value":"2"}]\'',
      /the server rejected our request due to an error in our request|The request is invalid/,
    ),
    says('patch cm b --patch-file=patch.json', 'configmap/b patched', { since: 21 }),
    says('patch cm b --dry-run=server -p \'{"data":{"dry":"1"}}\' -o jsonpath={.data.dry}', '1'),
    says('get cm b -o jsonpath={.data}', /^\{("from":"file",)?"j":"1","size":"7"\}$/),
    fails('patch cm b -p \'{"data":5}\'', /cannot restore map from|is invalid/),
    says('replace -f a.yaml', 'configmap/a replaced'),
    says('replace -f a2.yaml --force', /^configmap "a" deleted.*\nconfigmap\/a replaced$/),
    fails('replace -f missing.yaml', /does not exist/),
    says('replace --raw /api/v1/namespaces/NAMESPACE/configmaps/b -f -', /"size":"9"/, {
      stdin: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"},"data":{"size":"9"}}',
    }),
    says('label cm a tier=web', 'configmap/a labeled'),
    fails('label cm a tier=db', /'tier' already has a value \(web\), and --overwrite is false/),
    says('label cm a tier=db --overwrite', 'configmap/a labeled'),
    says('label cm a tier=db', 'configmap/a not labeled', { since: 22 }),
    says('label cm a tier-', (minor) => (minor < 22 ? 'configmap/a labeled' : 'configmap/a unlabeled')),
    says('label cm -l set=x all=yes --list', /set=x/),
    fails('label cm a a=-wrong-', /a lowercase|must be|invalid label value/i),
    says("annotate cm a note='of text'", annotated('a')),
    fails(
      'annotate cm a note=other',
      /--overwrite is false but found the following declared annotation\(s\): 'note' already has a value \(of text\)/,
    ),
    says('annotate cm a note-', annotated('a')),
    says('annotate cm --all checked=yes', /configmap\/b annotated?\n/),
    says('delete cm a', /^configmap "a" deleted/),
    fails('delete cm a', 'Error from server (NotFound): configmaps "a" not found'),
    says('delete cm a --ignore-not-found', ''),
    says(
      'delete cm u s --dry-run=server',
      /configmap "u" deleted.*\(server dry run\)\nconfigmap "s" deleted.*\(server dry run\)/,
    ),
    says('delete cm u s -o name', 'configmap/u\nconfigmap/s'),
    says('delete -f b.yaml --now', /^configmap "b" deleted/),
    says('delete cm -l prune=yes1', /configmap "p1" deleted/),
    fails('delete cm', /resource\(s\) were provided, but no name/),
    says('delete -k .', /configmap "k-a" deleted/),
    says('delete cm --all --wait=false', /configmap "kube-root-ca.crt" deleted/, { eventually: true }),
    says('delete --raw /api/v1/namespaces/NAMESPACE/configmaps/none', undefined, {
      code: 1,
      err: /not found/,
    }),
  ],
};
