/**
 * `npm run test:long`: what the property tests do, for as long as it takes to be sure. Prints its seed; ends with 1 and
 * the smallest case that it finds when something is wrong.
 */
import { parseArgs } from 'node:util';
import { freshSeed } from '../lib/random.ts';
import { generatedSets, shapes } from './index-equals-scan.ts';
import { messages } from './messages.ts';
import { normalForms } from './normal-forms.ts';

const STAGES = [generatedSets, shapes, messages, ...normalForms];

const { values } = parseArgs({
  options: {
    stage: { type: 'string', multiple: true },
    count: { type: 'string' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`Usage: npm run test:long -- [options]
  --stage NAME    only this stage (again for more)
  --count NUMBER  of cases of each stage
  --seed NUMBER   repeats a run; PORTCULLIS_PROPERTY_SEED does too
${STAGES.map(({ name, about, count }) => `  ${name.padEnd(10)} ${count} ${about}`).join('\n')}`);
  process.exit(0);
}
const unknown = values.stage?.find((name) => !STAGES.some((stage) => stage.name === name));
if (unknown !== undefined) {
  console.error(`there is no stage \`${unknown}\`: ${STAGES.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const given = values.seed ?? process.env['PORTCULLIS_PROPERTY_SEED'];
const seed = given === undefined ? freshSeed() : Number(given);
console.log(`seed ${seed}`);

for (const stage of STAGES) {
  if (values.stage?.includes(stage.name) === false) continue;
  const count = values.count === undefined ? stage.count : Number(values.count);
  console.log(`${stage.name}: ${stage.about}`);
  const started = performance.now();
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  const { done, failure, note } = stage.run({
    count,
    seed,
    progress: (each) => console.log(`  ${each} of ${count}, ${seconds()}`),
  });
  if (failure === null) console.log(`  ${done} well, ${seconds()}${note === undefined ? '' : `; ${note}`}`);
  else {
    console.error(`  WRONG after ${done}, seed ${seed}: ${failure}`);
    process.exitCode = 1;
  }
}
