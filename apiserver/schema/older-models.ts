import type { Model } from './schema.ts';

const version: Model = {
  fields: {
    additionalPrinterColumns: '[]V1beta1CustomResourceColumnDefinition',
    deprecated: 'boolean',
    deprecationWarning: 'string',
    name: 'string',
    schema: 'CustomResourceValidation',
    served: 'boolean',
    storage: 'boolean',
    subresources: 'CustomResourceSubresources',
  },
  required: ['name', 'served', 'storage'],
};

/**
 * Models of group versions that ended before the release whose document `api/schema.json` is made from, where their
 * fields were others. Upstream: 1.20 `apiextensions/v1beta1/types.go`, `networking/v1beta1/types.go`.
 */
export const olderModels: Readonly<Record<string, Model>> = {
  V1beta1CustomResourceDefinition: {
    fields: {
      apiVersion: 'string',
      kind: 'string',
      metadata: 'ObjectMeta',
      spec: 'V1beta1CustomResourceDefinitionSpec',
      status: 'CustomResourceDefinitionStatus',
    },
    required: ['spec'],
  },
  V1beta1CustomResourceDefinitionSpec: {
    fields: {
      additionalPrinterColumns: '[]V1beta1CustomResourceColumnDefinition',
      conversion: 'V1beta1CustomResourceConversion',
      group: 'string',
      names: 'CustomResourceDefinitionNames',
      preserveUnknownFields: 'boolean',
      scope: 'string',
      subresources: 'CustomResourceSubresources',
      validation: 'CustomResourceValidation',
      version: 'string',
      versions: '[]V1beta1CustomResourceDefinitionVersion',
    },
    required: ['group', 'names', 'scope'],
  },
  V1beta1CustomResourceDefinitionVersion: version,
  V1beta1CustomResourceColumnDefinition: {
    fields: {
      JSONPath: 'string',
      description: 'string',
      format: 'string',
      name: 'string',
      priority: 'int32',
      type: 'string',
    },
    required: ['JSONPath', 'name', 'type'],
  },
  V1beta1CertificateSigningRequest: {
    fields: {
      apiVersion: 'string',
      kind: 'string',
      metadata: 'ObjectMeta',
      spec: 'V1beta1CertificateSigningRequestSpec',
      status: 'CertificateSigningRequestStatus',
    },
  },
  V1beta1CertificateSigningRequestSpec: {
    fields: {
      expirationSeconds: 'int32',
      extra: '{}[]string',
      groups: '[]string',
      request: 'byte',
      signerName: 'string',
      uid: 'string',
      usages: '[]string',
      username: 'string',
    },
    required: ['request'],
  },
  V1beta1Ingress: {
    fields: {
      apiVersion: 'string',
      kind: 'string',
      metadata: 'ObjectMeta',
      spec: 'V1beta1IngressSpec',
      status: 'IngressStatus',
    },
  },
  V1beta1IngressSpec: {
    fields: {
      backend: 'V1beta1IngressBackend',
      ingressClassName: 'string',
      rules: '[]V1beta1IngressRule',
      tls: '[]IngressTLS',
    },
  },
  V1beta1IngressRule: { fields: { host: 'string', http: 'V1beta1HTTPIngressRuleValue' } },
  V1beta1HTTPIngressRuleValue: { fields: { paths: '[]V1beta1HTTPIngressPath' }, required: ['paths'] },
  V1beta1HTTPIngressPath: {
    fields: { backend: 'V1beta1IngressBackend', path: 'string', pathType: 'string' },
    required: ['backend'],
  },
  V1beta1IngressBackend: {
    fields: { resource: 'TypedLocalObjectReference', serviceName: 'string', servicePort: 'IntOrString' },
  },
  V1beta1CustomResourceConversion: {
    fields: {
      conversionReviewVersions: '[]string',
      strategy: 'string',
      webhookClientConfig: 'ApiextensionsWebhookClientConfig',
    },
    required: ['strategy'],
  },
};
