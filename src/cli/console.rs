//! `sessionmill console`: serves the HTTP API and its pages, and manages their users.

use crate::base::atomic_file;
use crate::base::duration;
use crate::base::error::{Error, Result, Status, count};
use crate::base::moment::Moment;
use crate::base::owner;
use crate::base::utc;
use crate::command::{Database, form, print, remark, screen, terminal};
use crate::config::Config;
use crate::console::accounts::import::{Imported, Refused};
use crate::console::accounts::token::Scope;
use crate::console::accounts::user::Role;
use crate::console::commands::StoreCommands;
use crate::console::{Setup, serve};
use crate::plug::Context;
use crate::report::grid::{Field, grid};
use chrono::DateTime;
use std::io::{BufRead as _, IsTerminal as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Serve the HTTP API and its pages until a signal stops it
///
/// On your own machine no setup is needed: the command prints a link that logs your browser in, once. With users,
/// people log in with a password, and programs send a token. Users, login sessions and tokens are in a store of their
/// own, which [console] store in the configuration names: by default SQLite beside the database; PostgreSQL or MySQL if
/// several machines share the store.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill console --open\n  sessionmill console user add ada --role admin\n  \
                  sessionmill console token create --user ada --label ci --scope read"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    /// Address to listen on [default: the configured one, then 127.0.0.1:8686]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Open the page in a browser
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add, list and change users
    User {
        #[command(subcommand)]
        action: UserAction,
    },
    /// Create, list and revoke tokens of programs
    Token {
        #[command(subcommand)]
        action: TokenAction,
    },
    /// Import login sessions, or delete those that have ended
    Sessions {
        #[command(subcommand)]
        action: SessionsAction,
    },
}

#[derive(Debug, clap::Subcommand)]
enum UserAction {
    /// Add a user; the password is asked for, or read from the first line of the standard input
    Add {
        name: String,
        #[arg(long, value_enum, default_value_t = Role::Member)]
        role: Role,
        /// Person whose data is the user's own: a name or e-mail address in the identities, or a folder [default: the
        /// name]
        #[arg(long, value_name = "WHO")]
        person: Option<String>,
        /// The user logs in only through a proxy
        #[arg(long)]
        no_password: bool,
        #[command(flatten)]
        database: Database,
    },
    /// List the users
    List {
        #[command(flatten)]
        database: Database,
    },
    /// Set another password, which ends all login sessions of the user
    Password {
        name: String,
        #[command(flatten)]
        database: Database,
    },
    /// Set another role, which ends all login sessions of the user
    Role {
        name: String,
        #[arg(value_enum)]
        role: Role,
        #[command(flatten)]
        database: Database,
    },
    /// Remove a user, with login sessions and tokens
    Remove {
        name: String,
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Debug, clap::Subcommand)]
enum TokenAction {
    /// Create a token, and print it once
    Create {
        /// User whose rights the token has
        #[arg(long, value_name = "NAME")]
        user: String,
        /// Purpose of the token
        #[arg(long, value_name = "WORDS")]
        label: String,
        /// What the token may do; can be repeated
        #[arg(long, value_enum, required = true)]
        scope: Vec<Scope>,
        /// Lifetime, at most 366d
        #[arg(long, value_name = "TIME", default_value = "90d", value_parser = duration::parse)]
        expires_in: Duration,
        #[command(flatten)]
        database: Database,
    },
    /// List the tokens
    List {
        /// Only tokens of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        #[command(flatten)]
        database: Database,
    },
    /// Revoke a token
    Revoke {
        /// Id, as `list` shows it
        id: String,
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Debug, clap::Subcommand)]
enum SessionsAction {
    /// Import the login sessions of an older program's table `sessions`, so that users need not log in again
    ///
    /// Only hashes of the ids are stored. [console] older_cookie must name the cookie with the ids. Add the users before:
    /// login sessions of others are not imported. Each login session is imported once, even if it has ended since.
    Import {
        /// sqlite:, postgres: or mysql:
        url: String,
        #[command(flatten)]
        database: Database,
    },
    /// Delete login sessions and tokens that have ended, and audit entries older than audit_retention; a running console
    /// does so every 15 minutes
    Prune {
        #[command(flatten)]
        database: Database,
    },
}

impl Args {
    /// Whether the command runs until a signal ends it.
    pub(crate) fn is_service(&self) -> bool {
        self.action.is_none()
    }
}

pub(crate) fn console(args: &Args, context: &Context) -> Result<Status> {
    match &args.action {
        None => run(args, context),
        Some(Action::User { action }) => user(action, context),
        Some(Action::Token { action }) => token(action, context),
        Some(Action::Sessions { action }) => sessions(action, context),
    }
}

fn run(args: &Args, context: &Context) -> Result<Status> {
    let (mut config, database) = args.database.find(context)?;
    config.console.listen = args.listen.unwrap_or(config.console.listen);
    note_credential(&database, context)?;
    let store = store(&config, &database, context)?;
    let (login, events) = (context.environment.login.clone(), context.environment.events());
    let flags = args.database.flags(&database);
    let (plugs, now) = (context.plugs, Moment::now);
    let setup = Setup { config, database, plugs, store, login, events, flags, now };
    serve(setup, |url| {
        remark(&format!("console: {url}"));
        if args.open {
            terminal::open(&url);
        }
    })?;
    Ok(Status::Done)
}

/// The hint how a command gets the same credential as the service.
const BY_SYSTEMD: &str = "run the command with it: systemd-run --pty --uid=sessionmill-console \
                          --property=LoadCredential=console-store sessionmill console …";

/// The folder of the console's state on a server. The package creates it.
const SERVER_STATE: &str = "/var/lib/sessionmill-console";

/// The name of a file in this folder. The file exists if the service gets the URL of the store as a credential, which
/// commands cannot read.
const BY_CREDENTIAL: &str = "store-is-a-credential";

/// The file of the credential with the URL of the store, if the service manager provides it.
fn credential(context: &Context) -> Option<PathBuf> {
    let file = context.environment.credentials.as_ref()?.join("console-store");
    file.is_file().then_some(file)
}

/// Whether the database is that of a server, where the console's state has its own folder.
fn is_server(database: &Path) -> bool {
    database.starts_with("/var/lib/sessionmill") && Path::new(SERVER_STATE).is_dir()
}

/// Creates or removes the file that tells commands whether the service gets the URL from a credential.
fn note_credential(database: &Path, context: &Context) -> Result<()> {
    let note = Path::new(SERVER_STATE).join(BY_CREDENTIAL);
    let noted = match credential(context) {
        _ if !is_server(database) => Ok(()),
        Some(_) => atomic_file::write(&note, "", Some(0o600)),
        None if note.exists() => std::fs::remove_file(&note),
        None => Ok(()),
    };
    noted.map_err(|error| Error::cannot("write", note.display(), error))
}

/// The URL of the store. Its folder exists afterwards.
fn store(config: &Config, database: &Path, context: &Context) -> Result<String> {
    if let Some(file) = credential(context) {
        // A URL with a password must not be in a configuration file that all users can read, so it can come from a
        // credential.
        #[expect(clippy::disallowed_methods, reason = "a secret, not the database")]
        let text = std::fs::read_to_string(&file);
        let text = text.map_err(|error| Error::cannot("read", file.display(), error))?;
        return Ok(text.trim().to_owned());
    }
    let server = Path::new(SERVER_STATE);
    if is_server(database) && server.join(BY_CREDENTIAL).exists() {
        let message = "the console's service has the URL of its store from the credential `console-store`";
        return Err(Error::new(Status::CannotRun, message).hint(BY_SYSTEMD));
    }
    if let Some(url) = &config.console.store {
        return Ok(url.clone());
    }
    let folder = if is_server(database) { Some(server) } else { database.parent() };
    let file = folder.unwrap_or(Path::new(".")).join("console.sqlite");
    owner::leave_to_owner(&file)?;
    if let Some(folder) = file.parent() {
        let made = std::fs::create_dir_all(folder);
        made.map_err(|error| Error::cannot("make", folder.display(), error))?;
    }
    let escaped = file.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok(format!("sqlite://{escaped}"))
}

/// Opens the configured store for a command.
fn with<T>(database: &Database, context: &Context, work: impl FnOnce(&StoreCommands) -> Result<T>) -> Result<T> {
    // The user of the console's service may enter the database's folder by a group that only the service has.
    let (config, database) = database.named(context)?;
    let store = store(&config, &database, context)?;
    let by = format!("{} (command)", context.environment.login);
    work(&StoreCommands { store, config, now: context.now.wall, by })
}

fn user(action: &UserAction, context: &Context) -> Result<Status> {
    match action {
        UserAction::Add { name, role, person, no_password, database } => {
            let password = if *no_password { None } else { Some(password()?) };
            with(database, context, |office| office.add_user(name, *role, person.as_deref(), password.as_deref()))?;
            remark(&format!("`{name}` is added, as {}", role.name()));
        }
        UserAction::List { database } => {
            let users = with(database, context, StoreCommands::users)?;
            let row = |user: &crate::console::accounts::user::User| {
                let person = user.person.clone().unwrap_or_else(|| user.name.clone());
                let by = if user.password_hash.is_some() { "password" } else { "proxy" };
                vec![user.name.clone(), user.role.name().to_owned(), person, by.to_owned(), minute(user.created_at)]
            };
            let fields = ["Name", "Role", "Person", "Logs in by", "Added (UTC)"].map(Field::name);
            let rows: Vec<_> = users.iter().map(row).collect();
            return match rows.is_empty() {
                true => print("no users\n"),
                false => form::grid(&grid(&fields, &rows, screen())),
            };
        }
        UserAction::Password { name, database } => {
            let password = password()?;
            with(database, context, |office| office.set_password(name, &password))?;
            remark(&format!("`{name}` has another password, and is logged out everywhere"));
        }
        UserAction::Role { name, role, database } => {
            with(database, context, |office| office.set_role(name, *role))?;
            remark(&format!("`{name}` is {} now, and is logged out everywhere", role.name()));
        }
        UserAction::Remove { name, database } => {
            with(database, context, |office| office.remove_user(name))?;
            remark(&format!("`{name}` is removed, with login sessions and tokens"));
        }
    }
    Ok(Status::Done)
}

fn token(action: &TokenAction, context: &Context) -> Result<Status> {
    match action {
        TokenAction::Create { user, label, scope, expires_in, database } => {
            let made = with(database, context, |office| office.add_token(user, label, scope, *expires_in));
            let (secret, id) = made?;
            remark(&format!("token {id} of `{user}`; it is shown this once:"));
            return print(&format!("{secret}\n"));
        }
        TokenAction::List { user, database } => {
            let tokens = with(database, context, |office| office.tokens(user.as_deref()))?;
            let row = |token: &crate::console::accounts::token::ApiToken| {
                let scopes = token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ");
                let used = token.last_used_at.map_or("never".to_owned(), minute);
                let (id, user, label) = (token.public_id.clone(), token.user_id.clone(), token.label.clone());
                vec![id, user, label, scopes, used, minute(token.expires_at)]
            };
            let fields = ["Id", "User", "For", "May", "Last used (UTC)", "Ends (UTC)"].map(Field::name);
            let rows: Vec<_> = tokens.iter().map(row).collect();
            return match rows.is_empty() {
                true => print("no tokens\n"),
                false => form::grid(&grid(&fields, &rows, screen())),
            };
        }
        TokenAction::Revoke { id, database } => {
            with(database, context, |office| office.revoke_token(id))?;
            remark(&format!("token {id} is ended"));
        }
    }
    Ok(Status::Done)
}

fn sessions(action: &SessionsAction, context: &Context) -> Result<Status> {
    match action {
        SessionsAction::Import { url, database } => {
            let imported = with(database, context, |office| office.import(url))?;
            report(&imported);
            if let Some(error) = imported.interrupted {
                let hint = "import again: what was taken over stays so";
                return Err(Error::new(Status::CannotRun, error.to_string()).hint(hint));
            }
        }
        SessionsAction::Prune { database } => {
            let deleted = with(database, context, StoreCommands::clean_up)?;
            print(&format!("{deleted}\n"))?;
        }
    }
    Ok(Status::Done)
}

/// The most users and rows that are told of an import.
const TOLD: usize = 20;

/// Tells what became of imported login sessions.
fn report(imported: &Imported) {
    let mut words = format!("{} taken over", count(imported.taken, "login session"));
    for (number, what) in [
        (imported.ended, "had ended"),
        (imported.known, "taken over before"),
        (imported.of_strangers, "of users whom the console does not have"),
        (imported.refused.len() as u64, "refused"),
    ] {
        if number > 0 {
            words += &format!(", {number} {what}");
        }
    }
    remark(&words);
    let more = |all: usize| if all > TOLD { format!(", and {} more", all - TOLD) } else { String::new() };
    if !imported.strangers.is_empty() {
        let names: Vec<_> = imported.strangers.iter().take(TOLD).map(String::as_str).collect();
        let (names, more) = (names.join(", "), more(imported.strangers.len()));
        remark(&format!("no users of the console: {names}{more}; add them and import again"));
    }
    for Refused { row, user, why } in imported.refused.iter().take(TOLD) {
        let of = user.as_ref().map(|user| format!(", of `{user}`")).unwrap_or_default();
        remark(&format!("refused: row {row} in order of id{of}: {why}"));
    }
    if imported.refused.len() > TOLD {
        remark(&format!("refused{}", more(imported.refused.len())));
    }
}

fn minute(time: i64) -> String {
    utc::minute_of_column(DateTime::from_timestamp_micros(time).unwrap_or_default())
}

/// Reads a password from the first line of standard input, without echo on a terminal.
fn password() -> Result<String> {
    let input = std::io::stdin();
    let cannot = |error: std::io::Error| Error::cannot("read", "the password", error);
    let read = || {
        let mut line = String::new();
        input.lock().read_line(&mut line).map_err(cannot)?;
        Ok(line.trim_end_matches(['\n', '\r']).to_owned())
    };
    if !input.is_terminal() {
        return read();
    }
    let shown = rustix::termios::tcgetattr(&input).map_err(|error| cannot(error.into()))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(rustix::termios::LocalModes::ECHO);
    let set = |modes| rustix::termios::tcsetattr(&input, rustix::termios::OptionalActions::Flush, modes);
    let ask = |words: &str| {
        remark(words);
        read()
    };
    set(&hidden).map_err(|error| cannot(error.into()))?;
    let passwords = ask("password:").and_then(|first: String| Ok((first, ask("the same again:")?)));
    set(&shown).map_err(|error| cannot(error.into()))?;
    let (first, second) = passwords?;
    if first != second {
        return Err(Error::new(Status::Usage, "these are two passwords").hint("type the same one twice"));
    }
    Ok(first)
}
