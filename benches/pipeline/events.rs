//! Logs of web events and of tasks, the same for the same seed, and the query over the same lines that DuckDB answers:
//! what sessionmill makes of them has to come to the same number.

use crate::random::Random;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// What a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Visits of people to a web site.
    Web,
    /// Tasks from their creation to their end.
    Tasks,
}

/// A log on disk.
#[derive(Debug)]
pub(crate) struct Log {
    pub family: Family,
    pub root: PathBuf,
    pub events: u64,
    /// People, or tasks.
    pub of: u64,
    /// Sessions, which is what the query counts too.
    pub sessions: u64,
}

/// Lines are spread over so many files.
const FILES: u64 = 20;

/// Page views of a visit, at most a few minutes apart. Visits of a person are hours apart.
const VISIT: u64 = 10;

/// Milliseconds.
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// 2026-01-01.
const START: u64 = 1_767_225_600_000;

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Tasks => "tasks",
        }
    }

    /// The processor that reads such a log.
    pub(crate) fn processor(self) -> &'static str {
        match self {
            Self::Web => "tracking",
            Self::Tasks => "tasks",
        }
    }

    /// How many sessions the processor has found, for `sessionmill query`. The processor's own runs are tasks too.
    pub(crate) fn found(self) -> &'static str {
        match self {
            Self::Web => "SELECT count(*) AS sessions FROM activity_sessions",
            Self::Tasks => {
                "SELECT count(*) AS sessions FROM task_sessions \
                 WHERE task_type = 'image_analysis' AND status = 'completed'"
            }
        }
    }

    /// The same from the lines themselves. The query computes what a row of a session needs at least; its last condition
    /// holds for all sessions, and keeps DuckDB from leaving out columns that nothing else asks for.
    pub(crate) fn query(self, root: &str) -> String {
        match self {
            Self::Web => format!(
                r#"WITH events AS (SELECT distinct_id, "timestamp"::TIMESTAMP AS moment,
                     properties->>'$."$current_url"' AS url FROM read_json('{root}/*/*.jsonl', columns =
                     {{event: 'VARCHAR', uuid: 'VARCHAR', distinct_id: 'VARCHAR', "timestamp": 'VARCHAR', properties: 'JSON'}})),
                 gaps AS (SELECT *, coalesce(moment - lag(moment) OVER person > INTERVAL 30 MINUTE, true) AS is_first
                     FROM events WINDOW person AS (PARTITION BY distinct_id ORDER BY moment)),
                 numbered AS (SELECT *, sum(is_first::INT) OVER (PARTITION BY distinct_id ORDER BY moment) AS number FROM gaps),
                 sessions AS (SELECT distinct_id, number, min(moment) AS begins, max(moment) AS ends, count(*) AS events,
                     arg_min(url, moment) AS entry_url, arg_max(url, moment) AS exit_url FROM numbered GROUP BY ALL)
                 SELECT count(*) FROM sessions WHERE ends >= begins AND events > 0 AND entry_url > '' AND exit_url > ''"#
            ),
            Self::Tasks => format!(
                r#"WITH events AS (SELECT id, "type" AS state, subject, "time"::TIMESTAMP AS moment,
                     data->>'short_id' AS short_id, data->>'task_type' AS task_type
                     FROM read_json('{root}/*/*.jsonl', columns = {{id: 'VARCHAR', source: 'VARCHAR', "type": 'VARCHAR',
                     subject: 'VARCHAR', "time": 'VARCHAR', data: 'JSON'}})),
                 numbered AS (SELECT *, row_number() OVER (PARTITION BY subject, id ORDER BY moment) AS number FROM events),
                 sessions AS (SELECT subject, min(moment) AS begins, max(moment) AS ends, count(*) AS events,
                     arg_max(state, moment) AS state, max(short_id) AS short_id, max(task_type) AS task_type
                     FROM numbered WHERE number = 1 GROUP BY subject)
                 SELECT count(*) FROM sessions WHERE state LIKE '%.completed'
                     AND ends >= begins AND events > 0 AND short_id > '' AND task_type > ''"#
            ),
        }
    }

    /// Writes a log of so many events of so many people or tasks.
    pub(crate) fn generate(self, root: &Path, events: u64, of: u64, seed: u64) -> io::Result<Log> {
        let folder = root.join("site");
        fs::create_dir_all(&folder)?;
        let file = |number| File::create(folder.join(format!("{number:02}.jsonl"))).map(BufWriter::new);
        let mut files: Vec<_> = (0..FILES).map(file).collect::<io::Result<_>>()?;
        let mut random = Random::new(seed, u64::MAX - 2);
        let each = (events / of).max(1);
        let mut sessions = 0;
        for number in 0..of {
            let mut at = START + random.below(20 * 24 * HOUR);
            for event in 0..each {
                let is_first = event % VISIT == 0;
                let session = number.wrapping_add(if self == Self::Web { event / VISIT } else { 0 });
                let file = &mut files[(session % FILES) as usize];
                match self {
                    Self::Web => {
                        at += if is_first {
                            2 * HOUR + random.below(20 * HOUR)
                        } else {
                            1_000 + random.below(5 * MINUTE)
                        };
                        sessions += u64::from(is_first);
                        view(number, event, at, random.below(500), file)?;
                    }
                    Self::Tasks => {
                        at += 1_000 + random.below(5 * MINUTE);
                        let state = if event == 0 { "created" } else { "updated" };
                        let state = if event + 1 == each { "completed" } else { state };
                        sessions += u64::from(state == "completed");
                        task(number, event, at, state, file)?;
                    }
                }
            }
        }
        files.iter_mut().try_for_each(io::Write::flush)?;
        Ok(Log { family: self, root: root.to_owned(), events: each * of, of, sessions })
    }
}

fn view(person: u64, event: u64, at: u64, page: u64, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(
        out,
        r#"{{"event":"$pageview","uuid":"{person:08x}-{event:08x}","distinct_id":"p{person}","timestamp":"{}","properties":{{"$current_url":"https://shop.example.org/p/{page}","$os":"Linux","$browser":"Firefox","$screen_width":1280,"$screen_height":800,"$lib":"web"}}}}"#,
        moment(at)
    )
}

fn task(task: u64, event: u64, at: u64, state: &str, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(
        out,
        r#"{{"specversion":"1.0","id":"e{task:x}-{event}","source":"/runner","type":"org.example.task.{state}","subject":"t{task}","time":"{}","data":{{"short_id":"s{task}","task_type":"image_analysis","user_id":"u{}"}}}}"#,
        moment(at),
        task % 100
    )
}

/// `2026-01-02T03:04:05.678Z`, of milliseconds since 1970.
fn moment(millis: u64) -> impl std::fmt::Display {
    let time = i64::try_from(millis).ok().and_then(chrono::DateTime::from_timestamp_millis).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ")
}
