//! `sessionmill config`: shows and checks the settings in force.

use crate::base::error::{Error, Result, Status, count};
use crate::base::owner::{account, become_user};
use crate::base::printable::printable;
use crate::base::zone;
use crate::command::{Database, SourceArgs, form, print, remark, screen};
use crate::config::reading::{Mistake, Origin, Reading, settings};
use crate::config::{self, SourceTable};
use crate::identities::Identities;
use crate::plug::Context;
use crate::plug::{CheckFinding, Surroundings};
use crate::report::grid::{Field, grid};
use crate::report::render::pretty;
use crate::service::unit::SystemdUnit;
use crate::source::access::{self, User};
use crate::source::alignment::Wanted;
use crate::source::scan;
use crate::source::survey::survey;
use crate::source::{Layout, Remembered, Source};
use crate::store::sources::{self, Preview};
use crate::store::{self, Access, Store, known};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Show the configuration and check it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Show(Show),
    Check(Given),
}

/// Show every setting with its value and origin
#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    given: Given,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Check the configuration, and whether its files can be read and written
///
/// Every mistake is shown with its line. Then every transcript is opened. If the service is installed, root and the
/// service's user see what the service may do under its unit; other users check as themselves. For files that cannot be
/// read or written, the check prints the group, the access control list, the capability or the setting of the unit that
/// would change that. The key of a language model is read, and unknown names in `exclude_users` are shown. Nothing is
/// changed. Exits with 78 if something is wrong.
#[derive(Debug, clap::Args)]
struct Given {
    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn config(args: &Args, context: &Context) -> Result<Status> {
    match &args.command {
        Command::Show(Show { given, json }) => given.show(*json, context),
        Command::Check(given) => given.check(context),
    }
}

impl Given {
    fn show(&self, json: bool, context: &Context) -> Result<Status> {
        let (file, reading) = self.database.read(context)?;
        let origins = reading.origins.clone();
        let mut config = config::whole(file.as_deref(), reading)?;
        let database = self.database.path(&config, context)?;
        let choice = self.place.choose_among(&config, store::remembered(&database), context);
        let choice = choice.unwrap_or_default();
        let (sources, by) = (choice.transcripts().cloned().collect::<Vec<_>>(), &choice.by);

        config.daemon.triggers = Some(config.daemon.triggers(&database));
        config.database = Some(database);
        let zone = context.environment.zone.as_deref();
        if config.timezone.is_none() {
            config.timezone = Some(zone::local(zone)?.name().to_owned());
        }
        let is_configured = config.sources() == sources;
        if !is_configured {
            let table = |Source { name, root, layout, user }| SourceTable { name, path: root, layout, user };
            config.source = sources.into_iter().map(table).collect();
        }
        let from = |key: &str| {
            match origins.get(key) {
                _ if key == "database" && self.database.origin().is_some() => {
                    self.database.origin().unwrap_or_default()
                }
                _ if key.starts_with("source[") && !is_configured => by,
                Some(Origin::Variable(name)) => name,
                Some(Origin::Line(line)) => {
                    return format!("{}:{line}", file.as_deref().unwrap_or(Path::new("")).display());
                }
                None if key == "timezone" => zone.map_or("the system", |_| "TZ"),
                None => "its default",
            }
            .to_owned()
        };
        let rows = settings(&config).into_iter().map(|(key, value)| (from(&key), key, value));
        let events = choice.events.as_ref().map(|root| {
            let from = context.environment.events.as_ref().map_or("its default", |_| "SESSIONMILL_EVENTS");
            (from.to_owned(), "events".to_owned(), json!(root))
        });
        let rows = rows.chain(events);
        if json {
            let rows = rows.map(|(from, key, value)| json!({"setting": key, "value": value, "from": from}));
            return print(&pretty(&rows.collect::<Vec<_>>()));
        }
        let text = |value: Value| match value {
            Value::String(text) => text,
            Value::Null => "none".to_owned(),
            Value::Array(values) if values.is_empty() => "none".to_owned(),
            value => value.to_string(),
        };
        let rows: Vec<_> = rows.map(|(from, key, value)| vec![key, text(value), from]).collect();
        let fields = ["Setting", "Value", "From"].map(Field::name);
        form::grid(&grid(&fields, &rows, screen()))
    }

    fn check(&self, context: &Context) -> Result<Status> {
        let user = User::current();
        let unit = if self.database.names_config() { None } else { SystemdUnit::of_service() };
        let unit = unit.filter(|unit| user.uid == 0 || user.name == unit.user);
        if let Some(unit) = unit.as_ref().filter(|unit| unit.user != user.name)
            && let Some(status) = check_as(unit)
        {
            return Ok(status);
        }
        let mut findings = Findings { unit, ..Findings::default() };
        let (file, Reading { config, mistakes, .. }) = self.database.read(context)?;
        let name = file.as_ref().map_or("no configuration file".to_owned(), |file| file.display().to_string());
        findings.mistakes(&name, &mistakes);
        match config.identities.as_deref().map(Identities::check).transpose() {
            Ok(checked) => checked.iter().for_each(|(identities, mistakes)| {
                let file = identities.file.as_deref().unwrap_or(Path::new(""));
                findings.mistakes(&file.display().to_string(), mistakes);
            }),
            Err(error) => findings.error(&error),
        }
        let database = self.database.path(&config, context)?;
        let known = people(&database);
        let mut folders = known.clone().unwrap_or_default();
        folders.insert(context.environment.login.clone());
        let remembered = store::remembered(&database);
        match self.place.choose_among(&config, remembered.clone(), context) {
            Ok(choice) => {
                for source in &choice.sources {
                    findings.source(source, &user, context);
                    folders.extend(users(source));
                }
                findings.alignment(&choice.sources, &remembered);
            }
            Err(error) => findings.error(&error),
        }
        let surroundings = Surroundings {
            credentials: context.environment.credentials.as_deref(),
            is_offline: findings.unit.as_ref().is_some_and(|unit| unit.is_offline),
            people: known.is_some().then_some(&folders),
        };
        for finding in context.plugs.iter().flat_map(|plug| (plug.check)(&config, &surroundings)) {
            match finding {
                CheckFinding::Fine(what) => findings.fine(&what),
                CheckFinding::Wrong(what) => findings.wrong(&what, &[]),
            }
        }
        // One file stands for all triggers, because they are in the same folder.
        let trigger = context.plugs.names().next().map(|name| format!("{name}.trigger"));
        let trigger = trigger.map(|name| config.daemon.triggers(&database).join(name));
        for file in [Some(database), trigger, config.daemon.metrics_file].into_iter().flatten() {
            findings.file(&file, &user);
        }
        if user.uid == 0 {
            let service = become_user("sessionmill");
            remark(&format!(
                "note: root may read everything; the service is another user: {service} sessionmill config check"
            ));
        }
        print(&findings.words)?;
        Ok(if findings.is_wrong { Status::Config } else { Status::Done })
    }
}

/// The findings of a check, as text.
#[derive(Default)]
struct Findings {
    words: String,
    is_wrong: bool,
    /// The unit of the service, if the check is about the service.
    unit: Option<SystemdUnit>,
}

/// Runs the check as the user of a unit, with the unit's rights; `None` if that is not possible.
fn check_as(unit: &SystemdUnit) -> Option<Status> {
    let account = account(&unit.user)?;
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", &unit.user, "--regid", &account.group, "--init-groups"]);
    if unit.reads_all {
        command.args(["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]);
    }
    command.arg(std::env::current_exe().ok()?).args(std::env::args_os().skip(1));
    for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "CLAUDE_CONFIG_DIR"] {
        command.env_remove(variable);
    }
    command.env("HOME", account.home).env("USER", &unit.user).env("LOGNAME", &unit.user);
    match command.status().ok()?.code()? {
        0 => Some(Status::Done),
        78 => Some(Status::Config),
        _ => None,
    }
}

/// All users with data in the database; `None` if the database cannot be read now.
fn people(database: &Path) -> Option<BTreeSet<String>> {
    if !database.is_file() {
        return Some(BTreeSet::new());
    }
    Store::open(database, Access::ReadOnly).and_then(|store| known::people(store.reader())).ok()
}

/// The users of a source with a folder for each user.
fn users(source: &Source) -> impl Iterator<Item = String> {
    let entries = (source.layout == Layout::Users).then(|| std::fs::read_dir(&source.root));
    let entries = entries.into_iter().flatten().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

impl Findings {
    fn fine(&mut self, what: &str) {
        let _ = writeln!(self.words, "{}", printable(what));
    }

    fn wrong(&mut self, what: &str, ways: &[String]) {
        self.is_wrong = true;
        self.fine(what);
        ways.iter().for_each(|way| self.fine(&format!("  {way}")));
    }

    /// Reports the mistakes in a file.
    fn mistakes(&mut self, name: &str, mistakes: &[Mistake]) {
        for Mistake { origin, message, hint } in mistakes {
            let place = match origin {
                Origin::Line(line) => format!("{name}:{line}"),
                Origin::Variable(variable) => (*variable).to_owned(),
            };
            self.wrong(&format!("{place}: {message}"), hint.as_slice());
        }
        if mistakes.is_empty() {
            self.fine(&format!("{name}: OK"));
        }
    }

    fn error(&mut self, error: &Error) {
        self.wrong(&error.to_string(), error.hint.as_slice());
    }

    fn source(&mut self, source: &Source, user: &User, context: &Context) {
        let (files, barriers) = match survey(source, &context.environment.login) {
            Ok(found) => found,
            Err(error) => return self.error(&error),
        };
        let root = source.root.display();
        if let Some(setting) = self.unit.as_ref().and_then(|unit| unit.hides(&source.root)) {
            self.wrong(&format!("{root}: the unit hides it from the service: {setting}"), &[]);
        }
        self.fine(&format!("{root}: {} can be read", count(files, "transcript")));
        if !barriers.is_empty() && self.unit.as_ref().is_some_and(|unit| unit.reads_all) {
            return self.fine(&format!("{root}: the capability of the unit lets the service read the others, too"));
        }
        barriers.iter().for_each(|barrier| self.wrong(&barrier.words(user), &[]));
        if !barriers.is_empty() {
            self.wrong("one of these lets them be read:", &access::ways_to_read(&barriers, &source.root, user));
        }
    }

    /// Reports how the next run will change the sources that the database knows.
    fn alignment(&mut self, sources: &[Source], remembered: &[Remembered]) {
        let is_there = |source: &Source| scan::roots(std::slice::from_ref(source)).is_ok();
        let wanted: Vec<_> = sources.iter().map(|source| Wanted::new(source, is_there(source))).collect();
        let Preview { changes, refused, left_out } = sources::preview(remembered, &wanted);
        changes.iter().for_each(|change| self.fine(change));
        refused.iter().for_each(|error| self.error(error));
        left_out.iter().for_each(|left| self.wrong(left, &[]));
    }

    fn file(&mut self, file: &Path, user: &User) {
        let barriers = access::file(file);
        let folder = file.parent().unwrap_or(Path::new("."));
        if let Some(setting) = self.unit.as_ref().and_then(|unit| unit.keeps_from_writing(file)) {
            let ways = ["systemctl edit sessionmill, and there", "[Service]"].map(str::to_owned);
            let ways = ways.into_iter().chain([format!("ReadWritePaths={}", folder.display())]);
            let what = format!("{}: the unit keeps the service from writing it: {setting}", file.display());
            return self.wrong(&what, &ways.collect::<Vec<_>>());
        }
        let is_whole = |barrier: &access::Barrier| barrier.path.is_dir();
        if !barriers.is_empty()
            && barriers.iter().all(is_whole)
            && self.unit.as_ref().is_some_and(|unit| unit.is_state(folder))
        {
            return self.fine(&format!("{}: can be written: systemd hands its folder to the service", file.display()));
        }
        if barriers.is_empty() {
            return self.fine(&format!("{}: can be written", file.display()));
        }
        barriers.iter().for_each(|barrier| self.wrong(&barrier.words(user), &[]));
        let ways = access::ways_to_write(&barriers, file, user);
        self.wrong(&format!("this lets `{}` be written:", file.display()), &ways);
    }
}
