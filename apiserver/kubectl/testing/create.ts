import { fails, pairs, says, type Table } from './table.ts';

const yaml = (command: string, out: RegExp) => says(`${command} --dry-run=client -o yaml`, out);

/** `kubectl create`: every generator. */
export const createTable: Table = {
  name: 'create',
  files: {
    'literal.txt': 'text of a file',
    'settings.env': 'A=1\nB=2\n',
    'pods.yaml': `{apiVersion: v1, kind: List, items: [
      {apiVersion: v1, kind: ConfigMap, metadata: {name: listed-1}},
      {apiVersion: v1, kind: ConfigMap, metadata: {name: listed-2}}]}`,
    'quota.yaml': `{apiVersion: v1, kind: ConfigMap, metadata: {generateName: made-}}`,
    'wrong.yaml': '{apiVersion: v1, kind: Service, metadata: {name: wrong}, spec: {ports: [{port: 0}]}}',
  },
  rows: [
    ...pairs({
      'create clusterrole NAMESPACE-reads --verb=get,list --resource=pods,deployments.apps':
        'clusterrole.rbac.authorization.k8s.io/NAMESPACE-reads created',
      "create clusterrole NAMESPACE-paths --verb=get --non-resource-url='/logs/*'":
        'clusterrole.rbac.authorization.k8s.io/NAMESPACE-paths created',
      "create clusterrole NAMESPACE-sum --aggregation-rule='rbac.example.com/into=sum'":
        'clusterrole.rbac.authorization.k8s.io/NAMESPACE-sum created',
      'create clusterrolebinding NAMESPACE-reads --clusterrole=NAMESPACE-reads --user=ann --group=ops --serviceaccount=NAMESPACE:robot':
        'clusterrolebinding.rbac.authorization.k8s.io/NAMESPACE-reads created',
      'create role reads --verb=get,watch --resource=pods,pods/log --resource-name=one':
        'role.rbac.authorization.k8s.io/reads created',
      'create rolebinding reads --role=reads --user=ann':
        'rolebinding.rbac.authorization.k8s.io/reads created',
      'create configmap settings --from-literal=a=b --from-file=literal.txt --from-file=named=literal.txt':
        'configmap/settings created',
      'create configmap environment --from-env-file=settings.env': 'configmap/environment created',
      "create cronjob tick --image=busybox --schedule='*/5 * * * *' -- date": 'cronjob.batch/tick created',
      'create job once --image=busybox -- true': 'job.batch/once created',
      'create deployment web --image=nginx --replicas=2 --port=80': 'deployment.apps/web created',
      "create ingress front --rule='a.example/*=web:80,tls=secret' --class=nginx":
        'ingress.networking.k8s.io/front created',
      'create namespace NAMESPACE-2': 'namespace/NAMESPACE-2 created',
      'create poddisruptionbudget budget --selector=app=web --min-available=50%':
        'poddisruptionbudget.policy/budget created',
      "create priorityclass NAMESPACE-high --value=1000 --description='for those that matter' --preemption-policy=Never":
        'priorityclass.scheduling.k8s.io/NAMESPACE-high created',
      'create quota limits --hard=configmaps=20,services=10': 'resourcequota/limits created',
      'create secret generic hidden --from-literal=password=x --type=example.com/kind':
        'secret/hidden created',
      'create secret docker-registry registry --docker-server=r.example --docker-username=u --docker-password=p':
        'secret/registry created',
      'create serviceaccount robot': 'serviceaccount/robot created',
      'create service clusterip inner --tcp=80:8080,443': 'service/inner created',
      'create service clusterip headless --clusterip=None': 'service/headless created',
      'create service nodeport outer --tcp=80 --node-port=31900': 'service/outer created',
      'create service loadbalancer balanced --tcp=80': 'service/balanced created',
      'create service externalname named --external-name=example.com': 'service/named created',
      'create -f pods.yaml': 'configmap/listed-1 created\nconfigmap/listed-2 created',
      'create -f quota.yaml': /^configmap\/made-[a-z0-9]{5} created$/,
      'create -f quota.yaml -o name': /^configmap\/made-[a-z0-9]{5}$/,
      'create configmap dry --dry-run=server': 'configmap/dry created (server dry run)',
      'create configmap dry --dry-run=client': 'configmap/dry created (dry run)',
      'create configmap kept --save-config --from-literal=a=b': 'configmap/kept created',
      'get clusterrole NAMESPACE-reads -o jsonpath={.rules}':
        '[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]},{"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","list"]}]',
      'get clusterrole NAMESPACE-sum -o jsonpath={.aggregationRule}':
        '{"clusterRoleSelectors":[{"matchLabels":{"rbac.example.com/into":"sum"}}]}',
      'get configmap settings -o jsonpath={.data}':
        '{"a":"b","literal.txt":"text of a file","named":"text of a file"}',
      'get configmap environment -o jsonpath={.data}': '{"A":"1","B":"2"}',
      'get secret hidden -o jsonpath={.type}:{.data.password}': 'example.com/kind:eA==',
      'get secret registry -o jsonpath={.type}': 'kubernetes.io/dockerconfigjson',
      'get cronjob tick -o jsonpath={.spec.schedule}:{.spec.concurrencyPolicy}': '*/5 * * * *:Allow',
      'get ingress front -o jsonpath={.spec.rules[0].http.paths[0].pathType}:{.spec.ingressClassName}':
        'Prefix:nginx',
      'get service inner -o jsonpath={.spec.ports[*].targetPort}': '8080 443',
      'get service headless -o jsonpath={.spec.clusterIP}': 'None',
      'get service outer -o jsonpath={.spec.ports[0].nodePort}': '31900',
      'get service named -o jsonpath={.spec.type}:{.spec.externalName}': 'ExternalName:example.com',
      'get pdb budget -o jsonpath={.spec.minAvailable}': '50%',
      'get priorityclass NAMESPACE-high -o jsonpath={.value}:{.preemptionPolicy}': '1000:Never',
      'get configmap kept -o jsonpath={.metadata.annotations}': /last-applied-configuration.*\\"a\\":\\"b\\"/,
    }),
    says('create job from-tick --from=cronjob/tick', 'job.batch/from-tick created', { since: 21 }),
    says('create token robot --duration=1h --audience=x', /^[\w-]+\.[\w-]+\.[\w-]+$/, { since: 24 }),
    yaml('create deployment draft --image=nginx', /kind: Deployment[\s\S]*image: nginx/),
    yaml('create service clusterip draft --tcp=80', /kind: Service[\s\S]*port: 80/),
    says('create configmap raw --dry-run=client -o name', 'configmap/raw'),
    fails(
      'create configmap settings',
      'Error from server (AlreadyExists): configmaps "settings" already exists',
      {
        until: 20,
      },
    ),
    fails(
      'create configmap settings',
      'error: failed to create configmap: configmaps "settings" already exists',
      { since: 27 },
    ),
    fails(
      'create -f pods.yaml',
      /^(Error from server \(AlreadyExists\): (error when creating "pods.yaml": )?configmaps "listed-\d" already exists\n?){2}$/,
    ),
    fails(
      'create -f wrong.yaml --validate=false',
      'The Service "wrong" is invalid: \n* spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive\n* spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
    ),
    fails('create -f missing.yaml', /the path "missing.yaml" does not exist/),
    fails('create deployment', /required flag\(s\) "image" not set/),
    fails(
      'create quota more --hard=configmaps=1 -n NAMESPACE-missing',
      /namespaces "NAMESPACE-missing" not found/,
    ),
    fails(
      'create service nodeport taken --tcp=80 --node-port=31900',
      /spec.ports\[0\].nodePort: Invalid value: 31900: provided port is already allocated/,
    ),
    says(
      'delete clusterrole,clusterrolebinding,priorityclass NAMESPACE-reads NAMESPACE-paths NAMESPACE-sum NAMESPACE-high --ignore-not-found',
      /clusterrole.rbac.authorization.k8s.io "NAMESPACE-reads" deleted/,
    ),
    says('delete namespace NAMESPACE-2', /^namespace "NAMESPACE-2" deleted$/),
  ],
};
