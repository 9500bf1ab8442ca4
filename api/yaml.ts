/** The YAML parser, as a module of its own so that it is loaded only when a text is not JSON. */
export { LineCounter, parse, parseAllDocuments, stringify, YAMLParseError } from 'yaml';
