import type { KubeObject } from '../../../../api/object.ts';
import { resources } from '../../../../api/scheme.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../../../table/columns/common.ts';
import type { Column, FieldError, Strategy } from '../../strategy.ts';
import { duplicate, invalid, invalidEach, notSupported, required } from '../validation/field.ts';
import { dns1035Label, dnsSubdomain } from '../validation/names.ts';
import { validateSelector } from '../validation/selectors.ts';
import { conditionErrors, loadExpressions } from './expressions.ts';
import { validateRules } from './rules.ts';

type Hook = MutatingWebhook | ValidatingWebhook;

/** Versions of AdmissionReview. */
const reviewVersions = ['v1', 'v1beta1'];

/** Upstream: `pkg/apis/admissionregistration/v1/defaults.go`, `validation/validation.go`. */
export const mutatingWebhookStrategy: Strategy<MutatingWebhookConfiguration> = {
  resource: resources.mutatingwebhookconfigurations,
  ready: whenConditional,
  defaults({ webhooks = [] }) {
    for (const hook of webhooks) {
      setDefaults(hook);
      hook.reinvocationPolicy ||= 'Never';
    }
  },
  validate({ webhooks = [] }) {
    const policies = ['IfNeeded', 'Never'];
    const again = webhooks.flatMap(({ reinvocationPolicy: policy }, index) =>
      policy && !policies.includes(policy)
        ? [notSupported(`webhooks[${index}].reinvocationPolicy`, policy, policies)]
        : [],
    );
    return [...validateHooks(webhooks), ...again];
  },
  columns: columns<MutatingWebhookConfiguration>(),
};

export const validatingWebhookStrategy: Strategy<ValidatingWebhookConfiguration> = {
  resource: resources.validatingwebhookconfigurations,
  ready: whenConditional,
  defaults: ({ webhooks = [] }) => webhooks.forEach(setDefaults),
  validate: ({ webhooks = [] }) => validateHooks(webhooks),
  columns: columns<ValidatingWebhookConfiguration>(),
};

function columns<T extends KubeObject & { webhooks?: unknown[] }>(): Column<T>[] {
  return [
    nameColumn,
    column('Webhooks', 'How many it names.', ({ webhooks }) => webhooks?.length ?? 0, 'integer'),
    ageColumn,
  ];
}

/** The language of conditions is loaded with the first of them. */
function whenConditional({ webhooks = [] }: { webhooks?: Hook[] }): Promise<void> | undefined {
  return webhooks.some(({ matchConditions }) => matchConditions?.length) ? loadExpressions() : undefined;
}

function setDefaults(hook: Hook): void {
  hook.failurePolicy ||= 'Fail';
  hook.matchPolicy ||= 'Equivalent';
  hook.namespaceSelector ??= {};
  hook.objectSelector ??= {};
  hook.timeoutSeconds ??= 10;
  if (hook.clientConfig?.service) hook.clientConfig.service.port ??= 443;
  for (const rule of hook.rules ?? []) rule.scope ||= '*';
}

function validateHooks(hooks: readonly Hook[]): FieldError[] {
  const names = new Set<string>();
  return hooks.flatMap((hook, index) => {
    const field = `webhooks[${index}]`;
    const errors = validateHook(field, hook);
    if (names.has(hook.name)) errors.push(duplicate(`${field}.name`, hook.name));
    names.add(hook.name);
    return errors;
  });
}

function validateHook(field: string, hook: Hook): FieldError[] {
  const choice = (name: string, value: string | undefined, supported: readonly string[]) =>
    value !== undefined && !supported.includes(value)
      ? [notSupported(`${field}.${name}`, value, supported)]
      : [];
  const sideEffects = ['None', 'NoneOnDryRun'];
  const seconds = hook.timeoutSeconds ?? 10;
  return [
    ...validateName(`${field}.name`, hook.name),
    ...validateRules(`${field}.rules`, hook.rules ?? []),
    ...choice('failurePolicy', hook.failurePolicy, ['Fail', 'Ignore']),
    ...choice('matchPolicy', hook.matchPolicy, ['Equivalent', 'Exact']),
    ...(hook.sideEffects === undefined
      ? [required(`${field}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`)]
      : choice('sideEffects', hook.sideEffects, sideEffects)),
    ...(seconds > 30 || seconds < 1
      ? [invalid(`${field}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds')]
      : []),
    ...validateSelector(`${field}.namespaceSelector`, hook.namespaceSelector),
    ...validateSelector(`${field}.objectSelector`, hook.objectSelector),
    ...validateClient(`${field}.clientConfig`, hook),
    ...conditionErrors(`${field}.matchConditions`, hook.matchConditions),
    ...validateVersions(`${field}.admissionReviewVersions`, hook.admissionReviewVersions ?? []),
  ];
}

/** Upstream: `IsFullyQualifiedName`. */
function validateName(field: string, name: string): FieldError[] {
  if (!name) return [required(field)];
  const problems = dnsSubdomain(name);
  if (problems.length > 0) return invalidEach(field, name, problems);
  return name.split('.').length < 3
    ? [invalid(field, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

function validateClient(field: string, { clientConfig }: Hook): FieldError[] {
  const { url, service } = clientConfig ?? {};
  if ((url === undefined) === (service === undefined)) {
    return [required(field, 'exactly one of url or service is required')];
  }
  if (url !== undefined) {
    const at = `${field}.url`;
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed?.protocol !== 'https:') {
      return [
        invalid(at, url, "'https' is the only allowed URL scheme; desired format: https://host[/path]"),
      ];
    }
    if (parsed.username || parsed.password) {
      return [invalid(at, parsed.username, 'user information is not permitted in the URL')];
    }
    if (parsed.search)
      return [invalid(at, parsed.search.slice(1), 'query parameters are not permitted in the URL')];
    return parsed.hash ? [invalid(at, parsed.hash.slice(1), 'fragments are not permitted in the URL')] : [];
  }
  const { name, namespace, port = 443, path } = service ?? {};
  return [
    ...(name ? [] : [required(`${field}.service.name`, 'service name is required')]),
    ...(namespace ? [] : [required(`${field}.service.namespace`, 'service namespace is required')]),
    ...(port < 1 || port > 65535
      ? [invalid(`${field}.service.port`, port, 'port is not valid: must be between 1 and 65535, inclusive')]
      : []),
    ...(path && !path.startsWith('/')
      ? [invalid(`${field}.service.path`, path, "must start with a '/'")]
      : []),
  ];
}

function validateVersions(field: string, versions: readonly string[]): FieldError[] {
  const list = reviewVersions.join(', ');
  if (versions.length === 0) return [required(field, `must specify one of ${list}`)];
  const errors = versions.flatMap((version, index) =>
    versions.indexOf(version) < index
      ? [invalid(`${field}[${index}]`, version, 'duplicate version')]
      : invalidEach(`${field}[${index}]`, version, dns1035Label(version)),
  );
  if (!versions.some((version) => reviewVersions.includes(version))) {
    errors.push(invalid(field, versions, `must include at least one of ${list}`));
  }
  return errors;
}
