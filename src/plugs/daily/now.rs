//! The content of the live view: today's work by session, project, person or model, and the last hour.

use crate::base::days::Span;
use crate::base::error::{Result, count, thousands};
use crate::base::printable::printable;
use crate::command::scope::ReportSetup;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::sessions::{self, Session};
use crate::plugs::usage::report::spending::{self, Columns, Spent, model_name};
use crate::plugs::usage::repositories::Repositories;
use crate::price::Prices;
use crate::report::grid::{beginning, told_apart};
use crate::report::money;
use crate::report::render::short;
use crate::store::reader::Reader;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span as Piece};
use ratatui::widgets::{Cell, Paragraph, Row, Sparkline, Table};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of today.
pub(super) struct Now {
    at: DateTime<Utc>,
    zone: Tz,
    sessions: Vec<Session>,
    parts: Vec<Part>,
    /// The costs of the last hour, by minute.
    minutes: Vec<Spent>,
}

/// Responses with the same session, project, person and model. A session can have several of each.
#[derive(Debug)]
struct Part {
    session: Option<String>,
    project: Option<String>,
    user: String,
    model: Option<String>,
    spent: Spent,
    last: Option<DateTime<Utc>>,
}

/// What the rows are grouped by, and how they are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    by: By,
    order: Order,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    #[default]
    Session,
    Project,
    User,
    Model,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Order {
    /// The newest first.
    #[default]
    Last,
    Cost,
    Tokens,
}

/// What a key does.
pub(super) enum Key {
    Quit,
    Wish(fn(Wish) -> Wish),
    Redraw,
}

impl Key {
    /// The action of a letter, if any.
    pub(super) fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'q' => Self::Quit,
            's' => Self::Wish(|wish| Wish { by: By::Session, ..wish }),
            'p' => Self::Wish(|wish| Wish { by: By::Project, ..wish }),
            'u' => Self::Wish(|wish| Wish { by: By::User, ..wish }),
            'm' => Self::Wish(|wish| Wish { by: By::Model, ..wish }),
            'c' => Self::Wish(|wish| Wish { order: Order::Cost, ..wish }),
            't' => Self::Wish(|wish| Wish { order: Order::Tokens, ..wish }),
            'l' => Self::Wish(|wish| Wish { order: Order::Last, ..wish }),
            _ => return None,
        })
    }
}

/// The sums of a row while it is read.
#[derive(Debug, Default)]
struct Group {
    spent: Spent,
    sessions: BTreeSet<String>,
    last: Option<DateTime<Utc>>,
    /// The id, project and person, if the row is a session.
    place: [String; 3],
}

const MINUTES: i64 = 60;

/// The widths of the columns of numbers. The first one counts sessions.
const NUMBERS: [u16; 5] = [8, 7, 7, 10, 8];

/// The number of characters of an id that are shown.
const ID: u16 = 8;

/// The widths of a session's id, project and person, as far as there is room.
fn places(width: u16) -> &'static [u16] {
    match width {
        110.. => &[ID, 18, 14],
        76.. => &[ID, 14],
        _ => &[ID],
    }
}

/// A session is running if it had a response within this time.
const RUNNING: TimeDelta = TimeDelta::minutes(15);

impl Now {
    pub(super) fn read(reader: Reader<'_>, setup: &ReportSetup, prices: &Prices, at: DateTime<Utc>) -> Result<Self> {
        let today = at.with_timezone(&setup.zone).date_naive();
        let of = |span: Span| Filter { days: span.days(today), ..Filter::of_all(setup.zone, setup.identities.clone()) };
        let today = of(Span::Last(1));
        let sessions = sessions::brief(reader, &today, prices)?;
        let parts = parts(reader, &today, prices)?;
        let mut minutes: Vec<Spent> = (0..MINUTES).map(|_| Spent::default()).collect();
        let mut recent = of(Span::Last(2)).condition();
        recent.clause += " AND time > ?";
        recent.params.push(crate::store::reader::Param::Time(at - TimeDelta::minutes(MINUTES)));
        let last = at.timestamp() / 60;
        let keys = ["epoch_us(time) // 60000000"];
        spending::read(
            reader,
            prices,
            Columns::of(&keys).one_by_one(),
            &recent,
            |row| row.get(0),
            |minute: Option<i64>, _, spent| {
                let ago = minute.map(|minute| last - minute).and_then(|ago| usize::try_from(ago).ok());
                let place = ago.and_then(|ago| minutes.len().checked_sub(ago + 1));
                place.into_iter().for_each(|place| minutes[place].add(spent));
            },
        )?;
        Ok(Self { at, zone: setup.zone, sessions, parts, minutes })
    }

    /// The rows, with their names and sums.
    fn groups(&self, Wish { by, order }: Wish) -> Vec<(String, Group)> {
        // The id distinguishes sessions with the same title.
        let mut groups: BTreeMap<[String; 2], Group> = BTreeMap::new();
        let all =
            self.parts.iter().map(|part| &part.project).chain(self.sessions.iter().map(|session| &session.project));
        let projects = told_apart(all.filter_map(|project| project.as_deref()));
        let shown = |project: &Option<String>| {
            let project = project.as_ref().and_then(|project| projects.get(project));
            project.map_or("(none)", String::as_str)
        };
        if by == By::Session {
            for Session { id, user, project, ended, spent, facts, .. } in &self.sessions {
                let title = facts.title.as_deref().unwrap_or("(no title)");
                let place = [id.chars().take(ID.into()).collect(), shown(project).to_owned(), user.clone()];
                let group = Group { spent: spent.clone(), last: *ended, place, ..Group::default() };
                groups.insert([title, id].map(str::to_owned), group);
            }
        } else {
            for Part { session, project, user, model, spent, last } in &self.parts {
                let name = match by {
                    By::Project => shown(project),
                    By::User => user,
                    By::Session | By::Model => model_name(model.as_deref()),
                };
                let group = groups.entry([name, ""].map(str::to_owned)).or_default();
                group.spent.add(spent);
                group.sessions.extend(session.clone());
                group.last = group.last.max(*last);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().map(|([name, _], group)| (name, group)).collect();
        groups.sort_by_key(|(_, Group { spent, last, .. })| {
            let (cost, tokens) = (spent.cost.unwrap_or_default(), spent.tokens.total());
            Reverse(match order {
                Order::Last => (last.map_or(0, |last| last.timestamp_millis().into()), cost),
                Order::Cost => (cost, tokens),
                Order::Tokens => (tokens, cost),
            })
        });
        groups
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, wish: Wish, trouble: Option<&str>) {
        let areas = [2, 3, 1].map(Constraint::Length).into_iter().chain([Constraint::Fill(1), Constraint::Length(1)]);
        let [head, hour, axis, rows, foot] = Layout::vertical(areas).areas(frame.area());
        frame.render_widget(Paragraph::new(vec![self.title(), self.hour()]), head);
        let has_costs = self.minutes.iter().any(|spent| spent.cost.is_some());
        let number = |spent: &Spent| if has_costs { spent.cost.unwrap_or_default() } else { spent.tokens.total() };
        // In millionths of a dollar, because the drawing needs no more precision.
        let scale = if has_costs { 1_000_000 } else { 1 };
        let data: Vec<u64> =
            self.minutes.iter().map(|spent| u64::try_from(number(spent) / scale).unwrap_or_default()).collect();
        // If the screen is narrower than an hour, only the last minutes are drawn.
        let data = &data[data.len().saturating_sub(hour.width.into())..];
        frame.render_widget(Sparkline::default().data(data).style(Style::new().fg(Color::Cyan)), hour);
        frame.render_widget(Line::from(scale_of(data.len())).dim(), axis);
        frame.render_widget(self.table(wish, rows.width), rows);
        let keys = "q quit   s sessions  p projects  u people  m models   c cost  t tokens  l time";
        let foot_line = match trouble {
            Some(trouble) => Line::from(printable(trouble)).red(),
            None => Line::from(keys).dim(),
        };
        frame.render_widget(foot_line, foot);
    }

    fn title(&self) -> Line<'static> {
        let mut sum = Spent::default();
        self.parts.iter().for_each(|part| sum.add(&part.spent));
        let cost = sum.cost.map_or_else(|| "–".to_owned(), money::rounded);
        let time = self.at.with_timezone(&self.zone).format("%H:%M:%S");
        Line::from(vec![
            Piece::from("sessionmill top").bold(),
            Piece::from(format!("  {time}   today ")),
            Piece::from(cost).bold(),
            Piece::from(format!(
                ", {} tokens, {}",
                short(sum.tokens.total()),
                count(self.sessions.len() as u64, "session")
            )),
        ])
    }

    fn hour(&self) -> Line<'static> {
        let mut sum = Spent::default();
        self.minutes.iter().for_each(|spent| sum.add(spent));
        let cost = sum.cost.map_or_else(|| "–".to_owned(), money::rounded);
        Line::from(format!("the last hour: {cost}, {} tokens", short(sum.tokens.total()))).dim()
    }

    fn table(&self, wish: Wish, width: u16) -> Table<'static> {
        // Sessions have columns for their place; other rows have a column for the number of sessions.
        let (places, numbers) = match wish.by {
            By::Session => (places(width), &NUMBERS[1..]),
            _ => (&[][..], &NUMBERS[..]),
        };
        // There is a space before each column.
        let room = width.saturating_sub(places.iter().chain(numbers).map(|column| column + 1).sum());
        let right = |text: String| Cell::from(Line::from(text).right_aligned());
        let rows = self.groups(wish).into_iter().map(|(name, Group { spent, sessions, last, place })| {
            let is_running = last.is_some_and(|last| self.at - last <= RUNNING);
            let time = last.map(|last| last.with_timezone(&self.zone).format("%H:%M:%S").to_string());
            let told = [
                thousands(sessions.len() as i128),
                short(spent.tokens.output),
                short(spent.tokens.total()),
                spent.cost.map_or_else(|| "–".to_owned(), money::rounded),
                time.unwrap_or_default(),
            ];
            let text = |text: &str, room: u16| Cell::from(beginning(&printable(text), room.into()));
            let named = std::iter::once(text(&name, room))
                .chain(place.iter().zip(places).map(|(place, room)| text(place, *room)));
            let row = Row::new(named.chain(told.into_iter().skip(NUMBERS.len() - numbers.len()).map(right)));
            if is_running { row.bold() } else { row }
        });
        let name = match wish.by {
            By::Session => "Session",
            By::Project => "Project",
            By::User => "User",
            By::Model => "Model",
        };
        let ordered = match wish.order {
            Order::Last => "Last",
            Order::Cost => "Cost",
            Order::Tokens => "Tokens",
        };
        let mark = |title: &str| if title == ordered { format!("▼{title}") } else { title.to_owned() };
        let titles = ["Sessions", "Output", "Tokens", "Cost", "Last"].map(|title| right(mark(title)));
        let titles = titles.into_iter().skip(NUMBERS.len() - numbers.len());
        let of_places = ["Id", "Project", "User"].into_iter().take(places.len()).map(Cell::from);
        let head = Row::new(std::iter::once(Cell::from(name)).chain(of_places).chain(titles)).bold();
        let widths = places.iter().chain(numbers).copied().map(Constraint::Length);
        Table::new(rows, std::iter::once(Constraint::Fill(1)).chain(widths)).header(head)
    }
}

fn parts(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Vec<Part>> {
    let repositories = Repositories::read(reader, &filter.identities)?;
    let keys = ["session_id", "project", "username", "epoch_us(max(time))"];
    let mut parts = Vec::new();
    spending::read(
        reader,
        prices,
        Columns::of(&keys).one_by_one(),
        &filter.condition(),
        |row| {
            let project = row.text(1)?.map(|cwd| repositories.name(cwd).to_owned());
            let user = filter.identities.label(row.text(2)?.unwrap_or_default()).to_owned();
            let last = row.get::<Option<i64>>(3)?.and_then(DateTime::from_timestamp_micros);
            Ok((row.get(0)?, project, user, last))
        },
        |(session, project, user, last), model, spent| {
            let (model, spent) = (model.map(str::to_owned), spent.clone());
            parts.push(Part { session, project, user, model, spent, last });
        },
    )?;
    Ok(parts)
}

/// The labels below a chart of this many minutes.
fn scale_of(minutes: usize) -> String {
    let half = minutes / 2;
    let [first, middle] = [minutes, half].map(|minutes| format!("{minutes} min ago"));
    let rest = minutes - half;
    match rest.checked_sub("now".len()) {
        Some(room) if room > middle.len() => format!("{first:<half$}{middle:<room$}now"),
        _ => format!("{:>minutes$}", "now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::usage::report::sessions::Session;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn spent(dollars: i128) -> Spent {
        Spent { responses: 1, cost: Some(dollars * 1_000_000_000_000), ..Spent::default() }
    }

    fn ago(minutes: i64) -> Option<DateTime<Utc>> {
        Some(DateTime::UNIX_EPOCH + TimeDelta::minutes(600 - minutes))
    }

    fn session(id: &str, project: &str, minutes: i64, dollars: i128) -> Session {
        Session {
            id: id.to_owned(),
            user: "ada".to_owned(),
            project: Some(project.to_owned()),
            ended: ago(minutes),
            spent: spent(dollars),
            ..Session::default()
        }
    }

    fn part(session: Option<&str>, [project, user, model]: [&str; 3], minutes: i64, dollars: i128) -> Part {
        Part {
            session: session.map(str::to_owned),
            project: Some(project.to_owned()),
            user: user.to_owned(),
            model: Some(model.to_owned()),
            spent: spent(dollars),
            last: ago(minutes),
        }
    }

    fn shown(letters: &str) -> Vec<String> {
        let now = Now {
            at: DateTime::UNIX_EPOCH + TimeDelta::minutes(600),
            zone: Tz::UTC,
            sessions: vec![
                session("one", "shop", 90, 5),
                session("two", "shop", 5, 2),
                session("three", "mill", 30, 3),
            ],
            // The second session went on in another project, the third one in another folder.
            parts: vec![
                part(Some("one"), ["shop", "ada", "opus"], 90, 5),
                part(Some("two"), ["shop", "ada", "opus"], 40, 1),
                part(Some("two"), ["mill", "ada", "haiku"], 5, 1),
                part(Some("three"), ["mill", "ada", "opus"], 35, 1),
                part(Some("three"), ["mill", "bob", "opus"], 30, 2),
                part(None, ["mill", "bob", "opus"], 50, 4),
            ],
            minutes: (0..60).map(|_| Spent::default()).collect(),
        };
        let wish = letters.chars().fold(Wish::default(), |wish, letter| match Key::of(letter) {
            Some(Key::Wish(change)) => change(wish),
            _ => panic!("{letter} is no wish"),
        });
        let mut terminal = Terminal::new(TestBackend::new(80, 13)).unwrap();
        terminal.draw(|frame| now.draw(frame, wish, None)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let rows =
            buffer.content().chunks(80).map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
        rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn keys_say_what_is_shown_and_in_which_order() {
        assert_eq!(shown("")[5], "60 min ago 30 min ago now");
        let rows = |letters: &str| shown(letters)[6..10].to_vec();
        assert_eq!(
            rows(""),
            [
                "Session Id Project Output Tokens Cost ▼Last",
                "(no title) two shop 0 0 $2.00 09:55:00",
                "(no title) three mill 0 0 $3.00 09:30:00",
                "(no title) one shop 0 0 $5.00 08:30:00",
            ]
        );
        assert_eq!(rows("c")[0], "Session Id Project Output Tokens ▼Cost Last");
        assert!(shown("")[12].starts_with("q quit"), "{}", shown("")[12]);
        assert!(rows("c")[1].contains(" one ") && rows("c")[3].contains(" two "));
        assert_eq!(rows("pc")[1..3], ["mill 2 0 0 $8.00 09:55:00", "shop 2 0 0 $6.00 09:20:00"]);
        assert_eq!(
            rows("u")[..3],
            ["User Sessions Output Tokens Cost ▼Last", "ada 3 0 0 $8.00 09:55:00", "bob 1 0 0 $6.00 09:30:00"]
        );
        assert_eq!(rows("m")[1..3], ["haiku 1 0 0 $1.00 09:55:00", "opus 3 0 0 $13.00 09:30:00"]);
        assert_eq!(shown("")[0], "sessionmill top 10:00:00 today $14.00, 0 tokens, 3 sessions");
        assert!(matches!(Key::of('q'), Some(Key::Quit)) && Key::of('x').is_none());
    }
}
