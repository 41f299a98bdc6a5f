//! The fuzzer's targets as ordinary tests: on their corpus, on mutations of it, and on inputs that are made to be
//! expensive.

mod properties;

use std::fs;
use std::path::Path;

/// The hand-written inputs of a target, by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{target}");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs a target on its corpus and on mutations of it, which are the same in every run.
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
fn archives_are_unpacked_alike_in_any_windows() {
    fuzz("forms", properties::forms, 6_000);
}

#[test]
fn keys_tell_their_paths() {
    fuzz("keys", properties::keys, 100_000);
}

/// Inputs that are made to be expensive: deeply nested, or long. The scale multiplies their size.
fn costly(scale: usize) -> Vec<String> {
    let (depth, size) = (50_000 * scale, (1 << 18) * scale);
    let deep = |open: &str, middle: &str, close: &str| [&*open.repeat(depth), middle, &*close.repeat(depth)].concat();
    let long = |begin: &str, piece: &str, end: &str| [begin, &*piece.repeat(size / piece.len()), end].concat();
    vec![
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
    ]
}

/// The CPU time of this thread for `body`, in nanoseconds. Other threads and processes do not count.
fn cpu(body: impl FnOnce()) -> i64 {
    let now = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let begun = now();
    body();
    let ended = now();
    (ended.tv_sec - begun.tv_sec) * 1_000_000_000 + ended.tv_nsec - begun.tv_nsec
}

/// Whether work grows linearly with its size: with four times the size, it takes four times as long, or sixteen times
/// if every part is compared with every other. A busy machine slows down single measurements, so the fastest ones
/// count.
fn is_linear(mut work: impl FnMut(usize)) -> bool {
    const TRIES: usize = 8;
    const MOST: i64 = 9;
    /// Shorter times prove nothing.
    const LEAST: i64 = 2_000_000;
    let (mut small, mut large) = (i64::MAX, i64::MAX);
    (0..TRIES).any(|_| {
        small = small.min(cpu(|| work(0)));
        large = large.min(cpu(|| work(1)));
        large <= MOST * small.max(LEAST)
    })
}

#[test]
fn no_line_overflows_the_stack_or_takes_more_than_linear_time() {
    for (small, large) in costly(1).into_iter().zip(costly(4)) {
        let head: String = large.chars().take(80).collect();
        let inputs = [small, large];
        assert!(is_linear(|size| properties::dialects(inputs[size].as_bytes())), "{head}");
    }
}

#[test]
fn work_that_grows_faster_than_its_input_is_told_from_linear_work() {
    let sum = |steps: u64| {
        std::hint::black_box((0..steps).fold(0_u64, |sum, step| std::hint::black_box(sum ^ step)));
    };
    assert!(is_linear(|size| sum([500_000, 2_000_000][size])));
    assert!(!is_linear(|size| sum([500_000, 32_000_000][size])));
}
