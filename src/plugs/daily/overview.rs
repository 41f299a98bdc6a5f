//! `sessionmill` without a command, or `sessionmill overview`: costs, running sessions and failures on one screen.

use super::budget::{self, BudgetStatus};
use crate::base::days::{Days, Span};
use crate::base::error::{Result, Status, count, thousands};
use crate::base::printable::printable;
use crate::command::scope::{Current, ReportSetup};
use crate::command::terminal::fitted;
use crate::command::{glance, print, screen};
use crate::plug::Context;
use crate::plugs::usage::report::calls;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::period::{self, day};
use crate::plugs::usage::report::sessions::{self, CELLS, Session};
use crate::plugs::usage::report::spending::{self, Spent, model_name};
use crate::plugs::usage::report::times;
use crate::price::{PicoUsd, Prices};
use crate::report::compare::{self, change};
use crate::report::grid::{Field, grid, sparkline};
use crate::report::listing::named;
use crate::report::render::{self, percent, pretty, short};
use crate::report::screen::{Screen, Tone};
use crate::report::status::Status as Health;
use crate::report::{money, ratio};
use crate::store::reader::Reader;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::json;
use sessionmill_usage::NAME;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Show what was spent, what runs and what failed, on one screen; the same as no command
///
/// Costs are those of today, this week and this month, compared with yesterday and the same days of the week and month
/// before. A session is running if it had a response within the last quarter of an hour. Sessions, calls and failures
/// are those of the last seven days.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    current: Current,

    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// A session is running if it had a response within this time.
const RUNNING: TimeDelta = TimeDelta::minutes(15);

/// The lines of a terminal, without the line of the prompt.
const LINES: usize = 23;

/// The most budgets with a line of their own, those with concerns first.
const BUDGETS: usize = 3;

/// If fewer than one in this number of calls fail, that is normal.
const MANY: u64 = 10;

/// The data of the page.
struct Page {
    days: BTreeMap<NaiveDate, Spent>,
    /// Sessions of the last seven days, the costliest first.
    sessions: Vec<Session>,
    budgets: Vec<BudgetStatus>,
    /// The number of calls in the last seven days, and of those that failed.
    calls: [u64; 2],
    /// Models without a price in the last thirty days.
    unpriced: Unpriced,
    /// The newest day with usage, if there is nothing else to show.
    newest: Option<NaiveDate>,
    now: DateTime<Utc>,
    today: NaiveDate,
}

/// The costs of some days, and of the days before.
struct Spending {
    name: &'static str,
    now: Spent,
    before: Spent,
}

pub(super) fn overview(args: &Args, context: &Context) -> Result<Status> {
    let setup = args.current.setup(&[NAME], context)?;
    let prices = Prices::new(&setup.config.price)?;
    let (page, health) = glance::glance(&setup, context, NAME, |reader| {
        let page = Page::read(reader, &setup, &prices, context.now.wall, args.json)?;
        let concerns = page.budgets.iter().filter_map(BudgetStatus::concern).collect();
        Ok((page, concerns))
    })?;
    print(&if args.json { pretty(&page.json(&health)) } else { page.words(&health, &setup, screen()) })
}

/// The cost; 0 if nothing was used.
fn cost(spent: &Spent) -> Option<PicoUsd> {
    if spent.responses == 0 { Some(0) } else { spent.cost }
}

/// Models without a price, with their numbers of responses.
type Unpriced = BTreeMap<String, i128>;

/// Usage by day, and the models without a price in the last thirty days.
fn spending(
    reader: Reader<'_>,
    prices: &Prices,
    filter: &Filter,
    today: NaiveDate,
) -> Result<(BTreeMap<NaiveDate, Spent>, Unpriced)> {
    let mut days: BTreeMap<NaiveDate, Spent> = BTreeMap::new();
    let mut unpriced = Unpriced::new();
    let (zone, month) = (filter.zone, Span::Last(30).days(today));
    spending::read(
        reader,
        prices,
        period::quarter(zone),
        &filter.condition(),
        |row| row.get(0),
        |quarter: Option<i64>, model, spent| {
            let day = quarter.and_then(|quarter| day(quarter, zone));
            if spent.unpriced > 0 && day.is_some_and(|day| month.has(day)) {
                *unpriced.entry(model_name(model).to_owned()).or_default() += spent.unpriced;
            }
            day.into_iter().for_each(|day| days.entry(day).or_default().add(spent));
        },
    )?;
    Ok((days, unpriced))
}

impl Page {
    fn read(
        reader: Reader<'_>,
        setup: &ReportSetup,
        prices: &Prices,
        now: DateTime<Utc>,
        is_whole: bool,
    ) -> Result<Self> {
        let (zone, today) = (setup.zone, setup.today);
        let of = |days| Filter { days, ..Filter::of_all(zone, setup.identities.clone()) };
        let week = of(Span::Last(7).days(today));
        // The text only shows the cost of sessions, so it does not need all details.
        let read = if is_whole { sessions::sessions } else { sessions::brief };
        let of_week = |reader: Reader<'_>| Ok((read(reader, &week, prices)?, calls::totals(reader, &week)?));
        let ((sessions, totals), (days, unpriced, budgets)) = reader.both(of_week, |reader| {
            let since = Span::Month(1).days(today).since.min(Span::Last(30).days(today).since);
            let (days, unpriced) = spending(reader, prices, &of(Days { since, until: None }), today)?;
            let budgets = budget::standings(reader, &setup.config, &setup.identities, prices, zone, now)?;
            Ok((days, unpriced, budgets))
        })?;
        let calls = [0, 1].map(|at| totals[at].and_then(|number| u64::try_from(number).ok()).unwrap_or_default());
        let newest = match days.is_empty() && sessions.is_empty() {
            true => times::newest(reader, &of(Days::default()))?.map(|time| time.with_timezone(&zone).date_naive()),
            false => None,
        };
        Ok(Self { days, sessions, budgets, calls, unpriced, newest, now, today })
    }

    fn spent(&self, days: Days) -> Spent {
        let mut sum = Spent::default();
        self.days.iter().filter(|(day, _)| days.has(**day)).for_each(|(_, spent)| sum.add(spent));
        sum
    }

    fn spending(&self) -> [Spending; 3] {
        [("today", Span::Last(1)), ("this week", Span::Week(0)), ("this month", Span::Month(0))].map(|(name, span)| {
            let days = span.days(self.today);
            let before = span.before(self.today).map(|days| self.spent(days)).unwrap_or_default();
            Spending { name, now: self.spent(days), before }
        })
    }

    /// The costs of the last thirty days, or the tokens if nothing has a price.
    fn trend(&self) -> Vec<i128> {
        let has_costs = self.days.values().any(|spent| spent.cost.is_some());
        let number = |spent: &Spent| if has_costs { spent.cost.unwrap_or_default() } else { spent.tokens.total() };
        let first = Span::Last(30).days(self.today).since.unwrap_or(self.today);
        let days = first.iter_days().take_while(|day| *day <= self.today);
        days.map(|day| self.days.get(&day).map(number).unwrap_or_default()).collect()
    }

    fn running(&self) -> Vec<&Session> {
        let runs = |session: &&Session| session.ended.is_some_and(|ended| self.now - ended <= RUNNING);
        let mut running: Vec<_> = self.sessions.iter().filter(runs).collect();
        running.sort_by_key(|session| std::cmp::Reverse(session.ended));
        running
    }

    fn json(&self, health: &Health) -> serde_json::Value {
        let spending = self.spending().map(|Spending { name, now, before }| {
            let (cost, before) = (cost(&now), cost(&before));
            json!({
                "period": name, "cost_usd": cost.map(money::dollars),
                "total_tokens": crate::report::number(now.tokens.total()),
                "responses": crate::report::number(now.responses),
                "before_cost_usd": before.map(money::dollars),
                "change": change(cost, before).and_then(compare::number),
            })
        });
        let object = |session: &Session| named(CELLS, session.cells());
        let [calls, errors] = self.calls;
        json!({
            "today": self.today.to_string(), "spent": spending,
            "running": self.running().into_iter().map(object).collect::<Vec<_>>(),
            "costliest": self.sessions.iter().take(10).map(object).collect::<Vec<_>>(),
            "calls": calls, "failed_calls": errors, "unpriced": self.unpriced,
            "budgets": self.budgets.iter().map(BudgetStatus::json).collect::<Vec<_>>(),
            "state": health.state, "warnings": health.warnings,
            "processors": health.processors.iter().map(|processor| json!({
                "processor": processor.processor, "state": processor.state, "reasons": processor.reasons,
                "failures": processor.failures,
            })).collect::<Vec<_>>(),
        })
    }

    fn words(&self, health: &Health, setup: &ReportSetup, screen: Screen) -> String {
        let title = |text: &str| screen.paint(Tone::Strong, text);
        let mut words =
            format!("{}  {}\n", title("sessionmill"), self.now.with_timezone(&setup.zone).format("%a %Y-%m-%d %H:%M"));
        if self.days.is_empty() && self.sessions.is_empty() {
            return words + &self.nothing(health, screen);
        }
        words += "\n";
        words += &self.table_of_spending(screen);
        let (trend, most) = (self.trend(), self.trend().into_iter().max().unwrap_or_default());
        let unit = if self.days.values().any(|spent| spent.cost.is_some()) { money::rounded } else { short };
        let _ = writeln!(
            words,
            " 30 days  {}  {}",
            screen.paint(Tone::Live, sparkline(&trend)),
            screen.paint(Tone::Dim, format!("up to {} a day", unit(most)))
        );
        let end = self.end(health, screen);
        // The other lines: a blank line, the title, the head of the table, and the rule below it.
        let room = LINES.saturating_sub(words.lines().count() + end.lines().count() + 4);
        words += &self.table_of_sessions(room.max(1), setup, screen);
        words + &end
    }

    fn table_of_spending(&self, screen: Screen) -> String {
        let fields = [
            Field::name("Spent"),
            Field::number("Cost"),
            Field::number("Before").spare(2),
            Field::number("Change").spare(1),
            Field::number("Tokens"),
            Field::number("Cached").spare(3),
            Field::number("Responses").spare(4),
        ];
        let words = |cost: Option<PicoUsd>| cost.map_or_else(|| "–".to_owned(), money::rounded);
        let rows = self.spending().map(|Spending { name, now, before }| {
            let (cost, before) = (cost(&now), cost(&before));
            vec![
                name.to_owned(),
                words(cost),
                words(before),
                change(cost, before).map_or_else(|| "–".to_owned(), render::change),
                short(now.tokens.total()),
                match now.tokens.input + now.tokens.cache_write + now.tokens.cache_read {
                    0 => "–".to_owned(),
                    sent => percent(ratio(now.tokens.cache_read, sent, 1000)),
                },
                thousands(now.responses),
            ]
        });
        grid(&fields, &rows, screen).text
    }

    /// The running sessions, and the costliest sessions of the last seven days.
    fn table_of_sessions(&self, most: usize, setup: &ReportSetup, screen: Screen) -> String {
        if self.sessions.is_empty() {
            return String::new();
        }
        let running = self.running();
        let is_running = |session: &Session| running.iter().any(|other| other.id == session.id);
        // Running sessions are always shown.
        let others = self.sessions.iter().filter(|session| !is_running(session));
        let mut shown: Vec<_> = running.iter().copied().chain(others).take(most).collect();
        shown.sort_by_key(|session| std::cmp::Reverse((session.spent.cost, session.spent.tokens.total())));
        let has_others = self.sessions.iter().any(|session| session.user != self.sessions[0].user);
        let row = |session: &Session| {
            let last = session.ended.map(|time| time.with_timezone(&setup.zone));
            let is_today = last.is_some_and(|time| time.date_naive() == self.today);
            let form = if is_today { "%H:%M" } else { "%m-%d" };
            let mut cells = vec![
                session.facts.title.clone().unwrap_or_else(|| "(no title)".to_owned()),
                session.id.clone(),
                session.project.clone().unwrap_or_default(),
            ];
            cells.extend(has_others.then(|| session.user.clone()));
            cells.push(match is_running(session) {
                true => "running".to_owned(),
                false => last.map(|time| time.format(form).to_string()).unwrap_or_default(),
            });
            cells.push(session.spent.cost.map_or_else(|| "–".to_owned(), money::rounded));
            cells
        };
        let rows: Vec<_> = shown.into_iter().map(row).collect();
        let mut fields = vec![Field::line("Title"), Field::id("Session"), Field::project("Project").spare(1)];
        fields.extend(has_others.then(|| Field::name("User").spare(2)));
        // The page is about running sessions, so these columns are never dropped.
        fields.extend([Field::state("Last"), Field::number("Cost")]);
        let number = |number: usize| thousands(number as i128);
        let all = number(self.sessions.len());
        let of_all = match rows.len() < self.sessions.len() {
            true => format!("{} of {all} in 7 days, the costliest first", number(rows.len())),
            false => format!("{all} in 7 days, the costliest first"),
        };
        let what = format!("{} running, {of_all}", number(running.len()));
        let title = screen.paint(Tone::Strong, "Sessions");
        format!("\n{title}  {}\n{}", screen.paint(Tone::Dim, what), grid(&fields, &rows, screen).text)
    }

    /// Failures, budgets, health, and commands for more.
    fn end(&self, health: &Health, screen: Screen) -> String {
        let mut words = String::from("\n");
        let mut line = |name: &str, tone: Tone, text: &str| {
            let text = fitted(&format!("{name:<9} {}", printable(text)), 10);
            let (name, text) = text.split_at(9);
            let _ = writeln!(words, "{}{text}", screen.paint(tone, name));
        };
        let [calls, errors] = self.calls;
        if calls > 0 {
            let share = percent(ratio(errors.into(), calls.into(), 1000));
            let of = format!("{} of {} ({share})", thousands(errors.into()), count(calls, "call"));
            // Some calls always fail: an agent tries a command, or looks for a file.
            let tone = match errors {
                0 => Tone::Good,
                errors if errors * MANY < calls => Tone::Plain,
                _ => Tone::Warning,
            };
            line("failed", tone, &format!("{of} in 7 days: report errors --period 7d"));
        }
        if !self.unpriced.is_empty() {
            let models: Vec<_> = self.unpriced.keys().map(|model| format!("`{model}`")).collect();
            let responses = count(self.unpriced.values().sum::<i128>().try_into().unwrap_or_default(), "response");
            line("no price", Tone::Warning, &format!("{responses} in 30 days, not in the cost: {}", models.join(", ")));
        }
        let mut budgets: Vec<_> = self.budgets.iter().collect();
        budgets.sort_by_key(|standing| (standing.state() == "ok", std::cmp::Reverse(standing.used())));
        for standing in budgets.iter().take(BUDGETS) {
            let text = format!("{}: {}", standing.budget.name, standing.words());
            line("budget", Tone::of_state(standing.state()), &text);
        }
        // Budgets with a line of their own are not repeated. The others come first.
        let is_budget = |reason: &&String| self.budgets.iter().any(|budget| budget.concern().as_ref() == Some(reason));
        let others = budgets.iter().skip(BUDGETS).filter_map(|standing| standing.brief());
        let shown = budgets.iter().take(BUDGETS).any(|standing| standing.concern().is_some());
        let processors = health.processors.iter().filter(|processor| processor.state > crate::report::status::FINE);
        let reasons = processors.flat_map(|processor| {
            let of_its_own = processor.reasons.iter().filter(|reason| !is_budget(reason));
            of_its_own.map(|reason| format!("{}: {reason}", processor.processor))
        });
        let above = shown.then(|| "budgets, as above".to_owned());
        let reasons: Vec<_> =
            above.into_iter().chain(health.warnings.iter().cloned()).chain(others).chain(reasons).collect();
        let state = health.state.name();
        let reason = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
        let unproven = health.processors.iter().filter(|processor| processor.is_unproven());
        let unproven: Vec<_> = unproven.map(|processor| processor.processor.as_str()).collect();
        let never = if unproven.is_empty() { String::new() } else { format!("; never ran: {}", unproven.join(", ")) };
        line("health", Tone::of_state(state), &format!("{state}{reason}{never}"));
        let left_out = health.left_out.iter().map(|left_out| left_out.files.cast_unsigned()).sum();
        let malformed = health.malformed_lines.cast_unsigned();
        let lost = [
            (malformed > 0).then(|| count(malformed, "malformed line").to_string()),
            (left_out > 0).then(|| format!("{} left out", count(left_out, "file"))),
        ];
        let lost: Vec<_> = lost.into_iter().flatten().collect();
        if !lost.is_empty() {
            line("data", Tone::Warning, &format!("{}; status tells more", lost.join(", ")));
        }
        line("more", Tone::Dim, "sessionmill report, report sessions, top, digest; --help shows all");
        words
    }

    /// What to do if there is nothing to show.
    fn nothing(&self, health: &Health, screen: Screen) -> String {
        let files = count(health.files.cast_unsigned(), "transcript");
        let words = if health.files == 0 {
            "\nNo transcripts yet. Work with Claude Code or Codex, or name a folder of transcripts:\n\n  \
             sessionmill run --sessions DIR\n"
                .to_owned()
        } else {
            let newest = self.newest.map(|day| format!(", the newest response of {day}")).unwrap_or_default();
            let period = self.newest.map_or_else(|| "all".to_owned(), |day| day.format("%Y-%m").to_string());
            format!(
                "\nNothing in the last 30 days; the database knows {files}{newest}:\n\n  \
                 sessionmill report --period {period}\n  sessionmill report sessions --period {period}\n"
            )
        };
        words + &self.end(health, screen)
    }
}
