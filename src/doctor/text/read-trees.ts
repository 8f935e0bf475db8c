/** Text → trees with places, JSON or YAML, or what keeps it from being read. */
import type { Diagnostic } from '../../lib/diagnostic.ts';
import type { Node } from '../../policy/parse/node.ts';
import { parseFile, readAnyYaml } from '../../policy/parse/parse-file.ts';
import { SourceText } from '../../policy/parse/source-text.ts';
import { Report } from '../../policy/report.ts';
import { JsonProblem, readJson } from './json.ts';

export interface Trees {
  /** One for each document that is not empty. */
  readonly nodes: readonly Node[];
  readonly problems: readonly Diagnostic[];
}

/** YAML in braces that is no JSON is written by hand, and short. The reader of YAML is slow on what is not. */
const MAX_BRACED_YAML = 1024 * 1024;

export function readTrees(path: string, text: string): Trees {
  const source = new SourceText(path, text.replace(/^\ufeff/, ''));
  const json = tryJson(source);
  if (json !== null) return json;
  const report = new Report();
  const nodes = parseFile(source.path, source.text, report);
  return { nodes, problems: report.sorted() };
}

/** As {@link readTrees}, of a text that stands in another. */
export function readInnerTrees(source: SourceText): Trees {
  const json = tryJson(source);
  if (json !== null) return json;
  const report = new Report();
  const nodes = readAnyYaml(source, report);
  return { nodes, problems: report.sorted() };
}

/** null: to be read as YAML. */
function tryJson(source: SourceText): Trees | null {
  if (!/^\s*[{[]/.test(source.text)) return null;
  try {
    return { nodes: [readJson(source)], problems: [] };
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    if (!source.path.endsWith('.json') && source.text.length <= MAX_BRACED_YAML) return null;
    const hint = 'save it again, whole';
    const position = source.position(error.offset);
    const problem: Diagnostic = { severity: 'error', code: 'json-syntax', message: error.message, hint, position };
    return { nodes: [], problems: [problem] };
  }
}
