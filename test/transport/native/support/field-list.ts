import type { FieldSink } from '../../../../src/transport/native/hpack/decoder.ts';
import type { HeaderField } from '../../../../src/transport/native/hpack/header-field.ts';

/** Keeps the fields of a block. */
export class FieldList implements FieldSink {
  readonly fields: [name: string, value: string][] = [];

  field({ name, value }: HeaderField): void {
    this.fields.push([name, value]);
  }
}
