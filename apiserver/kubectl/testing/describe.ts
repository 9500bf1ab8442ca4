import { says, type Table } from './table.ts';

/** `kubectl describe` of every kind that a namespace or a cluster has. */
export const describeTable: Table = {
  name: 'describe',
  files: {
    'all.yaml': `
{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {key: value}}
---
{apiVersion: v1, kind: Secret, metadata: {name: one}, stringData: {key: value}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: one}}
---
{apiVersion: v1, kind: Pod, metadata: {name: one, labels: {app: one}}, spec: {containers: [{name: main, image: nginx, env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: key}}}], resources: {limits: {cpu: 100m}}, livenessProbe: {httpGet: {port: 80}}}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: one}, spec: {selector: {app: one}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: one}, spec: {replicas: 0, selector: {app: rc}, template: {metadata: {labels: {app: rc}}, spec: {containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: one}, spec: {storageClassName: none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: one}, spec: {limits: [{type: Container, max: {cpu: '2'}}]}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: one}, spec: {hard: {pods: '10'}}}
---
{apiVersion: v1, kind: Endpoints, metadata: {name: other}, subsets: [{addresses: [{ip: 10.1.1.1}], ports: [{port: 80}]}]}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: one}, spec: {replicas: 0, selector: {matchLabels: {app: dep}}, template: {metadata: {labels: {app: dep}}, spec: {containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: one}, spec: {replicas: 0, selector: {matchLabels: {app: rep}}, template: {metadata: {labels: {app: rep}}, spec: {containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: one}, spec: {replicas: 0, serviceName: one, selector: {matchLabels: {app: set}}, template: {metadata: {labels: {app: set}}, spec: {containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: one}, spec: {selector: {matchLabels: {app: daemon}}, template: {metadata: {labels: {app: daemon}}, spec: {nodeSelector: {no: where}, containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: one}, spec: {parallelism: 0, template: {spec: {restartPolicy: Never, containers: [{name: main, image: nginx}]}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: one}, spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: one}, spec: {defaultBackend: {service: {name: one, port: {number: 80}}}}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: one}, rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: one}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}, subjects: [{kind: ServiceAccount, name: one}]}
---
{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: one}, spec: {holderIdentity: me}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: one}, addressType: IPv4, endpoints: [{addresses: [10.1.1.1]}], ports: [{port: 80}]}
`,
    'cronjob.yaml':
      "{apiVersion: batch/v1, kind: CronJob, metadata: {name: one}, spec: {suspend: true, schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: nginx}]}}}}}}",
    'budget.yaml':
      '{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: one}, spec: {minAvailable: 1, selector: {matchLabels: {app: one}}}}',
  },
  rows: [
    says('apply -f all.yaml', /endpointslice.discovery.k8s.io\/one created$/),
    says('apply -f cronjob.yaml --validate=false', 'cronjob.batch/one created', { since: 21 }),
    says('apply -f budget.yaml', 'poddisruptionbudget.policy/one created', { since: 21 }),
    says(
      'describe pod one',
      /^Name: +one\nNamespace: +NAMESPACE[\s\S]*Labels: +app=one[\s\S]*Status: +Pending[\s\S]*Limits:\n +cpu: +100m[\s\S]*Liveness: +http-get http:\/\/:80\/ [\s\S]*A: +<set to the key 'key' of config map 'one'>[\s\S]*QoS Class: +Burstable[\s\S]*Tolerations: +node.kubernetes.io\/not-ready:NoExecute op=Exists for 300s[\s\S]*Events:/,
    ),
    says('describe service one', /Selector: +app=one\nType: +ClusterIP[\s\S]*TargetPort: +8080\/TCP/),
    says('describe cm one', /Data\n====\nkey:\n----\nvalue\n/),
    says('describe secret one', /Type: +Opaque\n\nData\n====\nkey: +5 bytes/),
    says('describe sa one', /Name: +one[\s\S]*Tokens: +<none>/),
    says('describe rc one', /Replicas: +0 current \/ 0 desired/, { eventually: true }),
    says('describe pvc one', /Status: +Pending[\s\S]*Access Modes/),
    says('describe limitrange one', /Container +cpu +- +2 +2 +2 +-/),
    says('describe quota one', /pods +1 +10/, { eventually: true }),
    says('describe endpoints other', /Addresses: +10.1.1.1/),
    says(
      'describe deployment one',
      /Replicas: +0 desired \| 0 updated \| 0 total[\s\S]*StrategyType: +RollingUpdate[\s\S]*NewReplicaSet: +one-/,
      { eventually: true },
    ),
    says('describe rs one', /^Name: +one\n[\s\S]*Selector: +app=rep\n/),
    says('describe sts one', /Update Strategy: +RollingUpdate[\s\S]*Pod Template/),
    says('describe ds one', /Desired Number of Nodes Scheduled: 0/),
    says('describe job one', /Parallelism: +0\nCompletions: /),
    says('describe cronjob one', /Schedule: +\* \* \* \* \*[\s\S]*Suspend: +True/, { since: 21 }),
    says('describe pdb one', /Min available: +1[\s\S]*Selector: +app=one/, { since: 21 }),
    says('describe netpol one', /PodSelector: +<none>[\s\S]*To Port: 80\/TCP/),
    says('describe ingress one', /Default backend: +one:80/),
    says('describe role one', /pods +\[\] +\[\] +\[get\]/),
    says('describe rolebinding one', /ServiceAccount +one/),
    says('describe lease one', /Holder Identity: +me/),
    says('describe endpointslice one', /AddressType: +IPv4[\s\S]*Addresses: +10.1.1.1/),
    says('describe namespace NAMESPACE', /Status: +Active[\s\S]*Resource Quotas[\s\S]*Resource Limits/),
    says('describe node node-a', /Name: +node-a[\s\S]*Taints: [\s\S]*Capacity:\n +cpu: +4/),
    says('describe clusterrole view', /configmaps +\[\] +\[\] +\[get list watch\]/, { eventually: true }),
    says('describe clusterrolebinding cluster-admin', /Group +system:masters/),
    says('describe priorityclass system-node-critical', /Value: +2000001000/),
    says('describe -f all.yaml --show-events=false', /Holder Identity/),
    says('describe cm,secret one', /Data\n====\nkey:\n----\nvalue\n[\s\S]*Type: +Opaque/),
    says('describe pods nothing', undefined, {
      code: 1,
      err: 'Error from server (NotFound): pods "nothing" not found',
    }),
    says('events', /LAST SEEN +TYPE +REASON|No events found/, { since: 26, eventually: true }),
    says('events --for pod/one --types=Normal', '', {
      since: 26,
      err: 'No events found in NAMESPACE namespace.',
    }),
  ],
};
