/** {@link ./http-client.ts} in a process of its own, so that what it costs is nobody else's. */
import { httpLoad } from './http-client.ts';
import type { HttpReport, HttpTask } from './http-client.ts';

export type FromClient = { readonly tell: 'begin' | 'end' } | { readonly tell: 'report'; readonly report: HttpReport };

const tell = (message: FromClient): void => void process.send!(message);

process.on('message', (task: HttpTask) => {
  const marks = { begin: () => tell({ tell: 'begin' }), end: () => tell({ tell: 'end' }) };
  void httpLoad(task, marks).then((report) => tell({ tell: 'report', report }));
});

// However the benchmark went, nothing that it started stays.
process.on('disconnect', () => process.exit(1));
