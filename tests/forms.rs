//! Compressed transcripts: the same facts as from plain ones, and never from a part of them.

use crate::world::{World, response, rows};
use flate2::Compression;
use flate2::write::GzEncoder;
use sessionmill::read::Caps;
use sessionmill::run::summary::Counts;
use sessionmill::source::compression::{self, Unpacker};
use sessionmill::source::open::Refusal;
use sessionmill_contract::FailureClass;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 3).unwrap()
}

/// A skippable frame, which contains no text.
fn skippable(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&0x184D_2A57_u32.to_le_bytes(), &length.to_le_bytes(), bytes].concat()
}

/// A frame with one raw block and this window size, as a power of two.
fn raw(window_log: u8, text: &[u8]) -> Vec<u8> {
    let block = (u32::try_from(text.len()).unwrap() << 3) | 1;
    [&0xFD2F_B528_u32.to_le_bytes(), &[0, (window_log - 10) << 3][..], &block.to_le_bytes()[..3], text].concat()
}

type Pack = fn(&[u8]) -> Vec<u8>;
const FORMS: [(&str, Pack); 2] = [("gz", gzip), ("zst", zstd)];

fn lines(ids: std::ops::Range<u64>) -> String {
    ids.map(|id| response(&format!("m{id}"), "10:00:00", id)).collect()
}

/// Everything that the database says of the transcripts, except for hashes of the stored files.
fn facts(world: &World) -> String {
    let dump = world.dump();
    dump.split("(SELECT processor_name").next().unwrap().to_owned()
}

const FILES: &str = "SELECT session_file, dialect, lines, gone_since FROM session_files ORDER BY ALL";
const IDS: &str = "SELECT message_id FROM usage_responses ORDER BY ALL";

fn failed(counts: &Counts) -> Vec<(&str, &str, &str)> {
    counts.errors_detail.iter().map(|error| (&*error.session, error.class, &*error.error)).collect()
}

fn rejected(counts: &Counts) -> Vec<(&str, &str)> {
    counts.rejected_detail.iter().map(|error| (&*error.session, &*error.error)).collect()
}

fn twin(name: &str) -> (&str, &str) {
    (name, "a twin: only one form of a file is read")
}

/// Sets the clock of the passes to that of the file system.
fn at_present(world: &World) {
    let ahead = world.next().wall - chrono::DateTime::<chrono::Utc>::from(SystemTime::now());
    world.wait_back(ahead.to_std().unwrap());
}

#[test]
fn a_compressed_file_says_what_the_plain_one_says() {
    let (text, rest) = (lines(0..90), lines(90..100));
    let text = [text.as_bytes(), rest.trim_end().as_bytes()].concat();
    let plain = World::new();
    plain.write("ada/shop/s.jsonl", &text).pass();
    let (a, b) = text.split_at(text.len() / 2 + 7);
    let stored = [
        ("gz", gzip(&text)),
        ("gz", [gzip(b""), gzip(a), gzip(b""), gzip(b)].concat()),
        ("gz", [gzip(a), gzip(b), vec![0]].concat()),
        ("gz", [gzip(a), gzip(b), vec![0; 10_240]].concat()),
        ("zst", zstd(&text)),
        ("zst", [skippable(b"x"), zstd(a), skippable(&[0; 999]), zstd(b""), zstd(b), skippable(b"")].concat()),
        ("zst", raw(27, &text)),
    ];
    for (suffix, stored) in stored {
        let world = World::new();
        let counts = world.write(&format!("ada/shop/s.jsonl.{suffix}"), &stored).pass();
        assert_eq!((counts.files, counts.processed, counts.bytes_read), (1, 1, stored.len() as u64));
        assert_eq!(facts(&world), facts(&plain), "{suffix}");
        assert_eq!(world.rows(FILES), ["ada/shop/s.jsonl|claude-code|100|"]);
        let stat = "SELECT size, file_hash FROM session_files";
        let hash: String = <md5::Md5 as md5::Digest>::digest(&stored).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(world.rows(stat), [format!("{}|{hash}", stored.len())]);
    }
}

#[test]
fn a_file_that_is_compressed_later_stays_what_it_was() {
    for (suffix, pack) in FORMS {
        let world = World::new();
        let text = lines(0..50);
        world.write("ada/s.jsonl", &text).pass();
        let before = facts(&world);
        let name = format!("ada/s.jsonl.{suffix}");
        let counts = world.remove("ada/s.jsonl").write(&name, pack(text.as_bytes())).pass();
        assert_eq!((counts.files, counts.processed, counts.rejected), (1, 1, 0));
        assert_eq!(facts(&world), before);
        assert_eq!(world.rows(FILES), ["ada/s.jsonl|claude-code|50|"]);
        world.wait(Duration::from_secs(3600)).pass();
        assert_eq!(world.pass().unchanged, 1);
        let grown = [pack(text.as_bytes()), pack(lines(50..51).as_bytes())].concat();
        assert_eq!(world.write(&name, grown).pass().processed, 1);
        assert_eq!(world.rows(FILES), ["ada/s.jsonl|claude-code|51|"]);
        assert_eq!(world.rows("SELECT count(*), max(output_tokens) FROM usage_responses"), ["51|50"]);
    }
}

#[test]
fn of_twins_the_plain_file_is_read_whichever_comes_first() {
    for (suffix, pack) in FORMS {
        let name = format!("ada/s.jsonl.{suffix}");
        let old = pack(lines(0..2).as_bytes());
        let world = World::new();
        world.write(&name, &old).pass();
        assert_eq!(world.rows(IDS), ["m0", "m1"]);
        let counts = world.write("ada/s.jsonl", lines(0..3)).pass();
        assert_eq!((counts.files, counts.processed, rejected(&counts)), (2, 1, vec![twin(&name)]));
        assert_eq!(world.rows(IDS), ["m0", "m1", "m2"]);
        world.wait(Duration::from_secs(3600)).pass();
        let summary = world.summary();
        assert_eq!((summary.processors[0].unchanged, rejected(&summary.processors[0])), (1, vec![twin(&name)]));
        assert!(summary.notices.alarms.is_empty() && summary.notices.warnings.is_empty(), "{:?}", summary.notices);
        assert_eq!(world.rows(FILES), ["ada/s.jsonl|claude-code|3|"]);
        assert!(world.rows("FROM files_left_out").is_empty());
        world.remove("ada/s.jsonl").pass();
        assert_eq!(world.rows(FILES), ["ada/s.jsonl|claude-code|2|"], "the twin takes its place");
        assert_eq!(world.rows(IDS), ["m0", "m1"]);

        let world = World::new();
        world.write("ada/s.jsonl", lines(0..3)).pass();
        let counts = world.write(&name, &old).pass();
        assert_eq!((counts.files, counts.processed, rejected(&counts)), (2, 0, vec![twin(&name)]));
        assert_eq!(world.rows(IDS), ["m0", "m1", "m2"]);
    }
    let world = World::new();
    world.write("ada/s.jsonl.zst", zstd(lines(0..1).as_bytes()));
    let counts = world.write("ada/s.jsonl.gz", gzip(lines(1..2).as_bytes())).pass();
    assert_eq!((rejected(&counts), world.rows(IDS)), (vec![twin("ada/s.jsonl.zst")], vec!["m1".to_owned()]));
}

#[test]
fn a_cut_or_damaged_archive_waits_an_hour_and_costs_no_facts() {
    let text = lines(0..40);
    for (suffix, pack) in FORMS {
        let whole = pack(text.as_bytes());
        let mut flipped = whole.clone();
        let place = whole.len() - 3;
        flipped[place] ^= 0x10;
        let damaged = [
            whole[..whole.len() / 2].to_vec(),
            whole[..whole.len() - 1].to_vec(),
            [&whole[..], &pack(b"{}\n")[..7]].concat(),
            [&whole[..], b"garbage"].concat(),
            [&whole[..], &[0; 5120], &whole[..]].concat(),
            [&[0; 512], &whole[..]].concat(),
            flipped,
            text.as_bytes().to_vec(),
            Vec::new(),
        ];
        let world = World::new();
        at_present(&world);
        let name = |number: usize| format!("ada/{number}.jsonl.{suffix}");
        let write = |archive: &dyn Fn(usize) -> Vec<u8>| {
            (0..damaged.len()).for_each(|number| _ = world.write(&name(number), archive(number)));
        };
        write(&|number| pack(response(&format!("m{number}"), "10:00:00", 5).as_bytes()));
        world.write("bob/b.jsonl", response("b", "10:00:00", 5)).pass();
        let before = facts(&world);
        write(&|number| damaged[number].clone());
        for class in ["changed", "changed", "permanent"] {
            if class == "permanent" {
                world.wait(Duration::from_secs(3600));
            }
            let counts = world.pass();
            let failures = failed(&counts);
            for (number, (file, of_class, words)) in failures.iter().enumerate() {
                assert_eq!((*file, *of_class), (&*format!("ada/{number}.jsonl"), class), "{suffix}: {words}");
                assert!(words.contains("damaged"), "{suffix}: {words}");
            }
            assert_eq!((failures.len(), facts(&world)), (damaged.len(), before.clone()), "{suffix}");
        }
        write(&|_| whole.clone());
        world.pass();
        assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["41"], "{suffix}");
        assert!(world.rows("FROM session_failures").is_empty(), "{suffix}");
    }
}

#[test]
fn wherever_an_archive_is_cut_it_is_not_whole() {
    let text = lines(0..3);
    for (form, pack) in [(compression::Compression::Gzip, gzip as Pack), (compression::Compression::Zstd, zstd)] {
        let two = [pack(text.as_bytes()), pack(b"{}\n")].concat();
        let border = pack(text.as_bytes()).len();
        let whole = |stored: &[u8]| {
            let mut unpacker = Unpacker::new(form, FailureClass::Changed).unwrap().unwrap();
            let mut sink = |_: &[u8]| Ok(());
            let fed = unpacker.feed(stored, &mut sink);
            match fed.and_then(|()| unpacker.end(&mut sink)) {
                Ok(()) => true,
                Err(Refusal::Failed(failure)) if failure.class == FailureClass::Changed => false,
                Err(refusal) => panic!("{refusal:?}"),
            }
        };
        for cut in 0..=two.len() {
            assert_eq!(whole(&two[..cut]), cut == border || cut == two.len(), "{form:?} at {cut}");
        }
    }
}

#[test]
fn a_file_in_utf_16_is_rejected_with_what_to_do() {
    let encoded = |text: &str, bytes: fn(u16) -> [u8; 2]| {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(bytes).collect::<Vec<u8>>()
    };
    let text = lines(0..2);
    let [little, big] = [u16::to_le_bytes, u16::to_be_bytes].map(|bytes| encoded(&text, bytes));
    let world = World::new();
    world.write("ada/a.jsonl", &little).write("ada/b.jsonl", &big).write("ada/c.jsonl.gz", gzip(&little));
    // A byte-order mark of UTF-8, and bytes that are only similar.
    world
        .write("ada/d.jsonl", format!("\u{feff}{text}"))
        .write("ada/e.jsonl", [b"\xff\xfe{}\n", text.as_bytes()].concat());
    let counts = world.pass();
    let words = "its text is UTF-16, not UTF-8: convert it with `iconv -f UTF-16 -t UTF-8`";
    assert_eq!(rejected(&counts), ["ada/a.jsonl", "ada/b.jsonl", "ada/c.jsonl"].map(|file| (file, words)));
    assert_eq!((counts.processed, world.rows(IDS)), (2, vec!["m0".to_owned(), "m1".to_owned()]));
    let said = world.mill(&["check", "root/ada/a.jsonl"]);
    let expected = format!("sessionmill: cannot check `root/ada/a.jsonl`: {words}\n");
    assert_eq!((said.status, said.stdout.as_str(), said.stderr), (2, "", expected));
    std::fs::write(world.path("root/ada/a.jsonl"), &text).unwrap();
    assert_eq!(world.pass().processed, 1);
}

#[test]
fn an_archive_of_nothing_has_no_lines() {
    for (suffix, pack) in FORMS {
        let world = World::new();
        assert_eq!(world.write(&format!("ada/s.jsonl.{suffix}"), pack(b"")).pass().processed, 1);
        assert_eq!(world.rows(FILES), ["ada/s.jsonl||0|"]);
    }
}

#[test]
fn caps_hold_for_what_is_stored_and_for_the_text() {
    let text = lines(0..100);
    for (suffix, pack) in FORMS {
        let name = format!("ada/s.jsonl.{suffix}");
        let stored = pack(text.as_bytes());
        let mut world = World::new();
        let cap = |file: usize| Caps { file: file as u64, ..Caps::default() };
        world.caps = cap(text.len());
        assert_eq!(world.write(&name, &stored).pass().processed, 1);
        let before = facts(&world);
        world.caps = cap(text.len() - 1);
        let counts = world.touch(&name, 1_000_000_000).write(&name, pack(format!("{text} ").as_bytes())).pass();
        assert_eq!(rejected(&counts), [("ada/s.jsonl", "its text is over the size cap")]);
        assert_eq!(world.rows("SELECT DISTINCT class, state FROM session_failures"), ["rejected|dead"]);
        assert_eq!(world.pass().rejected, 1, "it is not unpacked again for that");
        assert_eq!(facts(&world), before);
        world.caps = cap(stored.len() - 1);
        let counts = world.write(&name, &stored).pass();
        assert_eq!(rejected(&counts), [("ada/s.jsonl", "over the size cap")]);
    }
    let mut world = World::new();
    world.caps.line = 10;
    world.write("ada/s.jsonl.zst", zstd(b"{}\n{\"a\":\"long\"}\n{}\n")).pass();
    assert_eq!(world.rows("SELECT lines, malformed_lines FROM session_files"), ["3|1"]);
}

/// After any change of limits, the database equals a new one.
#[test]
fn what_a_limit_left_out_is_read_when_the_limit_changes() {
    let mut world = World::new();
    let long = response("m2", "10:01:00", 5).replace("\"cwd\"", &format!("\"pad\":\"{}\",\"cwd\"", "x".repeat(3000)));
    world.write("ada/long.jsonl", response("m1", "10:00:00", 5) + &long);
    world.write(
        "ada/many.jsonl",
        (0..50).map(|number| response(&format!("n{number}"), "10:00:00", 5)).collect::<String>(),
    );
    let responses =
        |world: &World| world.rows("SELECT session_file, count(*) FROM usage_responses GROUP BY ALL ORDER BY 1");
    world.caps = Caps { line: 1000, facts: 20, ..Caps::default() };
    world.pass();
    assert_eq!(responses(&world), ["ada/long.jsonl|1"]);
    world.caps.line = 10_000;
    assert_eq!(world.pass().processed, 1, "the one with a skipped line");
    assert_eq!(responses(&world), ["ada/long.jsonl|2"]);
    world.caps.facts = 2000;
    world.pass();
    assert_eq!(responses(&world), ["ada/long.jsonl|2", "ada/many.jsonl|50"]);
    assert_eq!(world.pass().processed, 0, "nothing is due any more");
    world.caps.line = 1000;
    world.pass();
    assert_eq!(responses(&world), ["ada/long.jsonl|1", "ada/many.jsonl|50"], "as a new database");
}

#[test]
fn a_window_that_takes_too_much_memory_is_rejected() {
    let world = World::new();
    let counts = world.write("ada/s.jsonl.zst", raw(28, lines(0..1).as_bytes())).pass();
    assert_eq!(rejected(&counts), [("ada/s.jsonl", "its zstd window is over 128 MiB")]);
}

/// A gigabyte of zeros.
fn bomb(mut encoder: impl std::io::Write) {
    let zeros = vec![0; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&zeros).unwrap());
}

#[test]
fn a_bomb_takes_little_memory() {
    let world = World::new();
    std::fs::write(world.path("config.toml"), "[caps]\nfile = 500000000\n").unwrap();
    let config = world.path("config.toml");
    let run = ["run", "usage", "--sessions", "root", "--json", "--config", config.to_str().unwrap()];
    world.write("ada/s.jsonl", response("m1", "10:00:00", 5));
    let (said, usual) = world.mill_measured(&run);
    assert_eq!(said.status, 0, "{said:?}");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    bomb(&mut gzip);
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    bomb(&mut zstd);
    world.write("ada/g.jsonl.gz", gzip.finish().unwrap()).write("ada/z.jsonl.zst", zstd.finish().unwrap());
    let (said, peak) = world.mill_measured(&run);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json["processors"][0]["rejected"], 2, "{said:?}");
    assert!(peak < usual + (100 << 20), "{usual} {peak}");
}

#[test]
fn a_users_files_in_the_root_are_recognised_in_any_form() {
    let world = World::new();
    world.write("s.jsonl.gz", gzip(lines(0..1).as_bytes()));
    let error = world.summary_of(&[&sessionmill_usage::Usage]).unwrap_err();
    assert!(error.to_string().contains("holds transcripts itself"), "{error:?}");
}

#[test]
fn a_file_of_the_database_is_found_by_its_name_without_a_suffix() {
    let world = World::new();
    world.write("ada/shop/s.jsonl.zst", zstd(lines(0..1).as_bytes()));
    let counts = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(counts.status, 0, "{counts:?}");
    assert_eq!(
        rows(&world.database(), "SELECT DISTINCT session_file FROM session_processor_state"),
        ["ada/shop/s.jsonl"]
    );
    world.mill(&["forget", "ada", "--yes"]);
    assert!(world.rows("FROM session_dialects").is_empty() && world.rows(FILES).is_empty());
}
