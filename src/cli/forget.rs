//! `sessionmill forget`: erases a person and keeps them out, lists who is kept out, and lets a person in again.

use crate::actions::forget::{self, ForgetOutcome, ForgetPlan, Search};
use crate::base::error::{Error, Result, Status, count, thousands};
use crate::base::utc;
use crate::command::{Database, form, print, remark, screen};
use crate::identities::Identities;
use crate::plug::Context;
use crate::report::grid::{Field, grid};
use crate::report::render::pretty;
use crate::store::forget::Ban;
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};

/// Erase the data from a person's transcripts, and read none of them again
///
/// Facts, claims, quotes and a language model's answers about the person are erased. Data of others stays, and is
/// settled again. Older snapshots are removed, and a new one is published. The transcripts themselves, and copies of
/// the database elsewhere, are not touched. --undo lifts the ban: files that still exist are read again; data from
/// deleted files, and stored answers, stay erased.
///
/// SITE/ID erases a visitor from a site's web events instead, with all ids that are joined to this one. These ids are
/// ignored from then on, also in a new database. --undo SITE/ID lets this single id in again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill forget ada\n  sessionmill forget ada --yes\n  \
                        sessionmill forget shop/user-17\n  \
                        sessionmill forget --list\n  sessionmill forget --undo ada")]
pub(crate) struct Args {
    /// Person with all their folders, by name or e-mail address; a folder; or SITE/ID
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "undo"], conflicts_with = "list")]
    user: Option<String>,

    /// List everybody who is forgotten
    #[arg(long, conflicts_with_all = ["undo", "yes"])]
    list: bool,

    /// With --list: as JSON
    #[arg(long, requires = "list")]
    json: bool,

    /// Let runs read the person's transcripts, or the events of SITE/ID, again
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "the name can stand before the flag, too")]
    undo: Option<Option<String>>,

    /// Ban the name even if nobody has it yet
    #[arg(long, conflicts_with_all = ["list", "undo"])]
    even_if_unknown: bool,

    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn forget(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    crate::store::require(&database)?;
    let identities = Identities::given(config.identities.as_deref())?;
    let (resources, login) = (context.resources(&database), context.environment.login.as_str());
    let search = Search { config: &config, identities: &identities, resources: &resources, login };
    match (&args.user, &args.undo) {
        (Some(_), Some(Some(_))) => Err(Error::new(Status::Usage, "one name at a time")),
        (Some(user), None) => {
            let refusal = Error::new(Status::Usage, "nothing was erased: `forget` needs a confirmation")
                .hint("it cannot be undone: run it in a terminal and type the name, or pass --yes");
            confirmed(forget::forget(&search, user, args.even_if_unknown)?, args.yes, refusal)
        }
        (Some(user), Some(None)) | (None, Some(Some(user))) => {
            let refusal = Error::new(Status::Usage, format!("`{user}` is still forgotten"))
                .hint("type the name when you are asked, or pass --yes");
            confirmed(forget::undo(&search, user)?, args.yes, refusal)
        }
        (None, Some(None)) => Err(Error::new(Status::Usage, "--undo needs the name of somebody")),
        (None, None) => list(&search, args.json),
    }
}

/// Says what will happen, and does it if the user confirms.
fn confirmed(plan: ForgetPlan<'_>, is_sure: bool, refusal: Error) -> Result<Status> {
    plan.notes.iter().for_each(|note| remark(note));
    if !is_sure && !is_meant(&plan) {
        return Err(refusal);
    }
    let ForgetOutcome { who, state, notes } = plan.carry_out()?;
    remark(&format!("{who} {state}"));
    notes.iter().for_each(|note| remark(note));
    Ok(Status::Done)
}

/// Asks the user, if standard input is a terminal.
fn is_meant(plan: &ForgetPlan<'_>) -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    remark(&format!("{}; type the name to confirm", plan.effect));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).is_ok() && answer.trim() == plan.name
}

/// Lists everybody who is kept out.
fn list(search: &Search<'_>, as_json: bool) -> Result<Status> {
    let (bans, ids) = forget::kept_out(search)?;
    let person = |folder: &str| search.identities.person(folder).map(|person| person.label.clone());
    if as_json {
        let row = |(folder, ban): (&String, &Ban)| {
            json!({
                "user": folder,
                "person": person(folder),
                "forgotten_at": ban.since.map(utc::shortest),
                "erased_files": ban.files.as_ref().map(BTreeSet::len),
                "erased_answers": ban.answers,
            })
        };
        let sites = ids.iter().map(|(site, ids)| json!({"site": site, "erased_ids": ids}));
        return print(&pretty(&bans.iter().map(row).chain(sites).collect::<Vec<_>>()));
    }
    let of_site = |(site, ids): (&String, &u64)| format!("{} of people of `{site}` kept out\n", count(*ids, "id"));
    let sites: String = ids.iter().map(of_site).collect();
    if bans.is_empty() && !sites.is_empty() {
        return print(&sites);
    }
    if bans.is_empty() {
        return print("nobody is forgotten\n");
    }
    let number = |number: Option<u64>| number.map_or("–".to_owned(), |number| thousands(number.into()));
    let time = |time: Option<DateTime<Utc>>| time.map_or("–".to_owned(), utc::minute_of_column);
    let row = |(folder, ban): (&String, &Ban)| {
        let files = ban.files.as_ref().map(|files| files.len() as u64);
        vec![folder.clone(), person(folder).unwrap_or_default(), time(ban.since), number(files), number(ban.answers)]
    };
    let names = ["User", "Person", "Forgotten (UTC)"].map(Field::name);
    let mut fields = [&names[..], &["Erased files", "Erased answers"].map(Field::number)].concat();
    let mut rows: Vec<_> = bans.iter().map(row).collect();
    if search.identities.is_empty() {
        fields.remove(1);
        rows.iter_mut().for_each(|row| drop(row.remove(1)));
    }
    form::grid(&grid(&fields, &rows, screen()))?;
    print(&sites)
}
