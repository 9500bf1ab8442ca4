import type { Environment } from '@marcbachmann/cel-js';
import { registerAddresses } from './functions/addresses.ts';
import { registerFormats } from './functions/formats.ts';
import { registerLists } from './functions/lists.ts';
import { registerQuantities } from './functions/quantities.ts';
import { registerTexts } from './functions/texts.ts';
import { registerUrls } from './functions/urls.ts';

/** What Kubernetes adds to the language, for rules and policies alike. Upstream: `apiserver/pkg/cel/library`. */
export function registerLibraries(environment: Environment): void {
  registerLists(environment);
  registerTexts(environment);
  registerQuantities(environment);
  registerUrls(environment);
  registerAddresses(environment);
  registerFormats(environment);
}
