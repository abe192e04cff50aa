/** Reads the binary columns that the server sends: a JSON header, then aligned little-endian arrays. */

const MAGIC = "TLFRAME1";
const NULL_CODE = 0xffffffff;

interface ColumnHeader {
  name: string;
  type: "f64" | "f32" | "i64" | "u32" | "u16" | "u8" | "text" | "dict";
  offset: number;
  count: number;
  bytes_offset?: number;
  bytes?: number;
  nulls?: number;
  values?: (string | null)[];
  /** One number stands for all rows. */
  repeated?: boolean;
  /** The name of the column that has the same numbers. */
  same?: string;
}

export type Numbers = Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array | BigInt64Array;

export interface Column {
  readonly name: string;
  readonly count: number;
  /** Returns the value as a number, and NaN for text and missing values. */
  number(row: number): number;
  /** Returns the value as text, or null if it is missing. */
  text(row: number): string | null;
}

export class NumberColumn implements Column {
  constructor(readonly name: string, readonly values: Numbers, private readonly nulls: Uint8Array | null) {}

  get count(): number {
    return this.values.length;
  }

  missing(row: number): boolean {
    return this.nulls !== null && this.nulls[row] === 1;
  }

  number(row: number): number {
    return this.missing(row) ? NaN : Number(this.values[row]);
  }

  text(row: number): string | null {
    return this.missing(row) ? null : String(this.values[row]);
  }

  private converted: Float64Array | null = null;

  /** Returns the values as doubles, without a copy if they are doubles already. Others are converted once. */
  doubles(): Float64Array {
    if (this.values instanceof Float64Array) return this.values;
    return (this.converted ??= Float64Array.from(this.values, Number));
  }
}

class TextColumn implements Column {
  private readonly decoder = new TextDecoder();

  constructor(readonly name: string, private readonly ends: Uint32Array, private readonly bytes: Uint8Array) {}

  get count(): number {
    return Math.max(0, this.ends.length - 1);
  }

  number(row: number): number {
    return Number(this.text(row));
  }

  text(row: number): string {
    return this.decoder.decode(this.bytes.subarray(this.ends[row], this.ends[row + 1]));
  }
}

export class DictColumn implements Column {
  constructor(readonly name: string, private readonly codes: Uint32Array, readonly values: (string | null)[]) {}

  get count(): number {
    return this.codes.length;
  }

  number(row: number): number {
    const text = this.text(row);
    return text === null || text === "" ? NaN : Number(text);
  }

  text(row: number): string | null {
    const code = this.codes[row] ?? NULL_CODE;
    return code === NULL_CODE ? null : (this.values[code] ?? null);
  }
}

const WIDTHS = { f64: 8, f32: 4, i64: 8, u32: 4, u16: 2, u8: 1 } as const;

class Reader {
  constructor(private readonly buffer: ArrayBuffer, private readonly base: number) {}

  private check(offset: number, bytes: number): number {
    const start = this.base + offset;
    if (!(offset >= 0) || start + bytes > this.buffer.byteLength) {
      throw new Error(`frame: a column ends at byte ${start + bytes}, but the frame has ${this.buffer.byteLength}`);
    }
    return start;
  }

  words(offset: number, count: number): Uint32Array {
    return new Uint32Array(this.buffer, this.check(offset, count * 4), count);
  }

  octets(offset: number, count: number): Uint8Array {
    return new Uint8Array(this.buffer, this.check(offset, count), count);
  }

  numbers(type: keyof typeof WIDTHS, offset: number, count: number): Numbers {
    const start = this.check(offset, count * WIDTHS[type]);
    switch (type) {
      case "f64": return new Float64Array(this.buffer, start, count);
      case "f32": return new Float32Array(this.buffer, start, count);
      case "i64": return new BigInt64Array(this.buffer, start, count);
      case "u32": return new Uint32Array(this.buffer, start, count);
      case "u16": return new Uint16Array(this.buffer, start, count);
      case "u8": return new Uint8Array(this.buffer, start, count);
    }
  }

  column(header: ColumnHeader): Column {
    const { name, type, offset, count } = header;
    if (type === "text") {
      const ends = this.words(offset, count + 1);
      return new TextColumn(name, ends, this.octets(header.bytes_offset ?? 0, header.bytes ?? 0));
    }
    if (type === "dict") return new DictColumn(name, this.words(offset, count), header.values ?? []);
    if (header.repeated) return new NumberColumn(name, new Float64Array(count).fill(Number(this.numbers(type, offset, 1)[0])), null);
    const nulls = header.nulls === undefined ? null : this.octets(header.nulls, count);
    return new NumberColumn(name, this.numbers(type, offset, count), nulls);
  }
}

export class Frame<Meta = Record<string, unknown>> {
  private readonly byName: Map<string, Column>;

  constructor(readonly rows: number, readonly meta: Meta, readonly columns: Column[]) {
    this.byName = new Map(columns.map((column) => [column.name, column]));
  }

  /** Returns the same columns, with more facts about the whole. */
  with<More>(more: More): Frame<Meta & More> {
    return new Frame<Meta & More>(this.rows, { ...this.meta, ...more }, this.columns);
  }

  column(name: string): Column | undefined {
    return this.byName.get(name);
  }

  /** Returns a column of doubles, empty if the frame does not have it. */
  doubles(name: string): Float64Array {
    const column = this.byName.get(name);
    return column instanceof NumberColumn ? column.doubles() : new Float64Array(0);
  }
}

function readColumns(reader: Reader, headers: readonly ColumnHeader[]): Column[] {
  const own = headers.filter(({ same }) => same === undefined).map((header) => reader.column(header));
  const copies = headers.flatMap(({ name, same }) => {
    const other = own.find((column) => column.name === same);
    return other instanceof NumberColumn ? [new NumberColumn(name, other.doubles(), null)] : [];
  });
  return [...own, ...copies];
}

/** Decodes a frame. The columns are views of `buffer`, which therefore must not change. */
export function decodeFrame<Meta>(buffer: ArrayBuffer): Frame<Meta> {
  const magic = new TextDecoder().decode(new Uint8Array(buffer, 0, Math.min(8, buffer.byteLength)));
  if (magic !== MAGIC || buffer.byteLength < 12) throw new Error(`frame: expected ${MAGIC}, found "${magic}"`);
  const length = new DataView(buffer).getUint32(8, true);
  if (12 + length > buffer.byteLength) throw new Error(`frame: the header of ${length} bytes is cut`);
  const { rows, columns, ...meta } = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, length)));
  const reader = new Reader(buffer, Math.ceil((12 + length) / 8) * 8);
  return new Frame<Meta>(rows, meta as Meta, readColumns(reader, columns as ColumnHeader[]));
}
