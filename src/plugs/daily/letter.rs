//! `sessionmill digest`: writes the digest as text, as a page, or as JSON.

use super::digest::{Digest, Section};
use crate::base::atomic_file;
use crate::base::days::Span;
use crate::base::error::{Error, Result, Status};
use crate::base::printable::printable;
use crate::command::form::left_out;
use crate::command::scope::Current;
use crate::command::terminal::fitted;
use crate::command::{print, remark, screen};
use crate::plug::Context;
use crate::plugs::usage::report::filter::{Filter, Only};
use crate::plugs::usage::report::html;
use crate::plugs::usage::report::names::Names;
use crate::plugs::usage::report::spending::saved_words;
use crate::plugs::usage::report::times;
use crate::price::Prices;
use crate::report::csv::Texts;
use crate::report::money;
use crate::report::render::{self, Format, NOTHING, pretty};
use crate::report::screen::{Screen, Tone};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Write a digest of some days, for team leads
///
/// Costs by day, people with their active time and the outcome of their work, the projects that changed most, failures
/// and their cost, knowledge that waits for review, budgets, and the quality of the data; compared with the days
/// before. The digest of a project or team has neither knowledge nor budgets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill digest\n  sessionmill digest --period 2026-02 --to february.html")]
pub(super) struct Args {
    /// The days: last-week, last-month, 7d, 2026-02 and so on, as for reports
    #[arg(long, value_name = "PERIOD", default_value = "last-week")]
    period: Span,

    /// Only this project: its name, a working directory, or a repository with its worktrees
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Only people of this team
    #[arg(long)]
    team: Option<String>,

    /// Format [default: by the extension of the file: .html or .json; else text]
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Shape>,

    /// Short for --format json
    #[arg(long)]
    json: bool,

    /// The file to write, or - for stdout; an existing file is replaced
    #[arg(long, alias = "out", value_name = "FILE", default_value = "-")]
    to: PathBuf,

    #[command(flatten)]
    current: Current,
}

/// How the digest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    Text,
    /// A page that needs no network, for browsers or mail
    Html,
    Json,
}

impl Args {
    fn shape(&self) -> Shape {
        let ending = self.to.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        match (self.format, ending.as_ref().and_then(|ending| ending.to_str())) {
            _ if self.json => Shape::Json,
            (Some(format), _) => format,
            (None, Some("html" | "htm")) => Shape::Html,
            (None, Some("json")) => Shape::Json,
            (None, _) => Shape::Text,
        }
    }
}

pub(super) fn digest(args: &Args, context: &Context) -> Result<Status> {
    let mut setup = args.current.setup(&[sessionmill_usage::NAME, sessionmill_verification::NAME], context)?;
    let days = args.period.days(setup.today);
    setup.days = days;
    let before = args.period.before(setup.today).ok_or_else(|| {
        Error::new(Status::Usage, format!("a digest is about days with a beginning, not {days}"))
            .hint("--period last-month")
    })?;
    let prices = Prices::new(&setup.config.price)?;
    let only = |name: &Option<String>| name.clone().map(Only::short);
    let (digest, newest, about) = setup.read(context, |reader| {
        let all = Filter::of_all(setup.zone, setup.identities.clone());
        let whole = Filter { project: only(&args.project), team: only(&args.team), ..all };
        let whole = Names::new(reader).resolve(&whole)?;
        let digest = Digest::read(reader, &setup, &whole, &prices, [days, before], context.now.wall)?;
        let newest = if digest.is_empty { times::newest(reader, &whole)? } else { None };
        Ok((digest, newest, whole))
    })?;
    about.names().filter_map(|(what, _, only)| only.stood_for(what)).for_each(|note| remark(&note));
    setup.tell_days(digest.is_empty, newest);
    let is_stdout = args.to.as_os_str() == "-";
    let text = match args.shape() {
        Shape::Text if digest.is_empty => NOTHING.to_owned(),
        Shape::Text => words(&digest, if is_stdout { screen() } else { Screen::default() })?,
        Shape::Html => page(&digest),
        Shape::Json => pretty(&object(&digest)),
    };
    if is_stdout {
        return print(&text);
    }
    atomic_file::write(&args.to, &text, None).map_err(|error| Error::cannot("write", args.to.display(), error))?;
    remark(&format!("written: {}", args.to.display()));
    Ok(Status::Done)
}

/// `Digest of 2026-02-23 to 2026-03-01, project shop`.
fn heading(digest: &Digest) -> String {
    let about = digest.about.iter().map(|name| format!(", {name}")).collect::<String>();
    format!("Digest of {}{about}", digest.days)
}

/// `$412.00, +12 % on $367.00 of 2026-02-16 to 2026-02-22; caches saved $1,204.00`.
fn spent(digest: &Digest) -> String {
    let Some(cost) = digest.cost else { return "nothing with a price".to_owned() };
    let cost = money::rounded(cost);
    let spent = match (digest.change(), digest.cost_before) {
        (Some(change), Some(before)) if before > 0 => {
            format!("{cost}, {} on {} of {}", render::change(change), money::rounded(before), digest.before)
        }
        _ => format!("{cost}; nothing {}", digest.before.within()),
    };
    let saved = digest.saved.filter(|saved| *saved != 0).map(|saved| format!("; {}", saved_words(saved)));
    spent + &saved.unwrap_or_default()
}

fn words(digest: &Digest, screen: Screen) -> Result<String> {
    let title = |text: &str| screen.paint(Tone::Strong, text);
    let prose = |text: &str| if screen.width.is_some() { fitted(text, 2) } else { text.to_owned() } + "\n";
    let mut words = format!("{}\n{}\n", title(&heading(digest)), spent(digest));
    for standing in &digest.budgets {
        let words_of = screen.paint(Tone::of_state(standing.state()), standing.words());
        words += &format!("this month's budget {}: {words_of}\n", printable(&standing.budget.name));
    }
    for Section { title: name, sheet, empty, .. } in &digest.sections {
        words += &format!("\n{}\n", title(name));
        if sheet.rows.is_empty() {
            words += &prose(empty);
        } else {
            let written = render::sheet(sheet, Format::Table, Texts::Safe, screen, &mut std::io::sink())?;
            words += &written.text;
            words.extend(left_out(&written).map(|note| prose(&note)));
        }
        words.extend(sheet.notes.iter().map(|note| prose(note)));
    }
    Ok(words)
}

fn page(digest: &Digest) -> String {
    let mut body = format!("<p>Spent: <strong>{}</strong></p>\n", html::text::Text(&spent(digest)));
    for standing in &digest.budgets {
        body += &format!(
            "<p>This month's budget {}</p>\n",
            html::text::Text(&format!("{}: {}", standing.budget.name, standing.words()))
        );
    }
    for Section { name, title, sheet, empty } in &digest.sections {
        body += &format!("<h2 id=\"{name}\">{title}</h2>\n");
        body += &match sheet.rows.is_empty() {
            true => format!("<p class=\"soft\">{empty}</p>\n"),
            false => html::table::sheet("", sheet),
        };
        body.extend(sheet.notes.iter().map(|note| format!("<p class=\"soft\">{}</p>\n", html::text::Text(note))));
    }
    let about = digest.as_of.as_ref().map(|time| format!("as of {time}")).unwrap_or_default();
    let links = digest.sections.iter().map(|section| (section.name, section.title)).collect::<Vec<_>>();
    html::document(&heading(digest), &about, &html::links(&links), &body)
}

fn object(digest: &Digest) -> Value {
    let days = |days: crate::base::days::Days| json!({"since": days.since.map(|day| day.to_string()), "until": days.until.map(|day| day.to_string())});
    let section = |section: &Section| {
        let mut object = json!({"name": section.name, "title": section.title});
        if let (Value::Object(object), Value::Object(sheet)) = (&mut object, section.sheet.json()) {
            object.extend(
                sheet.into_iter().filter(|(name, _)| ["by", "rows", "totals", "unpriced"].contains(&name.as_str())),
            );
        }
        object["notes"] = json!(section.sheet.notes);
        object
    };
    json!({
        "period": days(digest.days), "before": days(digest.before), "about": digest.about, "as_of": digest.as_of,
        "cost_usd": digest.cost.map(money::dollars), "before_cost_usd": digest.cost_before.map(money::dollars),
        "cache_saved_usd": digest.saved.map(money::dollars),
        "change": digest.change().and_then(crate::report::compare::number),
        "budgets": digest.budgets.iter().map(super::budget::BudgetStatus::json).collect::<Vec<_>>(),
        "sections": digest.sections.iter().map(section).collect::<Vec<_>>(),
    })
}
