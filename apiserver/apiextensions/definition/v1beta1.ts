import type { KubeObject } from '../../../api/object.ts';
import type {
  ApiextensionsWebhookClientConfig,
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceValidation,
  JSONSchemaProps,
} from '../../../api/types.ts';

type OldColumn = Omit<CustomResourceColumnDefinition, 'jsonPath'> & { JSONPath: string };

type OldVersion = Omit<CustomResourceDefinitionVersion, 'additionalPrinterColumns'> & {
  additionalPrinterColumns?: OldColumn[];
};

interface OldSpec extends Omit<CustomResourceDefinitionSpec, 'versions' | 'conversion'> {
  version?: string;
  versions?: OldVersion[];
  validation?: CustomResourceValidation;
  subresources?: CustomResourceSubresources;
  additionalPrinterColumns?: OldColumn[];
  conversion?: {
    strategy: string;
    webhookClientConfig?: ApiextensionsWebhookClientConfig;
    conversionReviewVersions?: string[];
  };
}

/** A CustomResourceDefinition of `apiextensions.k8s.io/v1beta1`, which ended with 1.22. */
export interface OldDefinition extends Omit<CustomResourceDefinition, 'spec'> {
  spec: OldSpec;
}

/**
 * The same definition in version 1. What was said once for all versions is said in each; a schema that need not be
 * structural then, because unknown fields were kept, is made so and keeps them. Upstream:
 * `apis/apiextensions/v1beta1/{defaults,conversion}.go`.
 */
export function definitionOfOld({ spec, ...object }: OldDefinition): CustomResourceDefinition {
  const { version, versions, validation, subresources, additionalPrinterColumns, conversion, ...rest } = spec;
  const { preserveUnknownFields = true, scope = 'Namespaced', ...kept } = rest;
  const listed: OldVersion[] = versions?.length
    ? versions
    : [{ name: version ?? '', served: true, storage: true }];
  const shared = { subresources, additionalPrinterColumns };
  return {
    ...object,
    spec: {
      ...kept,
      scope: scope || 'Namespaced',
      versions: listed.map((one) => {
        const { additionalPrinterColumns: columns, schema, ...said } = { ...defined(shared), ...one };
        const given = (schema ?? validation)?.openAPIV3Schema;
        const open = preserveUnknownFields ? keepUnknown(given ?? {}) : given;
        return {
          ...said,
          ...(open ? { schema: { openAPIV3Schema: open } } : {}),
          ...(columns
            ? {
                additionalPrinterColumns: columns.map(({ JSONPath, ...column }) => ({
                  ...column,
                  jsonPath: JSONPath,
                })),
              }
            : {}),
        };
      }),
      ...(conversion ? { conversion: conversionOfOld(conversion) } : {}),
    },
  };
}

function conversionOfOld({
  strategy,
  webhookClientConfig: clientConfig,
  conversionReviewVersions = ['v1beta1'],
}: NonNullable<OldSpec['conversion']>) {
  return {
    strategy,
    ...(strategy === 'Webhook'
      ? { webhook: { conversionReviewVersions, ...(clientConfig ? { clientConfig } : {}) } }
      : {}),
  };
}

/** As clients of the old version read it: what is alike in all versions stands once. */
export function oldDefinition({ spec, ...object }: CustomResourceDefinition): KubeObject {
  const { conversion, versions, ...rest } = spec;
  const { webhook } = conversion ?? {};
  const old = versions.map(
    ({ additionalPrinterColumns: columns, ...version }): OldVersion => ({
      ...version,
      ...(columns
        ? {
            additionalPrinterColumns: columns.map(({ jsonPath, ...column }) => ({
              ...column,
              JSONPath: jsonPath,
            })),
          }
        : {}),
    }),
  );
  const served: OldDefinition = {
    ...object,
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    spec: {
      ...rest,
      preserveUnknownFields: rest.preserveUnknownFields ?? false,
      ...(old[0] ? { version: old[0].name } : {}),
      ...(old.length === 1 ? onceForAll(old[0]) : { versions: old }),
      ...(conversion
        ? {
            conversion: {
              strategy: conversion.strategy,
              ...(webhook?.clientConfig ? { webhookClientConfig: webhook.clientConfig } : {}),
              ...(webhook ? { conversionReviewVersions: webhook.conversionReviewVersions } : {}),
            },
          }
        : {}),
    },
  };
  return served;
}

function onceForAll(only: OldVersion | undefined): Partial<OldSpec> {
  if (!only) return {};
  const { schema, subresources, additionalPrinterColumns, ...version } = only;
  return {
    ...defined({ validation: schema, subresources, additionalPrinterColumns }),
    versions: [version],
  };
}

/** Types follow from what else is said, and the root keeps what it does not know. */
function keepUnknown(schema: JSONSchemaProps): JSONSchemaProps {
  return { ...typed(schema), type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
}

function typed(schema: JSONSchemaProps): JSONSchemaProps {
  const { properties, items, type = properties ? 'object' : items ? 'array' : undefined } = schema;
  const fields = Object.entries(properties ?? {}) as [string, JSONSchemaProps][];
  return {
    ...schema,
    ...(type ? { type } : { 'x-kubernetes-preserve-unknown-fields': true }),
    ...(properties
      ? { properties: Object.fromEntries(fields.map(([name, one]) => [name, typed(one)])) }
      : {}),
    ...(items ? { items: typed(items as JSONSchemaProps) } : {}),
  };
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
