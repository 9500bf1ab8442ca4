import { fails, says, type Table } from './table.ts';

/** What is about nodes, rights and certificates. */
export const clusterTable: Table = {
  name: 'nodes, auth, certificate',
  files: {
    'rbac.yaml': `
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: reconciled, namespace: NAMESPACE}, rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: reconciled, namespace: NAMESPACE}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reconciled}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ann}]}
`,
    'csr.yaml': `
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: NAMESPACE}
spec: {request: REQUEST, signerName: example.com/signer, usages: [client auth]}
`,
    'pod.yaml':
      '{apiVersion: v1, kind: Pod, metadata: {name: bound, labels: {app: bound}}, spec: {nodeName: node-a, terminationGracePeriodSeconds: 0, containers: [{name: main, image: nginx}]}}',
  },
  rows: [
    says('get nodes node-a', /^NAME +STATUS +ROLES +AGE +VERSION\nnode-a +\w+/),
    says('taint nodes node-a dedicated=x:NoSchedule', 'node/node-a tainted'),
    fails(
      'taint nodes node-a dedicated=y:NoSchedule',
      /already has dedicated taint\(s\) with same effect\(s\) and --overwrite is false/,
    ),
    says('taint nodes node-a dedicated=y:NoSchedule --overwrite', 'node/node-a modified'),
    says('taint nodes node-a dedicated:NoSchedule-', 'node/node-a untainted'),
    fails('taint nodes node-a dedicated-', /taint "dedicated" not found/),
    fails('taint nodes node-a a=b:Wrong', /invalid taint effect: Wrong/),
    says('cordon node-a', 'node/node-a cordoned'),
    says('cordon node-a', 'node/node-a already cordoned'),
    says('uncordon node-a', 'node/node-a uncordoned'),
    says('uncordon node-a', 'node/node-a already uncordoned'),
    fails('drain missing', /nodes "missing" not found/),
    says('create -f pod.yaml', 'pod/bound created'),
    fails(
      'drain node-a --pod-selector=app=bound --timeout=5s',
      /cannot delete Pods (not managed by ReplicationController|declare no controller|that declare no controller)/,
      { out: /node\/node-a cordoned/ },
    ),
    says(
      'drain node-a --pod-selector=app=bound --force --ignore-daemonsets --dry-run=client',
      /node\/node-a (already cordoned|cordoned) \(dry run\)[\s\S]*evicting pod NAMESPACE\/bound \(dry run\)[\s\S]*node\/node-a drained \(dry run\)/,
      { err: /^/ },
    ),
    says('uncordon node-a', 'node/node-a uncordoned'),
    says(
      'drain node-a --pod-selector=app=bound --force --grace-period=0 --timeout=20s',
      /evicting pod NAMESPACE\/bound[\s\S]*node\/node-a (drained|evicted)/,
      { err: /^/ },
    ),
    says('uncordon node-a', 'node/node-a uncordoned'),
    fails('top nodes', /Metrics API not available/),
    says('auth can-i get pods', 'yes'),
    says("auth can-i '*' '*'", 'yes'),
    says('auth can-i get pods --as=nobody', 'no', { code: 1 }),
    says('auth can-i create deployments --as=nobody --quiet', '', { code: 1 }),
    says('auth can-i get /logs', 'yes'),
    says('auth can-i --list', /\*\.\* +\[\] +\[\] +\[\*\]/),
    says(
      'auth can-i --list --as=nobody',
      /selfsubjectaccessreviews.authorization.k8s.io +\[\] +\[\] +\[create\]/,
    ),
    says('auth can-i get nodes', 'yes', { err: /resource 'nodes' is not namespace scoped/ }),
    says('auth whoami', /Username +kubernetes-admin\nGroups +\[system:masters system:authenticated\]/, {
      since: 28,
    }),
    says('auth whoami -o jsonpath={.status.userInfo.username}', 'kubernetes-admin', { since: 28 }),
    says(
      'auth reconcile -f rbac.yaml --dry-run=client',
      /role.rbac.authorization.k8s.io\/reconciled reconciled \(dry run\)/,
      { err: /^/ },
    ),
    says(
      'auth reconcile -f rbac.yaml',
      /^role.rbac.authorization.k8s.io\/reconciled reconciled[\s\S]*rolebinding.rbac.authorization.k8s.io\/reconciled reconciled/,
      { err: /^/ },
    ),
    says('auth can-i get pods --as=ann', 'yes'),
    fails(
      'get pods --as=ann -n kube-system',
      'Error from server (Forbidden): pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "kube-system"',
    ),
    fails(
      'create configmap x --as=ann',
      /User "ann" cannot create resource "configmaps" in API group "" in the namespace "NAMESPACE"/,
    ),
    says('create -f csr.yaml', 'certificatesigningrequest.certificates.k8s.io/NAMESPACE created'),
    says('get csr NAMESPACE', /example.com\/signer +kubernetes-admin .*Pending/),
    says('describe csr NAMESPACE', /Requesting User: +kubernetes-admin[\s\S]*Status: +Pending/),
    says('certificate approve NAMESPACE', 'certificatesigningrequest.certificates.k8s.io/NAMESPACE approved'),
    says('get csr NAMESPACE', /Approved/),
    fails(
      'certificate deny NAMESPACE',
      /already Approved|Approved and Denied conditions are mutually exclusive|is invalid/,
    ),
    says('delete csr NAMESPACE', /certificatesigningrequest.certificates.k8s.io "NAMESPACE" deleted/),
    says('create -f csr.yaml', 'certificatesigningrequest.certificates.k8s.io/NAMESPACE created'),
    says('certificate deny NAMESPACE', 'certificatesigningrequest.certificates.k8s.io/NAMESPACE denied'),
    says('delete csr NAMESPACE', /deleted/),
    fails(
      'certificate approve missing',
      /certificatesigningrequests.certificates.k8s.io "missing" not found/,
    ),
    says('get componentstatuses', /NAME +STATUS +MESSAGE +ERROR/, {
      err: /v1 ComponentStatus is deprecated in v1.19\+/,
    }),
    says('proxy --port=0', /Starting to serve on 127.0.0.1:\d+/, { stops: true }),
  ],
};
