/** Why a command prints something else against an API of 1.33 than against one of 1.20, by what is printed or asked. */
const reasons: readonly (readonly [command: RegExp, reason: string])[] = [
  [/^(api-|version|cluster-info dump)/, '1.33 has other versions, kinds and fields than 1.20'],
  [
    /^(create (cronjob|poddisruptionbudget)|apply --prune|describe (service|endpoints|ingress))/,
    '1.33 warns of versions and kinds that are deprecated',
  ],
  [/^apply -f unknown/, 'an API checks fields itself and warns of unknown ones since 1.25'],
  [/^(apply|describe) -f all\.yaml|^describe endpointslice/, 'discovery.k8s.io/v1 is there since 1.21'],
  [/^describe pod /, 'tokens of service accounts are projected volumes since 1.21'],
  [/^describe sa /, 'no Secret is made for a service account since 1.24'],
  [/^describe job /, 'pods of Jobs have labels below batch.kubernetes.io since 1.27'],
  [/^describe namespace /, 'namespaces have their name as a label since 1.21'],
  [/^describe (node|lease)/, 'another moment, and no controller writes node.alpha.kubernetes.io/ttl here'],
  [/^describe clusterrole view/, 'the role may read EndpointSlices since 1.21'],
  [
    /^explain /,
    'texts are those of a later release, and the package they come from has none of fields that are structs',
  ],
  [/^get --raw '\/readyz/, "post-start hooks are kube-apiserver's own"],
  [/^get hpa /, 'autoscaling/v2 is preferred since 1.23'],
  [/^get csr /, 'requests may ask for a duration since 1.22'],
  [/^get componentstatuses/, 'controllers and scheduler are asked over HTTPS since 1.23'],
  [/^auth can-i --list/, 'everybody may review themselves since 1.26'],
  [/^rollout history/, 'the hash of a template is of its fields, of which 1.33 has others'],
  [/^label .* --list$/, 'kubectl lists labels in the order of a Go map, which is none'],
  [/^diff /, 'dry runs tell when managed fields would have been written, which here was another second'],
];

/** Undefined where a difference has no known reason. */
export function reasonOf(command: string): string | undefined {
  return reasons.find(([pattern]) => pattern.test(command))?.[1];
}
