/** Parameters of a query, each checked; what is not known is a mistake of the one who asks. */
import { HttpError } from './route.ts';

export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 1000;
const MAX_NAME_CHARACTERS = 253;
const MAX_REFERENCE_CHARACTERS = 512;

/** @throws {@link HttpError} 400 for names that are not in `known`, or are there twice and not in `lists` */
export function checkNames(query: URLSearchParams, known: readonly string[], lists: readonly string[] = []): void {
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (!known.includes(name)) throw bad(`there is no parameter \`${name.slice(0, 64)}\``);
    if (seen.has(name) && !lists.includes(name)) throw bad(`\`${name}\` is there twice`);
    seen.add(name);
  }
}

export function limitOf(query: URLSearchParams): number {
  const text = query.get('limit');
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw bad(`\`limit\` is a number from 1 to ${MAX_LIMIT}`);
  return limit;
}

/** Where to go on: the number of the first one that is wanted. */
export function afterOf(query: URLSearchParams): number {
  const text = query.get('after');
  if (text === null) return 0;
  if (!/^[0-9]{1,10}$/.test(text)) throw bad('`after` is the `next` of another answer');
  return Number(text);
}

/** null: not given. */
export function booleanOf(query: URLSearchParams, name: string): boolean | null {
  const text = query.get(name);
  if (text === null) return null;
  if (text !== 'true' && text !== 'false') throw bad(`\`${name}\` is \`true\` or \`false\``);
  return text === 'true';
}

/** Of Kubernetes; null: not given. */
export function nameOf(query: URLSearchParams, name: string): string | null {
  const text = query.get(name);
  if (text !== null && (text === '' || text.length > MAX_NAME_CHARACTERS))
    throw bad(`\`${name}\` has 1 to ${MAX_NAME_CHARACTERS} characters`);
  return text;
}

/** null: not given. */
export function textOf(query: URLSearchParams, name: string, maxCharacters = MAX_REFERENCE_CHARACTERS): string | null {
  const text = query.get(name);
  if (text !== null && text.length > maxCharacters) throw bad(`\`${name}\` has at most ${maxCharacters} characters`);
  return text;
}

/** null: not given. */
export function choiceOf<Choice extends string>(
  query: URLSearchParams,
  name: string,
  choices: readonly Choice[],
): Choice | null {
  const text = query.get(name);
  if (text === null) return null;
  const choice = choices.find((each) => each === text);
  if (choice === undefined) throw bad(`\`${name}\` is ${choices.map((each) => `\`${each}\``).join(' or ')}`);
  return choice;
}

export function bad(message: string): HttpError {
  return new HttpError(400, 'bad-parameter', message);
}
