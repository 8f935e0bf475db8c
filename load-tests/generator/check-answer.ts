import { WireReader } from '../../src/extauthz/wire/reader.ts';

/** Not a CheckResponse. */
export const UNREADABLE = -1;

const STATUS = 1;
const CODE = 1;

/** The code of a CheckResponse's status: 0 is an allow, also when it is left out. */
export function answerCode(bytes: Buffer, start: number, end: number): number {
  // Nearly every answer begins so: `status` with a `code` of one byte, or with nothing.
  if (bytes[start] === 0x0a) {
    if (bytes[start + 1] === 0) return 0;
    if (bytes[start + 1] === 2 && bytes[start + 2] === 0x08 && start + 4 <= end) return bytes[start + 3]!;
  }
  try {
    let code = 0;
    const response = new WireReader(bytes.subarray(start, end));
    while (response.next()) {
      if (response.field !== STATUS) {
        response.skip();
        continue;
      }
      const status = response.message();
      while (status.next()) {
        if (status.field === CODE) code = status.number();
        else status.skip();
      }
    }
    return code;
  } catch {
    return UNREADABLE;
  }
}
