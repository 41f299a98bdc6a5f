//! `sessionmill session`: usage by session, or one session step by step.

use crate::base::error::{Error, Result, Status, count, thousands};
use crate::command::form::tell_left_out;
use crate::command::scope::Usual;
use crate::command::{print, remark, screen};
use crate::plug::Context;
use crate::plugs::usage::commands::report::{self, Options};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::family::Member;
use crate::plugs::usage::report::prompts::Prompt;
use crate::plugs::usage::report::step::{CELLS, Step, What};
use crate::plugs::usage::report::timeline::{self, Timeline};
use crate::plugs::usage::report::trouble::meaning;
use crate::price::PicoUsd;
use crate::report::csv;
use crate::report::grid::{Field, bar, beginning, grid};
use crate::report::money;
use crate::report::render::{self, Format};
use crate::report::screen::Screen;
use crate::store::cell::plain;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// Usage by session, or one session step by step
///
/// Without an id: short for `report --by session`. With an id: every response and call of that session in order of
/// time, with its line in the transcript, and why a call was unsuccessful; what followed each prompt; its subagents as
/// a tree, with their cost; and a total. Lines of other files than the first are shown with the file's name. JSON and
/// CSV also have the size of the context of each response.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Session id, or the beginning of one
    id: Option<String>,

    /// Show the prompts, the subagents and the total, without the steps
    #[arg(long, requires = "id")]
    prompts: bool,

    #[command(flatten)]
    options: Options,
}

pub(super) fn session(args: &Args, context: &Context) -> Result<Status> {
    let Args { id: Some(id), options, prompts: is_brief } = args else {
        return report::report(&[By::Session], &args.options, context);
    };
    let processors = [sessionmill_usage::NAME, sessionmill_tracking::NAME, sessionmill_verification::NAME];
    let report = options.scope.report_of(&processors, Usual::All, context)?;
    if options.explain || options.breakdown || options.shown.is_chosen() || report.filter.is_narrow() {
        let message = "a session is shown whole and in order of time: leave out the other choices";
        return Err(Error::new(Status::Usage, message));
    }
    let timeline =
        report.read(context, |_| false, |reader, filter, prices| timeline::timeline(reader, id, filter, prices))?;
    if let Some(words) = timeline.missing() {
        remark(&format!("note: {words}"));
    }
    let format = options.format().ok_or_else(|| Error::new(Status::Usage, "ccusage has no format for one session"))?;
    print(&match format {
        Format::Table => {
            let steps = if *is_brief { String::new() } else { table(&timeline, report.filter.zone, screen()) + "\n" };
            steps + &prompts(&timeline, report.filter.zone) + &subagents(&timeline.subagents) + &total(&timeline)
        }
        Format::Json => render::pretty(&timeline.json()),
        Format::Csv => {
            let row = |step: &Step| {
                let json = step.json();
                CELLS.map(|name| plain(json.get(name).unwrap_or(&Value::Null))).to_vec()
            };
            csv::csv(CELLS.map(str::to_owned).into(), timeline.steps.iter().map(row), options.raw.texts())?
        }
    })
}

/// The table of steps: time, tokens, cost and line of each. On a narrow screen, numbers and times are shortened, and
/// the line is dropped before any number.
fn table(timeline: &Timeline, zone: Tz, screen: Screen) -> String {
    let fields = [
        Field::name("Time"),
        Field::line("What").at_least(44),
        Field::number("Input").spare(3),
        Field::number("Output").spare(2),
        Field::number("Cache write").spare(4),
        Field::number("Cache read").spare(4),
        Field::number("Cost").spare(1),
        Field::path("Line").spare(5),
    ];
    let file = timeline.steps.iter().map(|step| step.file.as_str()).next().unwrap_or_default();
    let rows = |form: &Form| timeline.steps.iter().map(|step| row(step, zone, form, file)).collect::<Vec<_>>();
    let rows_of_whole = rows(&WHOLE);
    let bare = grid(&fields, &rows_of_whole, Screen::default()).text;
    let widest = bare.lines().map(UnicodeWidthStr::width).max().unwrap_or_default();
    let title = timeline.facts.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
    let id = format!("{}{title}", timeline.session_id);
    if screen.width.is_none_or(|width| widest <= width) {
        remark(&format!("session {id}, lines of {file}"));
        return grid(&fields, &rows_of_whole, screen).text;
    }
    let days: BTreeSet<_> = timeline.steps.iter().filter_map(|step| step.time).map(|time| day(time, zone)).collect();
    let (form, day) = match days.first() {
        Some(day) if days.len() == 1 => (Form { time: "%H:%M:%S", ..SHORT }, format!(", {day}")),
        _ => (SHORT, String::new()),
    };
    remark(&format!("session {id}{day}, lines of {file}"));
    let written = grid(&fields, &rows(&form), screen);
    tell_left_out(&written);
    written.text
}

/// The words of each prompt. A prompt that only agrees or continues gets those of the prompt before. If the first
/// prompt has no words, the session's title is used if it comes from a prompt.
fn words_of(Timeline { prompts, facts, .. }: &Timeline) -> Vec<String> {
    let is_said = facts.title_source.as_deref() == Some("prompt");
    let mut first = facts.title.clone().filter(|_| is_said);
    let mut last: Option<String> = None;
    let words = prompts.iter().map(|prompt| match prompt {
        Prompt { time: None, .. } => "(before the first prompt)".to_owned(),
        Prompt { words, .. } => {
            let first = first.take();
            last = words.clone().or_else(|| last.clone());
            match (words, first, &last) {
                (Some(words), ..) => words.clone(),
                (None, Some(title), _) => title,
                (None, None, Some(last)) => format!("(goes on) {last}"),
                (None, None, None) => "–".to_owned(),
            }
        }
    });
    words.collect()
}

/// The table of prompts, and what followed each.
fn prompts(timeline: &Timeline, zone: Tz) -> String {
    let prompts = &timeline.prompts;
    if prompts.iter().all(|prompt| prompt.time.is_none()) {
        return String::new();
    }
    // On a terminal, a bar compares each row with the costliest. Programs can compute this.
    let most = prompts.iter().filter_map(|prompt| prompt.cost).max();
    let most = most.filter(|_| screen().is_terminal && prompts.len() > 1);
    let fields = [
        Field::name("Time").spare(3),
        Field::line("Prompt").at_least(30),
        Field::number("Responses").spare(5),
        Field::number("Tokens").spare(1),
        Field::number("Calls").spare(4),
        Field::failures("Failed").spare(2),
        Field::number("Active").spare(2),
        Field::number("Cost"),
    ];
    let row = |(prompt, words): (&Prompt, String)| {
        let cells = [
            prompt.time.map(|time| time.with_timezone(&zone).format("%m-%d %H:%M").to_string()).unwrap_or_default(),
            words,
            thousands(prompt.responses),
            render::short(prompt.total_tokens),
            thousands(prompt.calls.into()),
            thousands(prompt.errors.into()),
            render::hours(prompt.active_micros / 1_000_000),
            prompt.cost.map_or_else(|| "–".to_owned(), money::rounded),
        ];
        cells.into_iter().chain(most.map(|most| bar(prompt.cost.unwrap_or_default(), most))).collect::<Vec<_>>()
    };
    let fields: Vec<_> = fields.into_iter().chain(most.map(|_| Field::drawing(""))).collect();
    grid(&fields, &prompts.iter().zip(words_of(timeline)).map(row).collect::<Vec<_>>(), screen()).text + "\n"
}

/// The subagents as a tree, each with its own cost and its cost with the subagents that it called.
fn subagents(family: &[Member]) -> String {
    if family.is_empty() {
        return String::new();
    }
    let fields = [
        Field::name("Subagent"),
        Field::name("Type"),
        Field::number("Responses").spare(1),
        Field::number("Cost"),
        Field::number("With its own").spare(2),
    ];
    let cost = |cost: Option<PicoUsd>| cost.map_or_else(|| "–".to_owned(), money::rounded);
    let row = |member: &Member| {
        vec![
            format!("{}{}", "  ".repeat(member.depth), member.id),
            member.kind.clone().unwrap_or_default(),
            thousands(member.spent.responses),
            cost(member.spent.cost),
            cost(member.total),
        ]
    };
    grid(&fields, &family.iter().map(row).collect::<Vec<_>>(), screen()).text + "\n"
}

/// The totals of all steps.
fn total(Timeline { total, outcome, facts, .. }: &Timeline) -> String {
    let number = |number: i128, noun| count(number.try_into().unwrap_or_default(), noun);
    let cost = total.cost.map_or_else(|| "no price".to_owned(), money::rounded);
    let (tokens, responses) = (render::short(total.tokens.total()), number(total.responses, "response"));
    let (prompts, calls, failed) = (count(facts.prompts, "prompt"), count(outcome.calls, "call"), outcome.errors);
    let stopped = format!("{}, {}", count(facts.interruptions, "interruption"), count(outcome.rejections, "rejection"));
    format!("Total  {cost}, {tokens} tokens, {responses}\n       {prompts}, {calls}, {failed} failed; {stopped}\n")
}

/// The most characters that are shown of the message that a model got for an unsuccessful call.
const SAID: usize = 100;

/// How times and numbers are written.
struct Form {
    time: &'static str,
    number: fn(i128) -> String,
}

const WHOLE: Form = Form { time: "%Y-%m-%d %H:%M:%S", number: thousands };
const SHORT: Form = Form { time: "%m-%d %H:%M:%S", number: render::short };

fn day(time: DateTime<Utc>, zone: Tz) -> NaiveDate {
    time.with_timezone(&zone).date_naive()
}

fn row(step: &Step, zone: Tz, form: &Form, first: &str) -> Vec<String> {
    let time = step.time.map(|time| time.with_timezone(&zone).format(form.time).to_string());
    let line = match &*step.file {
        file if file == first => step.line.to_string(),
        file => format!("{}:{}", file.rsplit('/').next().unwrap_or(file), step.line),
    };
    let cells = match &step.what {
        What::Response { model, tokens, cost, .. } => {
            let numbers = [tokens.input, tokens.output, tokens.cache_write, tokens.cache_read].map(form.number);
            let cost = cost.map_or_else(|| "–".to_owned(), money::rounded);
            [model.clone().unwrap_or_default()].into_iter().chain(numbers).chain([cost]).collect()
        }
        What::Call { tool, failed, cause, error, .. } => {
            let why = error.as_deref().or(cause.as_deref().map(meaning));
            let why = why.map(|why| format!(": {}", beginning(why, SAID))).unwrap_or_default();
            let end = match failed {
                Some(true) => format!(" failed{why}"),
                Some(false) => why,
                None => " (no result)".to_owned(),
            };
            let none = std::iter::repeat_n(String::new(), 5);
            [format!("  {tool}{end}")].into_iter().chain(none).collect::<Vec<_>>()
        }
    };
    [time.unwrap_or_default()].into_iter().chain(cells).chain([line]).collect()
}
