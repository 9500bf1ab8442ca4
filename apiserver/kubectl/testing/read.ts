import { fails, pairs, says, type Table } from './table.ts';

const age = String.raw`\d+[smh]\w*`;

/** `kubectl get` in every form, `explain` and what tells of the API. */
export const readTable: Table = {
  name: 'get, explain, api-resources',
  files: {
    'all.yaml': `
{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {tier: web, zone: z1}}, data: {size: '2'}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: b, labels: {tier: db}}, data: {size: '10'}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {size: '1'}}
---
{apiVersion: v1, kind: Pod, metadata: {name: alone, labels: {app: alone}}, spec: {containers: [{name: main, image: nginx}]}}
`,
    'names.tmpl': '{{range .items}}{{.metadata.name}} {{end}}',
    'path.txt': '{.items[*].metadata.name}',
    'columns.txt': 'NAME SIZE\n.metadata.name .data.size\n',
  },
  rows: [
    says(
      'apply -f all.yaml',
      'configmap/a created\nconfigmap/b created\nconfigmap/c created\npod/alone created',
    ),
    says('get cm a b -o name', 'configmap/a\nconfigmap/b'),
    says('get cm a', new RegExp(`^NAME +DATA +AGE\\na +1 +${age}$`)),
    says('get cm a --no-headers', new RegExp(`^a +1 +${age}$`)),
    says('get cm a --show-labels', /LABELS\na +1 +\w+ +tier=web,zone=z1$/),
    says('get cm a b -L tier', /TIER\na +1 +\w+ +web\nb +1 +\w+ +db$/),
    says('get cm a --show-kind', /^NAME +DATA +AGE\nconfigmap\/a /),
    says('get cm a -o wide', /^NAME +DATA +AGE/),
    says('get cm a -o yaml', /^apiVersion: v1\ndata:\n {2}size: "2"\nkind: ConfigMap\nmetadata:/),
    says('get cm a -o json', /^\{\n {4}"apiVersion": "v1",\n {4}"data": \{/),
    says('get cm a -o jsonpath={.data.size}', '2'),
    says("get cm a b -o jsonpath='{range .items[*]}{.metadata.name}={.data.size};{end}'", 'a=2;b=10;'),
    says("get cm a b -o jsonpath-as-json='{.items[*].data}'", /"size": "2"[\s\S]*"size": "10"/, {
      since: 21,
    }),
    says('get cm -l tier -o jsonpath-file=path.txt', 'a b'),
    says("get cm a -o go-template='{{.data.size}}'", '2'),
    says('get cm -l tier -o go-template-file=names.tmpl', 'a b'),
    says("get cm a b -o custom-columns='N:.metadata.name,S:.data.size'", /^N +S\na +2\nb +10$/),
    says('get cm a b -o custom-columns-file=columns.txt', /^NAME +SIZE\na +2\nb +10$/),
    says('get cm -l tier=web -o name', 'configmap/a'),
    says("get cm -l 'tier in (web,db)' -o name", 'configmap/a\nconfigmap/b'),
    says("get cm -l 'tier notin (web),tier' -o name", 'configmap/b'),
    says("get cm -l '!tier' -o name", /(^|\n)configmap\/c(\n|$)/),
    says('get cm --field-selector metadata.name=b -o name', 'configmap/b'),
    says('get pods --field-selector status.phase=Pending,spec.nodeName= -o name', 'pod/alone'),
    fails(
      'get cm --field-selector data.size=2',
      /"data.size" is not a known field selector: only "metadata.name", "metadata.namespace"/,
    ),
    fails("get cm -l 'a in'", /unable to parse requirement/),
    says('get cm -l tier --sort-by=.data.size -o name', 'configmap/a\nconfigmap/b'),
    says("get cm -l tier --sort-by='{.metadata.name}' -o name", 'configmap/a\nconfigmap/b'),
    says('get cm --chunk-size=1 -l tier -o name', 'configmap/a\nconfigmap/b'),
    says('get cm,pods -l tier=web -o name', 'configmap/a'),
    says('get cm/a pod/alone -o name', 'configmap/a\npod/alone'),
    says('get -f all.yaml -o name', 'configmap/a\nconfigmap/b\nconfigmap/c\npod/alone'),
    says('get all', new RegExp(`^NAME +READY +STATUS +RESTARTS +AGE\\npod/alone +0/1 +Pending +0 +${age}$`)),
    says('get pods alone -o wide', /NODE +NOMINATED NODE +READINESS GATES\nalone .*<none> +<none> +<none>$/),
    says('get pods.v1. -o name', 'pod/alone'),
    says('get nothing-at-all', undefined, {
      code: 1,
      err: `error: the server doesn't have a resource type "nothing-at-all"`,
    }),
    fails('get cm missing', 'Error from server (NotFound): configmaps "missing" not found'),
    says('get cm missing --ignore-not-found', ''),
    says('get deployments', '', { err: 'No resources found in NAMESPACE namespace.' }),
    says('get pods -A -l app=alone -o name', /pod\/alone/),
    says(
      'get --raw /api/v1/namespaces/NAMESPACE/configmaps/a',
      /^\{"kind":"ConfigMap","apiVersion":"v1",|^\{"apiVersion":"v1"/,
    ),
    says('get --raw /healthz', 'ok'),
    says("get --raw '/readyz?verbose'", /\[\+\]ping ok[\s\S]*readyz check passed/),
    says('get pods alone --watch -o name', 'pod/alone', { stops: true }),
    says('get pods --watch-only --request-timeout=1s', undefined, { code: 0 }),
    says('get pods alone --output-watch-events --watch', /^EVENT +NAME +READY[^\n]*\nADDED +alone /, {
      stops: true,
    }),
    says('get pods alone --subresource=status -o jsonpath={.status.phase}', 'Pending', { since: 24 }),
    fails('get pods alone -o strange', /unable to match a printer suitable for the output format "strange"/),
    says('api-versions', /(^|\n)apps\/v1\n[\s\S]*\nv1$/),
    says('api-resources', /deployments +deploy +apps\/v1 +true +Deployment/),
    says(
      'api-resources --api-group=apps -o name',
      'controllerrevisions.apps\ndaemonsets.apps\ndeployments.apps\nreplicasets.apps\nstatefulsets.apps',
    ),
    says(
      'api-resources --namespaced=false -o wide --no-headers',
      /(^|\n)nodes +no +v1 +false +Node +\[?create,? ?delete/,
    ),
    says('api-resources --verbs=list,create --sort-by=kind -o name', /bindings|configmaps/),
    says('api-resources --categories=all -o name', /(^|\n)pods\n/, { since: 27 }),
    says('cluster-info', /is running at .*https:\/\/127.0.0.1/),
    says('cluster-info dump --namespaces NAMESPACE', /"kind": "NodeList"[\s\S]*"kind": "(Event|Pod)List"/),
    says('version -o json', /"serverVersion": \{[\s\S]*"gitVersion": "v1\./),
    ...pairs({
      'explain pods':
        /KIND: +Pod\nVERSION: +v1[\s\S]*Pod is a collection of containers that can run on a host/,
      'explain deployment.spec.replicas': /FIELD: +replicas <integer>[\s\S]*Number of desired pods/,
      'explain service.spec.ports.targetPort':
        /targetPort <(IntOrString|string)>[\s\S]*accept a\s+name or number/,
      'explain cronjobs --recursive': /jobTemplate\s+<(Object|JobTemplateSpec)>[\s\S]*containers/,
      'explain hpa --api-version=autoscaling/v1': /VERSION: +(autoscaling\/)?v1/,
      'explain ingress.spec.rules.http.paths.backend.service.port': /number\s+<integer>/,
    }),
    fails('explain pods.nothing', /field "nothing" does not exist/),
    fails('explain nothing-at-all', /the server doesn't have a resource type "nothing-at-all"/),
    says('explain pods --output=plaintext-openapiv2', /KIND: +Pod/, { since: 27 }),
  ],
};
