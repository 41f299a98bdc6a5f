// Binds a shared library to its own symbols, as linking with `-Bsymbolic` does.
//
// DuckDB's prebuilt library exports all of its C++ symbols. The loader looks up 40,000 of them by name at each start of
// the program, and others when a function is first called, which takes as long as a small report. Nothing replaces these
// symbols, so each lookup finds the symbol of the library itself. This script writes the result into the library: a
// relocation that refers to a symbol of the library becomes one that is relative to its place in memory.
//
// Symbols of other libraries, IFUNC and TLS symbols, and unique symbols are still looked up.
//
//     node bind.mjs IN OUT

import { readFileSync, writeFileSync } from "node:fs";

const [R_64, R_GLOB_DAT, R_JUMP_SLOT, R_RELATIVE] = [1n, 6n, 7n, 8n];
const [DT_PLTRELSZ, DT_SYMTAB, DT_RELA, DT_RELASZ, DT_JMPREL, DT_RELACOUNT] = [2n, 6n, 7n, 8n, 23n, 0x6ffffff9n];
const [PT_LOAD, PT_DYNAMIC] = [1, 2];
const [STT_TLS, STT_GNU_IFUNC, STB_GNU_UNIQUE] = [6, 10, 10];
const [RELA_SIZE, SYM_SIZE] = [24, 24];

const [source, target] = process.argv.slice(2);
const file = readFileSync(source);
const u64 = (at) => file.readBigUInt64LE(at);
if (file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt16LE(18) !== 62) throw new Error("not an x86-64 ELF file");

const [headers, size, count] = [Number(u64(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
const segments = Array.from({ length: count }, (_, index) => {
    const at = headers + index * size;
    return { type: file.readUInt32LE(at), offset: u64(at + 8), address: u64(at + 16), length: u64(at + 32) };
});
/** The place in the file of an address. */
const place = (address) => {
    const holds = ({ type, address: first, length }) => type === PT_LOAD && address >= first && address < first + length;
    const segment = segments.find(holds);
    return Number(address - segment.address + segment.offset);
};

const entries = new Map();
const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
for (let at = Number(dynamic.offset); u64(at) !== 0n; at += 16) entries.set(u64(at), at + 8);
const entry = (tag) => u64(entries.get(tag));
const set = (tag, value) => file.writeBigUInt64LE(value, entries.get(tag));

// The loader processes the relocations of procedures lazily, by their position. They become ordinary ones, which follow
// the others in the file already.
const [first, ordinary, procedures] = [entry(DT_RELA), entry(DT_RELASZ), entry(DT_PLTRELSZ)];
if (entry(DT_JMPREL) !== first + ordinary) throw new Error("the tables of relocations are apart");
const [begin, symbols] = [place(first), place(entry(DT_SYMTAB))];
const end = begin + Number(ordinary + procedures);
const [relative, others] = [[], []];
for (let at = begin; at < end; at += RELA_SIZE) {
    let [offset, info, addend] = [u64(at), u64(at + 8), u64(at + 16)];
    const type = info & 0xffffffffn;
    if (type === R_64 || type === R_GLOB_DAT || type === R_JUMP_SLOT) {
        const symbol = symbols + Number(info >> 32n) * SYM_SIZE;
        const [kind, section] = [file[symbol + 4], file.readUInt16LE(symbol + 6)];
        const isOwn = section !== 0 && section < 0xff00 && kind >> 4 !== STB_GNU_UNIQUE;
        if (isOwn && ![STT_TLS, STT_GNU_IFUNC].includes(kind & 15)) {
            addend = BigInt.asUintN(64, u64(symbol + 8) + (type === R_64 ? addend : 0n));
            info = R_RELATIVE;
        }
    }
    (info === R_RELATIVE ? relative : others).push([offset, info, addend]);
}
let at = begin;
for (const [offset, info, addend] of [...relative, ...others]) {
    file.writeBigUInt64LE(offset, at);
    file.writeBigUInt64LE(info, at + 8);
    file.writeBigUInt64LE(addend, at + 16);
    at += RELA_SIZE;
}
set(DT_RELASZ, ordinary + procedures);
set(DT_RELACOUNT, BigInt(relative.length));
set(DT_PLTRELSZ, 0n);
writeFileSync(target, file);
