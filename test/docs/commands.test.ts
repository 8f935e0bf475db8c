/** Commands that pages show are there, with the flags that are shown. */
import { describe, expect, it } from '@jest/globals';
import { commandsHelp } from '../../scripts/docs/tables/commands.ts';
import { blocksOf, DOCS, pageOf, README } from './pages.ts';

const help = new Map((await commandsHelp()).map((each) => [each.name, each.help]));

/** What is wrong with a line of a shell that calls the program; null for one that does not, or is right. */
function problemOf(line: string): string | null {
  const [, call] = /(?:^|[|(] ?|npm run (?:-s |--silent )?)portcullis (?:-- )?([a-z].*)$/.exec(line) ?? [];
  if (call === undefined) return null;
  const words = call.replace(/ [|>#].*$/, '').split(/\s+/);
  const name = [2, 1].map((count) => words.slice(0, count).join(' ')).find((each) => help.has(each));
  if (name === undefined) return `no command: ${call}`;
  const unknown = words
    .filter((word) => /^--?[a-z]/i.test(word))
    .map((word) => word.split('=')[0]!)
    .filter((flag) => !new RegExp(`(?:^|[ ,])${flag}(?=[ ,\n]|$)`, 'm').test(help.get(name)!));
  return unknown.length === 0 ? null : `${name} has no ${unknown.join(', ')}`;
}

it('tells a wrong command and a wrong flag from right ones', () => {
  expect(problemOf('npm run -s portcullis -- lint policies --format json | jq .')).toBeNull();
  expect(problemOf('curl -s localhost:9901/config_dump | portcullis doctor -')).toBeNull();
  expect(problemOf('portcullis lind policies')).toBe('no command: lind policies');
  expect(problemOf('portcullis lint policies --formats json')).toBe('lint has no --formats');
});

describe.each([README, pageOf('deploy/README.md'), pageOf('policies/README.md'), ...DOCS])('$name', ({ text }) => {
  it('shows commands that are there', () => {
    const lines = blocksOf(text)
      .filter(({ language }) => language === 'sh' || language === 'text')
      .flatMap((block) => block.text.replaceAll('\\\n', ' ').split('\n'));
    expect(lines.flatMap((line) => problemOf(line.trim()) ?? [])).toEqual([]);
  });
});
