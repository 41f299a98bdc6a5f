//! One transcript: its records, turn by turn, of about so many bytes, with what they must count to.
//!
//! The mix is that of real transcripts: two fifths of the bytes in `toolUseResult`, a fifth in
//! `progress.data`, one to three lines a response with growing output, lines from 300 bytes to
//! 2 MB. A small budget leaves the lines of the responses only.

use crate::random::Random;
use std::io::Write as _;
use std::ops::AddAssign;

/// What responses come to, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub responses: u64,
    pub input: u64,
    pub output: u64,
    pub cache_write: u64,
    pub cache_write_1h: u64,
    pub cache_read: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.responses += other.responses;
        self.input += other.input;
        self.output += other.output;
        self.cache_write += other.cache_write;
        self.cache_write_1h += other.cache_write_1h;
        self.cache_read += other.cache_read;
    }
}

/// Who writes a transcript, and where.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub session_id: String,
    pub project: String,
    /// Of a subagent.
    pub agent_id: Option<String>,
}

/// The records of one transcript.
pub(crate) struct Transcript<'f> {
    filler: &'f Filler,
    random: Random,
    author: Author,
    model: &'static str,
    /// Milliseconds since the first day of the corpus.
    clock: u64,
    pub totals: Totals,
}

const MODELS: [&str; 5] =
    ["claude-opus-4-6", "claude-opus-4-6", "claude-sonnet-4-5-20250929", "claude-sonnet-4-6", "claude-haiku-4-5"];
const TOOLS: [&str; 8] = ["Bash", "Read", "Edit", "Grep", "Task", "Write", "mcp__tracker__search_issues", "Skill"];

/// The days of the corpus are those of two months of 28 days, which spares a calendar.
const DAYS: u64 = 56;
const DAY: u64 = 86_400_000;

/// Bytes of a turn's envelopes, about. A turn with little more than them is its response only.
const ENVELOPES: u64 = 1_700;
const COMPACT: u64 = ENVELOPES * 3 / 2;

impl<'f> Transcript<'f> {
    /// Transcripts of the same numbers are the same, but for their author.
    pub(crate) fn new(seed: u64, number: u64, author: Author, filler: &'f Filler) -> Self {
        let mut random = Random::new(seed, number);
        let model = MODELS[random.below(MODELS.len() as u64) as usize];
        let clock = random.below(DAYS * DAY);
        Self { filler, random, author, model, clock, totals: Totals::default() }
    }

    /// Writes a response and what stands around it, the next of so many turns that share so many
    /// bytes. A `partial` turn ends after the first line of its response.
    pub(crate) fn turn(&mut self, turns: u64, bytes: f64, partial: bool, out: &mut Vec<u8>) {
        let budget = (bytes / turns as f64 * self.random.heavy_tail()).min(bytes) as u64;
        if budget < COMPACT {
            return self.response(0, partial, out);
        }
        let filler = budget - ENVELOPES;
        if self.random.percent(12) {
            self.prompt(filler / 20, out);
        }
        if self.random.percent(3) {
            self.agent_progress(filler / 5, out);
        } else {
            self.response(filler * 16 / 100, partial, out);
        }
        if partial {
            return;
        }
        self.tool_result(filler * 12 / 100, filler * 46 / 100, out);
        if self.random.percent(50) {
            self.bash_progress(filler * 46 / 100, out);
        }
        if self.random.percent(15) {
            self.odd_one(out);
        }
    }

    /// A response on its own, for a file that grows.
    pub(crate) fn response(&mut self, filler: u64, partial: bool, out: &mut Vec<u8>) {
        let lines = match (self.random.below(100), filler) {
            (0..30, _) | (30..90, 0) => 1,
            (30..75, _) | (75.., 0) => 2,
            _ => 3,
        };
        let id = self.random.next();
        let tokens = self.tokens();
        for line in 1..=if partial { 1 } else { lines } {
            let last = line == lines;
            self.open("assistant", out);
            self.message(id, &tokens, tokens.output * line / lines, last, filler / lines, out);
            out.extend_from_slice(b"}\n");
        }
        self.totals += tokens;
    }

    fn tokens(&mut self) -> Totals {
        let random = &mut self.random;
        let cache_write = random.below(12_000);
        Totals {
            responses: 1,
            input: random.between(1, 900),
            output: random.between(3, 2_500),
            cache_write,
            cache_write_1h: if random.percent(90) { cache_write } else { 0 },
            cache_read: random.below(150_000),
        }
    }

    /// The `message` of one line of a response.
    fn message(&mut self, id: u64, tokens: &Totals, output: u64, last: bool, filler: u64, out: &mut Vec<u8>) {
        let model = self.model;
        put(out, format_args!(r#","message":{{"id":"msg_{id:016x}","role":"assistant","model":"{model}","content":["#));
        let calls = if filler == 0 { self.random.percent(20) } else { last };
        if filler > 0 && !calls {
            out.extend_from_slice(br#"{"type":"text","text":""#);
            self.filler.write(&mut self.random, filler, out);
            out.extend_from_slice(br#""}"#);
        }
        if calls {
            let tool = TOOLS[self.random.below(TOOLS.len() as u64) as usize];
            put(out, format_args!(r#"{{"type":"tool_use","id":"toolu_{id:016x}","name":"{tool}","input":{{"#));
            if filler > 0 {
                out.extend_from_slice(br#""description":"Look into it","command":""#);
                self.filler.write(&mut self.random, filler, out);
                out.push(b'"');
            }
            out.extend_from_slice(b"}}");
        }
        let stop = if last { "\"tool_use\"" } else { "null" };
        let Totals { input, cache_write, cache_write_1h, cache_read, .. } = tokens;
        put(
            out,
            format_args!(
                r#"],"stop_reason":{stop},"usage":{{"input_tokens":{input},"cache_creation_input_tokens":{cache_write},"cache_read_input_tokens":{cache_read},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{cache_write_1h}}},"output_tokens":{output}}}}}"#,
                cache_write - cache_write_1h
            ),
        );
    }

    fn prompt(&mut self, filler: u64, out: &mut Vec<u8>) {
        self.open("user", out);
        out.extend_from_slice(br#","message":{"role":"user","content":""#);
        self.filler.write(&mut self.random, filler, out);
        out.extend_from_slice(b"\"}}\n");
    }

    /// What the tool said, to the model and to the client. Numbers in it are never usage.
    fn tool_result(&mut self, content: u64, result: u64, out: &mut Vec<u8>) {
        self.open("user", out);
        let id = self.random.next();
        let head = r#","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_"#;
        put(out, format_args!(r#"{head}{id:016x}","content":""#));
        self.filler.write(&mut self.random, content, out);
        out.extend_from_slice(br#"","is_error":false}]},"toolUseResult":"#);
        match self.random.below(100) {
            0..60 => {
                out.extend_from_slice(br#"{"stdout":""#);
                self.filler.write(&mut self.random, result, out);
                out.extend_from_slice(br#"","stderr":"","interrupted":false,"isImage":false}"#);
            }
            60..85 => {
                out.extend_from_slice(br#"{"type":"text","usage":{"output_tokens":999},"file":{"content":""#);
                self.filler.write(&mut self.random, result, out);
                out.extend_from_slice(br#"","numLines":120,"startLine":1,"totalLines":120}}"#);
            }
            _ => {
                let start = self.random.below(5_000);
                put(out, format_args!(r#"{{"structuredPatch":[{{"oldStart":{start},"oldLines":9,"lines":[""#));
                for _ in 0..result / 67 {
                    self.filler.write(&mut self.random, 64, out);
                    out.extend_from_slice(br#"",""#);
                }
                out.extend_from_slice(br#""]}],"userModified":false}"#);
            }
        }
        out.extend_from_slice(b"}\n");
    }

    fn bash_progress(&mut self, filler: u64, out: &mut Vec<u8>) {
        self.open("progress", out);
        out.extend_from_slice(br#","data":{"type":"bash_progress","output":""#);
        self.filler.write(&mut self.random, filler / 2, out);
        out.extend_from_slice(br#"","fullOutput":""#);
        self.filler.write(&mut self.random, filler / 2, out);
        out.extend_from_slice(b"\",\"elapsedTimeSeconds\":4,\"totalLines\":12}}\n");
    }

    /// A subagent's response that only the parent's progress lines hold, as older clients write it.
    fn agent_progress(&mut self, filler: u64, out: &mut Vec<u8>) {
        let (id, tokens) = (self.random.next(), self.tokens());
        for line in 1..=2 {
            self.open("progress", out);
            out.extend_from_slice(br#","data":{"type":"agent_progress","agentId":"a1","message":{"type":"assistant""#);
            self.message(id, &tokens, tokens.output * line / 2, line == 2, filler / 2, out);
            out.extend_from_slice(b"}}}\n");
        }
        self.totals += tokens;
    }

    /// A record of the other types, or a line that is none.
    fn odd_one(&mut self, out: &mut Vec<u8>) {
        match self.random.below(100) {
            0..40 => {
                self.open("file-history-snapshot", out);
                out.extend_from_slice(b",\"snapshot\":{\"trackedFileBackups\":{}},\"isSnapshotUpdate\":false}\n");
            }
            40..60 => {
                self.open("system", out);
                out.extend_from_slice(b",\"subtype\":\"turn_duration\",\"durationMs\":41234}\n");
            }
            60..75 => out.extend_from_slice(b"{\"type\":\"queue-operation\",\"operation\":\"dequeue\"}\n"),
            75..85 => {
                out.extend_from_slice(b"{\"type\":\"summary\",\"summary\":\"What was done\",\"leafUuid\":\"u\"}\n");
            }
            85..93 => {
                self.open("attachment", out);
                out.extend_from_slice(b",\"attachment\":{\"type\":\"todo\",\"content\":[]}}\n");
            }
            93..98 => {
                self.open("assistant", out);
                out.extend_from_slice(
                    b",\"message\":{\"id\":\"error\",\"role\":\"assistant\",\"model\":\"<synthetic>\",\"content\":[],\
                      \"usage\":{\"input_tokens\":7,\"output_tokens\":7}},\"isApiErrorMessage\":true}\n",
                );
            }
            _ => out.extend_from_slice(b"{\"type\":\"assistant\",\"message\":{\"id\":\n"),
        }
    }

    /// The fields that records share.
    fn open(&mut self, kind: &str, out: &mut Vec<u8>) {
        self.clock += self.random.between(200, 20_000);
        let (day, time) = (self.clock / DAY % DAYS, self.clock % DAY);
        let (hour, minute, second, milli) = (time / 3_600_000, time / 60_000 % 60, time / 1_000 % 60, time % 1_000);
        let (month, day) = (day / 28 + 1, day % 28 + 1);
        let uuid = self.random.next();
        let Author { session_id, project, agent_id } = &self.author;
        put(
            out,
            format_args!(
                r#"{{"type":"{kind}","uuid":"{uuid:016x}","sessionId":"{session_id}","timestamp":"2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z","cwd":"{project}","version":"2.1.60""#
            ),
        );
        if let Some(agent_id) = agent_id {
            put(out, format_args!(r#","isSidechain":true,"agentId":"{agent_id}""#));
        }
    }
}

/// Writing to a vector cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Text as it stands between the quotes of a JSON string, to be had in any length.
pub(crate) struct Filler(Vec<u8>);

/// No escape reaches over the edge of a block.
const BLOCK: u64 = 64;
const BLOCKS: u64 = 16 << 10;

impl Filler {
    pub(crate) fn new(seed: u64) -> Self {
        const WORDS: [&str; 16] = [
            "fn ",
            "the ",
            "self.",
            "return ",
            "\\n    ",
            "\\n",
            "value",
            " = ",
            "session ",
            "\\\"name\\\"",
            "of ",
            "lines(",
            "); ",
            "test ",
            "größe ",
            "\\t",
        ];
        let mut random = Random::new(seed, u64::MAX);
        let mut text = Vec::with_capacity((BLOCK * BLOCKS) as usize);
        for _ in 0..BLOCKS {
            let end = text.len() + BLOCK as usize;
            loop {
                // Some words come more often: escapes are one byte in thirty of real text.
                let word = WORDS[random.below(16).min(random.below(24)) as usize];
                if text.len() + word.len() > end {
                    break;
                }
                text.extend_from_slice(word.as_bytes());
            }
            text.resize(end, b'.');
        }
        Self(text)
    }

    /// Writes about so many bytes.
    fn write(&self, random: &mut Random, bytes: u64, out: &mut Vec<u8>) {
        let mut blocks = bytes.div_ceil(BLOCK);
        while blocks > 0 {
            let start = random.below(BLOCKS);
            let take = blocks.min(BLOCKS - start);
            out.extend_from_slice(&self.0[(start * BLOCK) as usize..((start + take) * BLOCK) as usize]);
            blocks -= take;
        }
    }
}
