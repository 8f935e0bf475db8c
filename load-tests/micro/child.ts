/** One size of one shape: prepares, then measures a round whenever it is told to. */
import { Measurement } from './measure.ts';
import type { FromChild, ToChild } from './protocol.ts';

let measurement: Measurement | null = null;

function answer(message: ToChild): FromChild {
  if (message.ask === 'prepare') {
    measurement = new Measurement(message.task);
    return { told: 'prepared', facts: measurement.facts };
  }
  if (measurement === null) throw new Error('not prepared yet');
  return message.ask === 'round'
    ? { told: 'round', slices: measurement.round(message.sliceMs) }
    : { told: 'slowest', facts: measurement.slowest(message.budgetMs) };
}

process.on('message', (message: ToChild) => {
  try {
    process.send!(answer(message));
  } catch (error) {
    const told: FromChild = {
      told: 'failed',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
    process.send!(told);
  }
});

// However the benchmark went, nothing that it started stays.
process.on('disconnect', () => process.exit(1));
