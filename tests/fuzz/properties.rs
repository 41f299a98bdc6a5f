//! What must hold for any bytes: the fuzzer's targets and an ordinary test share these.

use sessionmill::dialect::Reader;
use sessionmill::read::lines::{At, Line, Lines};
use sessionmill::source::compression::{Compression, Unpacker};
use sessionmill::source::open::Refusal;
use sessionmill::source::rejection::Rejection;
use sessionmill::source::scan;
use sessionmill_contract::event::Usage as Tokens;
use sessionmill_contract::{Activity, Agent, Event, FailureClass, Processor as _, Rows, Said, SourceFile, Transcript};
use sessionmill_usage::Usage;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Splitting in windows is splitting at once: the first two bytes choose the cap and the windows.
pub fn lines(input: &[u8]) {
    let [cap, seed, text @ ..] = input else { return };
    let cap = usize::from(*cap);
    let mut lines = Lines::new(cap);
    let mut split = Vec::new();
    let mut each = |at: At, line: Line<'_>| match line {
        Line::Whole(line) => split.push((at, Some(line.to_vec()))),
        Line::Oversize => split.push((at, None)),
    };
    let (mut rest, mut step) = (text, usize::from(*seed));
    while !rest.is_empty() {
        step = (step * 31 + 7) % 61;
        let (window, after) = rest.split_at(step.min(rest.len()));
        lines.feed(window, &mut each);
        rest = after;
    }
    let mut expected: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let tail = expected.pop().unwrap_or_default();
    let within = |line: &&[u8]| line.len() <= cap;
    let mut offset = 0;
    let mut places = (1..).map(|number| At { number, offset: 0 });
    let mut place = |line: &[u8]| {
        let at = At { offset, ..places.next().unwrap() };
        offset += line.len() as u64 + 1;
        at
    };
    let numbered: Vec<_> =
        expected.iter().map(|line| (place(line), Some(*line).filter(within).map(<[u8]>::to_vec))).collect();
    let last = place(tail);
    assert_eq!(numbered, split, "windows matter");
    assert_eq!(lines.count(), expected.len() as u64);
    let tail = Some(tail).filter(within).filter(|tail| !tail.is_empty());
    assert_eq!(lines.tail(), tail.map(|tail| (last, tail)));
}

/// No text of an event that a processor keeps is longer.
const LONGEST: usize = 512;

/// Dialects make sane events of any bytes, and the processors sane facts of the events.
pub fn dialects(input: &[u8]) {
    assert_eq!(events(input), events(input), "the same bytes say the same");
}

/// Folds the bytes as a file; returns the facts, as text.
fn events(input: &[u8]) -> String {
    let file = SourceFile::new("ada/s.jsonl", "ada");
    let mut fold = Usage.open(&file);
    let mut reader = Reader::default();
    let mut lines = Lines::new(32 << 20);
    let mut each = |At { number, offset }: At, line: &[u8]| {
        let mut begun = false;
        reader.line(number, offset, line.trim_ascii(), &mut |event| {
            assert_eq!(event.line, number);
            match event.said {
                Said::Malformed { .. } => {}
                Said::Record { .. } => begun = true,
                _ => assert!(begun, "a record begins with its line"),
            }
            is_sane(event);
            fold.event(event);
        });
    };
    lines.feed(input, |at, line| {
        if let Line::Whole(line) = line {
            each(at, line);
        }
    });
    if let Some((at, tail)) = lines.tail() {
        each(at, tail);
    }
    let last = lines.count() + 1;
    let read = lines.count() + u64::from(lines.tail().is_some());
    assert_eq!(reader.dialects().map(|(_, lines)| lines).sum::<u64>(), read, "every line is in one dialect");
    reader.end(&mut |event| {
        assert!((1..=last).contains(&event.line), "what is said at the end is of a line");
        is_sane(event);
        fold.event(event);
    });
    let held = fold.held();
    let mut facts = Rows::default();
    assert!(fold.finish(&mut facts).is_ok(), "parsing never fails a file");
    assert!(facts.len() <= 2 * held + 1 || held == 0, "{} facts of {held} held", facts.len());
    format!("{facts:?}")
}

fn is_sane(event: &Event<'_>) {
    let mut texts = vec![event.id];
    if let Some(time) = event.time {
        let year = chrono::Datelike::year(&time);
        let first = if matches!(event.said, Said::Agent(..)) { 1970 } else { 1 };
        assert!((first..=9999).contains(&year), "{year}");
    }
    let count = |tokens: &Tokens| {
        let Tokens { input, output, cache_write, cache_write_1h, cache_read, reasoning } = *tokens;
        assert!([input, output, cache_write, cache_read].iter().all(|count| *count <= Tokens::MAX_COUNT));
        assert!(cache_write_1h <= cache_write && reasoning <= output);
    };
    if let Said::Activity(activity) = event.said {
        texts.extend(texts_of(activity));
        assert!(!activity.distinct_id.is_empty());
        assert!(activity.links.iter().all(|link| link.user != link.anonymous));
        for address in [activity.url, activity.path, activity.referrer].into_iter().flatten() {
            assert!(address.len() <= Activity::LONGEST_URL);
        }
        assert!(activity.properties.starts_with('{'), "{}", activity.properties);
    }
    let said = if let Said::Agent(transcript, said) = event.said {
        let Transcript { session_id, cwd, branch, version, agent_id, .. } = *transcript;
        texts.extend([session_id, cwd, branch, version, agent_id]);
        said
    } else {
        Agent::Begin
    };
    match said {
        Agent::Response(response) => {
            texts.extend([response.message_id, response.model, response.stop_reason]);
            texts.extend([response.service_tier, response.inference_geo]);
            count(&response.usage);
            response.compactions.iter().for_each(count);
            for advisor in response.advisors.iter().chain(response.declined) {
                texts.push(advisor.model);
                count(&advisor.usage);
            }
            assert!(response.web_searches <= Tokens::MAX_COUNT);
        }
        Agent::ToolCall(call) => texts.extend([call.call_id, call.message_id, Some(call.tool)]),
        Agent::ToolResult { call_id, .. } => texts.push(call_id),
        Agent::Subagent { call_id, agent_id } => texts.extend([Some(call_id), Some(agent_id)]),
        Agent::SlashCommand { name } => texts.push(Some(name)),
        _ => {}
    }
    let longest = texts.into_iter().flatten().map(str::len).max();
    assert!(longest <= Some(LONGEST), "{longest:?}");
}

/// The texts of an activity but for addresses.
fn texts_of<'a>(activity: &Activity<'a>) -> Vec<Option<&'a str>> {
    let Activity { campaign, device, geo, .. } = *activity;
    let mut texts = vec![Some(activity.name), Some(activity.distinct_id), activity.client_session_id];
    texts.extend([campaign.source, campaign.medium, campaign.name, campaign.term, campaign.content]);
    texts.extend([
        device.kind,
        device.os,
        device.os_version,
        device.browser,
        device.browser_version,
        device.user_agent,
    ]);
    texts.extend([geo.ip, geo.country, geo.region, geo.city, geo.timezone]);
    texts.extend(activity.click_ids.iter().map(|(_, value)| Some(*value)));
    texts.extend(activity.links.iter().flat_map(|link| [Some(link.user), Some(link.anonymous)]));
    texts
}

/// Any bytes are an archive or a damaged one, and windows do not matter: the first byte chooses them.
pub fn forms(input: &[u8]) {
    let [seed, stored @ ..] = input else { return };
    for form in [Compression::Gzip, Compression::Zstd] {
        let (text, is_whole) = unpacked(form, stored, stored.len().max(1));
        let (again, is_whole_again) = unpacked(form, stored, usize::from(*seed) + 1);
        assert_eq!(is_whole, is_whole_again, "windows matter");
        assert!(!is_whole || text == again, "windows matter");
    }
}

/// The text of an archive that comes in windows of this size, and whether it is one. No more than a megabyte.
fn unpacked(form: Compression, stored: &[u8], window: usize) -> (Vec<u8>, bool) {
    let mut text = Vec::new();
    let mut sink = |piece: &[u8]| {
        text.extend_from_slice(piece);
        if text.len() > 1 << 20 { Err(Refusal::Rejected(Rejection::OverCap)) } else { Ok(()) }
    };
    let Ok(Some(mut unpacker)) = Unpacker::new(form, FailureClass::Changed) else { panic!("it cannot be begun") };
    let fed = stored.chunks(window).try_for_each(|window| unpacker.feed(window, &mut sink));
    let ended = fed.and_then(|()| unpacker.end(&mut sink));
    (text, ended.is_ok())
}

/// Two paths, with a zero between them, have two keys, and each key tells its path.
pub fn keys(input: &[u8]) {
    let key = |bytes: &[u8]| scan::key(Path::new(OsStr::from_bytes(bytes)));
    let (a, b) = input.split_at(input.iter().position(|byte| *byte == 0).unwrap_or(input.len()));
    let b = b.get(1..).unwrap_or_default();
    for path in [a, b] {
        assert_eq!(decoded(&key(path)), path, "{:?}", key(path));
        let folders = |text: &[u8]| text.split(|byte| *byte == b'/').count();
        assert_eq!(folders(key(path).as_bytes()), folders(path));
    }
    assert_eq!(a == b, key(a) == key(b));
}

/// The path that a key tells.
fn decoded(key: &str) -> Vec<u8> {
    let mut parts = key.split('%');
    let mut path = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        path.extend(u8::from_str_radix(hex, 16));
        path.extend_from_slice(rest.as_bytes());
    }
    path
}
