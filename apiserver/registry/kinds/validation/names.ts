import { isIP, isIPv4 } from 'node:net';
import type { Family } from '../../../../api/address.ts';

/**
 * Checks of names and numbers. Each returns what is wrong, nothing when all is well, in the words of
 * upstream's apimachinery `util/validation/validation.go`.
 */
export type Check = (value: string) => string[];

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

export const dnsLabel: Check = shaped(
  63,
  label,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  ['my-name', '123-abc'],
);

export const dnsSubdomain: Check = shaped(
  253,
  subdomain,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  ['example.com'],
);

/** A name whose first part stands for any, of a certificate or an Ingress. */
export const wildcardSubdomain: Check = shaped(
  253,
  `\\*\\.${subdomain}`,
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  ['*.example.com'],
);

export const dns1035Label: Check = shaped(
  63,
  label1035,
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  ['my-name', 'abc-123'],
);

export const labelValue: Check = shaped(
  63,
  `(${qualified})?`,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  ['MyValue', 'my_value', '12345'],
);

const envName = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const envNameShape = shaped(
  Number.POSITIVE_INFINITY,
  envName,
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
  ['my.env-name', 'MY_ENV.NAME', 'MyEnvName1'],
);

/** Since 1.32 (`RelaxedEnvironmentVariableValidation`) any printable ASCII character but `=` may stand in one. */
export const environmentName: Check = (value) => {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[ -<>-~]+$/.test(value) ? [] : envNameShape(value);
};

const configKeyShape = shaped(
  253,
  '[-._a-zA-Z0-9]+',
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  ['key.name', 'KEY_NAME', 'key-name'],
);

/** A key of a ConfigMap or Secret, which becomes a file name. */
export const configKey: Check = (value) => {
  const dots =
    value === '.'
      ? ["must not be '.'"]
      : value === '..'
        ? ["must not be '..'"]
        : value.startsWith('..')
          ? ["must not start with '..'"]
          : [];
  return [...configKeyShape(value), ...dots];
};

const qualifiedText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/** What only has to fit into a path, as the names of roles. Upstream: apimachinery `api/validation/path/name.go`. */
export const pathSegment: Check = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((one) => value.includes(one)).map((one) => `may not contain '${one}'`);
};

/** `example.com/controller`. Upstream: `IsDomainPrefixedPath`. */
export const domainPrefixedPath: Check = (value) => {
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) {
    return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  }
  const path = value.slice(slash + 1);
  const shape = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
  return [
    ...dnsSubdomain(value.slice(0, slash)),
    ...(whole(shape).test(path) ? [] : [regexProblem('Invalid path', shape, [])]),
  ];
};

/** A label key: a name with an optional DNS prefix, `example.com/name`. */
export const qualifiedName: Check = (value) => {
  const parts = value.split('/');
  const [first = '', second] = parts;
  const problem = regexProblem(qualifiedText, qualified, ['MyName', 'my.name', '123-abc']);
  if (parts.length > 2) {
    return [
      `a qualified name ${problem} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const problems: string[] = [];
  if (second !== undefined) {
    if (first === '') problems.push('prefix part must be non-empty');
    else problems.push(...dnsSubdomain(first).map((text) => `prefix part ${text}`));
  }
  const name = second ?? first;
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push('name part must be no more than 63 bytes');
  if (!whole(qualified).test(name)) problems.push(`name part ${problem}`);
  return problems;
};

/** The name of a container's port. */
export const portName: Check = (value) => {
  const problems: string[] = [];
  if (value.length > 15) problems.push('must be no more than 15 bytes');
  if (!/^[-a-z0-9]+$/.test(value)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (/^-|-$/.test(value)) problems.push('must not begin or end with a hyphen');
  return problems;
};

export function portNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** IPv4 without leading zeros, or IPv6. */
export const ipAddress: Check = (value) =>
  isIP(value) ? [] : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];

export const cidr: Check = (value) => {
  const [address = '', bits = '', ...rest] = value.split('/');
  const most = isIPv4(address) ? 32 : 128;
  return isIP(address) && /^\d+$/.test(bits) && Number(bits) <= most && rest.length === 0
    ? []
    : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
};

/** The family of an address. */
export function familyOf(ip: string): Family {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

function shaped(most: number, pattern: string, text: string, examples: readonly string[]): Check {
  const expression = whole(pattern);
  const problem = regexProblem(text, pattern, examples);
  return (value) => {
    const problems: string[] = [];
    if (value.length > most) problems.push(`must be no more than ${most} bytes`);
    if (!expression.test(value)) problems.push(problem);
    return problems;
  };
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}

function regexProblem(text: string, pattern: string, examples: readonly string[]): string {
  const listed = examples.map((example) => `'${example}', `).join(' or ');
  return `${text} (e.g. ${listed}regex used for validation is '${pattern}')`;
}
