//! The fuzzer's targets as an ordinary test: over their corpus, over mutations of it, and over inputs
//! that are made to cost much.

mod properties;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// The hand-written inputs of a target, by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{target}");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs a target over its corpus and over mutations of it, the same ones every time.
fn fuzz(target: &str, property: fn(&[u8]), mutations: usize) {
    let corpus = corpus(target);
    corpus.iter().for_each(|input| property(input));
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..mutations {
        property(&mutated(&corpus, &mut random));
    }
}

/// One of the inputs, or two of them joined, with a few changes of bytes and pieces.
fn mutated(corpus: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    const PIECES: [&[u8]; 16] = [
        b"\"",
        b"\\",
        b"\\ud83d",
        b"\n",
        b"{",
        b"}",
        b"[",
        b"]",
        b"1e400",
        b"-9223372036854775809",
        b"null",
        b"\xff",
        b"\xed\xa0\x80",
        b"\0",
        b":",
        b",",
    ];
    let choice = |random: &mut fastrand::Rng| random.choice(corpus).cloned().unwrap_or_default();
    let mut input = choice(random);
    if random.u8(..) < 64 {
        let other = choice(random);
        input.truncate(random.usize(..=input.len()));
        input.extend_from_slice(&other[random.usize(..=other.len())..]);
    }
    for _ in 0..random.usize(..8) {
        let at = random.usize(..=input.len());
        let until = (at + random.usize(..9)).min(input.len());
        match random.u8(..5) {
            0 => drop(input.drain(at..until)),
            1 => input.extend_from_within(at..until),
            2 => input.insert(at, random.u8(..)),
            3 => drop(input.splice(at..at, random.choice(PIECES).unwrap_or_default().iter().copied())),
            _ => input[at..until].iter_mut().for_each(|byte| *byte ^= 1 << random.u8(..8)),
        }
    }
    input
}

#[test]
fn lines_are_split_alike_in_any_windows() {
    fuzz("lines", properties::lines, 30_000);
}

#[test]
fn dialects_make_sane_events_of_any_bytes() {
    fuzz("dialects", properties::dialects, 6_000);
}

#[test]
fn keys_tell_their_paths() {
    fuzz("keys", properties::keys, 100_000);
}

#[test]
fn no_line_overflows_the_stack_or_takes_more_than_linear_time() {
    const SIZE: usize = 2 << 20;
    let deep = |open: &str, middle: &str, close: &str| {
        let depth = 200_000;
        [open.repeat(depth), middle.to_owned(), close.repeat(depth)].concat()
    };
    let long = |begin: &str, piece: &str, end: &str| [begin, &piece.repeat(SIZE / piece.len()), end].concat();
    let shapes = [
        deep("[", "", "]"),
        deep("[", "", ""),
        deep("{\"a\":", "1", "}"),
        deep("{\"data\":{\"message\":", "1", "}}"),
        deep("{\"type\":\"progress\",\"data\":{\"message\":", "1", "}}"),
        deep("{\"message\":", "1", "}"),
        deep("{\"message\":{\"content\":[", "1", "]}}"),
        deep("{\"message\":{\"usage\":{\"iterations\":[", "1", "]}}}"),
        format!("{{\"type\":\"user\",\"other\":{}}}", deep("[{\"a\":", "1", "}]")),
        long("", "{}", ""),
        long("", "{", ""),
        long("", "1 ", ""),
        long("{\"a\":", "{\"a\":{}},", ""),
        long("{", "[{\"a\":\"{\"},", ""),
        long("{\"cut", "{\"type\":\"user\"}", ""),
        long("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[", "{},", "1]}}"),
        long("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[", "\"a\",", "1]}}"),
        long("{\"type\":\"assistant\",\"message\":{\"content\":[", "{\"type\":\"tool_use\"},", "1]}}"),
        long("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"", "<command-name>/a", "\"}}"),
        long("{\"type\":\"assistant\",\"message\":{\"usage\":{\"iterations\":[", "{},", "1]}}}"),
        long("{\"message\":{\"usage\":{\"input_tokens\":", "9", "}}}"),
        long("{\"message\":{\"usage\":{\"input_tokens\":1e", "9", "}}}"),
        long("{\"x\":0.", "9", "e400}"),
        long("{\"x\":", "-", "}"),
        long("{\"x\":\"", "\\ud83d", "\"}"),
        long("{\"x\":\"", "\\", "\"}"),
        long("{\"message\":{\"id\":\"", "m", "\",\"role\":\"assistant\",\"usage\":{\"output_tokens\":1}}}"),
        long("{", "\"uuid\":\"\",", "\"a\":1}"),
        long("{\"timestamp\":\"", " ", "\"}"),
        long("\"", "\u{fffd}", ""),
    ];
    for shape in shapes {
        let begun = Instant::now();
        properties::dialects(shape.as_bytes());
        let head: String = shape.chars().take(80).collect();
        assert!(begun.elapsed() < Duration::from_secs(5), "{head} took {:?}", begun.elapsed());
    }
}
