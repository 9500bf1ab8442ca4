import { type Environment, Optional } from '@marcbachmann/cel-js';
import {
  dns1035Label,
  dnsLabel,
  dnsSubdomain,
  labelValue,
  qualifiedName,
} from '../../../registry/kinds/validation/names.ts';
import { hasFormat } from '../../schema/formats.ts';

/** What `format.…` is called on. */
class Formats {}

/** What a text may be held to; says what is wrong with it. */
class Format {
  readonly check: (text: string) => readonly string[];
  constructor(check: (text: string) => readonly string[]) {
    this.check = check;
  }
}

const named = (text: string, format: string) =>
  hasFormat(text, format) ? [] : [`invalid ${format}: ${JSON.stringify(text)}`];

/** A prefix may end with a dash, behind which a name is generated. */
const prefix = (check: (text: string) => string[]) => (text: string) => check(text.replace(/-$/, 'a'));

const formats: Readonly<Record<string, (text: string) => readonly string[]>> = {
  dns1123Label: dnsLabel,
  dns1123Subdomain: dnsSubdomain,
  dns1035Label,
  qualifiedName,
  labelValue,
  dns1123LabelPrefix: prefix(dnsLabel),
  dns1123SubdomainPrefix: prefix(dnsSubdomain),
  dns1035LabelPrefix: prefix(dns1035Label),
  uri: (text) => named(text, 'uri'),
  uuid: (text) => named(text, 'uuid'),
  byte: (text) => named(text, 'byte'),
  date: (text) => named(text, 'date'),
  datetime: (text) => named(text, 'date-time'),
};

/** `format.dns1123Label().validate("…")`. Upstream: `library/format.go` (KEP-4359). */
export function registerFormats(environment: Environment): void {
  const [type, all] = ['kubernetes.NamedFormat', 'kubernetes.Formats'];
  environment.registerType(type, { ctor: Format, fields: {} });
  environment.registerType(all, { ctor: Formats, fields: {} });
  environment.registerConstant('format', all, new Formats());
  for (const [name, check] of Object.entries(formats)) {
    const made = new Format(check);
    environment.registerFunction(`${all}.${name}(): ${type}`, () => made);
  }
  environment.registerFunction(`${all}.named(string): optional`, (_: Formats, name: string) => {
    const check = Object.hasOwn(formats, name) ? formats[name] : undefined;
    return check ? Optional.of(new Format(check)) : Optional.none();
  });
  environment.registerFunction(`${type}.validate(string): optional`, ({ check }: Format, text: string) => {
    const problems = check(text);
    return problems.length > 0 ? Optional.of([...problems]) : Optional.none();
  });
}
