import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseTemplate } from '../../src/policy/template.ts';

describe('a template', () => {
  it.each([
    ['', []],
    ['plain', [{ kind: 'literal', text: 'plain' }]],
    ['$', [{ kind: 'literal', text: '$' }]],
    ['$$', [{ kind: 'literal', text: '$' }]],
    ['$${a}', [{ kind: 'literal', text: '${a}' }]],
    ['$a$', [{ kind: 'literal', text: '$a$' }]],
    ['$$$$', [{ kind: 'literal', text: '$$' }]],
    ['${source.ip}', [{ kind: 'attribute', key: { kind: 'source.ip', text: 'source.ip' } }]],
    [
      'a${request.headers[X-A]}b${decision.policy}',
      [
        { kind: 'literal', text: 'a' },
        { kind: 'attribute', key: { kind: 'request.headers', name: 'x-a', text: 'request.headers[X-A]' } },
        { kind: 'literal', text: 'b' },
        { kind: 'decision', field: 'policy' },
      ],
    ],
    [
      '$$${decision.id}',
      [
        { kind: 'literal', text: '$' },
        { kind: 'decision', field: 'id' },
      ],
    ],
  ])('%j', (text, parts) => {
    expect(parseTemplate(text)).toEqual({ parts, problems: [] });
  });

  it.each([
    ['ab${', 2, 'has no closing `}`'],
    ['ab${source.ip', 2, 'has no closing `}`'],
    ['ab${}', 4, 'unknown key ``'],
    ['ab${sorce.ip}', 4, 'unknown key `sorce.ip`'],
    ['ab${decision.ids}', 4, 'unknown name `decision.ids`'],
    ['ab${request.auth.claims}', 4, 'malformed key'],
  ])('%j is malformed at its character', (text, index, words) => {
    const [problem, ...others] = parseTemplate(text).problems;
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: 'bad-template', index, message: expect.stringContaining(words) });
  });

  it('tells every problem of a text', () => {
    expect(parseTemplate('${a} ${b} ${source.ip}').problems.map(({ index }) => index)).toEqual([2, 7]);
  });

  it('of doubled dollars is the text itself', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { parts, problems } = parseTemplate(text.replaceAll('$', '$$$$'));
        expect(problems).toEqual([]);
        expect(parts.map((part) => (part.kind === 'literal' ? part.text : '?')).join('')).toBe(text);
      }),
    );
  });
});
