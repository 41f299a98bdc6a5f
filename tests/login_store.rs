//! The store of login sessions: the same tests for SQLite, PostgreSQL and MariaDB. The tests start the servers from
//! installed packages, in temporary folders and as users other than root.

#![cfg(feature = "console")]

use crate::store_server::{Server, StoreServer, ask};
use sessionmill::config::console::Console;
use sessionmill::console::accounts::audit::Entry;
use sessionmill::console::accounts::import::{Imported, Refused};
use sessionmill::console::accounts::secret::{Secret, SecretHash};
use sessionmill::console::accounts::session::{LoginSession, New, Updated};
use sessionmill::console::accounts::token::Scope;
use sessionmill::console::accounts::user::{Role, User};
use sessionmill::console::accounts::{Accounts, Micros, StoreError};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Micros = 60_000_000;
const HOUR: Micros = 60 * MINUTE;
/// When a session ends that was not used again. Requests in the minute after a touch count, but are not written.
const IDLE: Micros = 31 * MINUTE;
/// Noon of a day in 2026.
const NOON: Micros = 1_796_040_000_000_000;

/// Makes each of these a test for each back end.
macro_rules! suite {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite { $(#[test] fn $scenario() { super::run(super::StoreServer::Sqlite, async |w| super::$scenario(w).await); })* }
        mod postgres { $(#[test] fn $scenario() { super::run(super::StoreServer::Postgres, async |w| super::$scenario(w).await); })* }
        mod mariadb { $(#[test] fn $scenario() { super::run(super::StoreServer::MariaDb, async |w| super::$scenario(w).await); })* }
    };
}

suite!(
    a_session_lives_until_it_is_deleted,
    a_secret_or_an_id_is_taken_once,
    an_update_does_not_bring_back_what_was_deleted,
    a_stale_version_is_a_conflict,
    a_touch_is_rare_and_rewrites_nothing_else,
    a_session_ends_by_the_earlier_of_two_limits,
    a_session_lives_for_the_idle_limit_after_its_last_request,
    an_expired_session_that_was_extended_is_not_deleted,
    sessions_are_listed_by_their_last_use,
    a_session_is_ended_by_its_owner_only,
    a_clean_up_goes_on_until_nothing_is_left,
    a_rotation_keeps_the_data_and_kills_the_old_secret,
    a_renewed_secret_lets_in_for_a_moment_and_renews_nothing,
    a_rotation_kills_a_secret_that_was_renewed_meanwhile,
    of_two_renewals_at_once_one_is_done,
    secrets_and_names_that_differ_in_case_are_two,
    data_is_json_and_not_too_long,
    text_of_any_language_comes_back,
    two_migrations_at_once_are_one,
    a_store_that_lacks_a_table_or_is_of_a_newer_version_cannot_be_used,
    many_writers_at_once_all_succeed,
    the_store_holds_no_secret,
    a_user_is_known_by_name_and_loses_everything_at_the_end,
    a_token_has_scopes_and_an_end,
    the_audit_log_is_read_by_pages,
    old_entries_of_the_audit_log_are_deleted,
    login_sessions_of_an_older_program_go_on,
    a_second_import_brings_nothing_back,
    an_import_waits_for_users,
    a_row_that_cannot_be_used_is_told_and_the_others_are_taken,
    what_is_kept_is_sealed_by_a_key,
);

/// A store, and the server behind it.
struct World {
    server: Server,
    accounts: Accounts,
}

fn settings() -> Console {
    // A busy machine must not make a test fail.
    let slow = Duration::from_secs(60);
    Console { acquire_timeout: slow, statement_timeout: slow, connect_timeout: slow, ..Console::default() }
}

fn run(kind: StoreServer, scenario: impl AsyncFnOnce(World)) {
    let Some(server) = kind.start() else { return };
    play(server, scenario);
}

fn play(server: Server, scenario: impl AsyncFnOnce(World)) {
    runtime().block_on(async {
        let accounts = Accounts::new(&server.url(), &settings()).unwrap();
        accounts.open(NOON).await.unwrap();
        scenario(World { server, accounts }).await;
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn of(user: &str) -> New<'_> {
    New { user_id: Some(user), ip_address: Some("192.0.2.1"), user_agent: Some("curl/8.0"), data: r#"{"n": 1}"# }
}

impl World {
    async fn begin(&self, user: &str, now: Micros) -> (Secret, LoginSession) {
        let (secret, _) = self.accounts.begin(of(user), now).await.unwrap();
        let session = self.get(&secret, now).await.unwrap();
        (secret, session)
    }

    async fn add(&self, user: &str) {
        let password_hash = Some("$argon2id$".to_owned());
        let user = User { name: user.into(), role: Role::Member, person: None, password_hash, created_at: NOON };
        self.accounts.add_user(&user, NOON).await.unwrap();
    }

    async fn import(&self, url: &str) -> Imported {
        self.accounts.import(url, &settings(), NOON).await.unwrap()
    }

    async fn get(&self, secret: &Secret, now: Micros) -> Option<LoginSession> {
        self.accounts.session(secret, now).await.unwrap()
    }
}

/// The data as JSON, because back ends can add or remove spaces.
fn json(session: &LoginSession) -> serde_json::Value {
    serde_json::from_str(&session.data).unwrap()
}

async fn a_session_lives_until_it_is_deleted(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    assert_eq!(session.user_id.as_deref(), Some("ada"));
    assert_eq!((session.created_at, session.last_accessed_at, session.auth_at), (NOON, NOON, Some(NOON)));
    assert_eq!((session.expires_at, session.absolute_expires_at), (NOON + IDLE, NOON + 8 * HOUR));
    assert_eq!(session.ip_address.as_deref(), Some("192.0.2.1"));
    assert_eq!(json(&session), serde_json::json!({"n": 1}));
    world.accounts.delete(session.hash, NOON).await.unwrap();
    assert_eq!(world.get(&secret, NOON).await, None);
    world.accounts.delete(session.hash, NOON).await.unwrap();
    let (nobodys, _) = world.accounts.begin(New::default(), NOON).await.unwrap();
    let session = world.get(&nobodys, NOON).await.unwrap();
    assert_eq!((session.user_id, session.auth_at), (None, None));
}

async fn a_secret_or_an_id_is_taken_once(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    let id = "0123456789abcdef0123456789abcdef";
    let again = world.accounts.insert(secret.hash(), id, of("eve"), NOON).await;
    assert_eq!(again, Err(StoreError::Taken));
    let again = world.accounts.insert(SecretHash([7; 32]), &session.public_id, of("eve"), NOON).await;
    assert_eq!(again, Err(StoreError::Taken));
    assert_eq!(world.get(&secret, NOON).await, Some(session), "nothing was written over");
}

async fn an_update_does_not_bring_back_what_was_deleted(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    world.accounts.delete(session.hash, NOON).await.unwrap();
    assert_eq!(world.accounts.update(&session, "{}", NOON).await, Ok(Updated::Gone));
    assert_eq!(world.accounts.touch(&session, NOON + 2 * MINUTE).await, Ok(false));
    assert_eq!(world.accounts.rotate(&session, NOON).await, Ok(None));
    assert_eq!(world.get(&secret, NOON).await, None);
    let (secret, session) = world.begin("ada", NOON).await;
    assert_eq!(world.accounts.revoke_all("ada", None, "ended", NOON).await, Ok(1));
    assert_eq!(world.accounts.update(&session, "{}", NOON).await, Ok(Updated::Gone));
    assert_eq!(world.accounts.touch(&session, NOON + 2 * MINUTE).await, Ok(false));
    assert_eq!(world.get(&secret, NOON).await, None);
}

async fn a_stale_version_is_a_conflict(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    assert_eq!(world.accounts.update(&session, r#"{"n": 2}"#, NOON).await, Ok(Updated::Done));
    assert_eq!(world.accounts.update(&session, r#"{"n": 3}"#, NOON).await, Ok(Updated::Conflict));
    let now = world.get(&secret, NOON).await.unwrap();
    assert_eq!((json(&now), now.version), (serde_json::json!({"n": 2}), session.version + 1));
    assert_eq!(world.accounts.update(&now, r#"{"n": 3}"#, NOON).await, Ok(Updated::Done));
}

async fn a_touch_is_rare_and_rewrites_nothing_else(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    assert_eq!(world.accounts.touch(&session, NOON + MINUTE - 1).await, Ok(false));
    assert_eq!(world.accounts.update(&session, r#"{"n": 2}"#, NOON).await, Ok(Updated::Done));
    // Two requests read the session at the same time; only one of them writes.
    assert_eq!(world.accounts.touch(&session, NOON + MINUTE).await, Ok(true));
    assert_eq!(world.accounts.touch(&session, NOON + MINUTE).await, Ok(false));
    let touched = world.get(&secret, NOON + MINUTE).await.unwrap();
    assert_eq!(touched.last_accessed_at, NOON + MINUTE);
    assert_eq!(touched.expires_at, NOON + MINUTE + IDLE);
    assert_eq!((json(&touched), touched.version), (serde_json::json!({"n": 2}), session.version + 1));
}

async fn a_session_ends_by_the_earlier_of_two_limits(world: World) {
    let (secret, mut session) = world.begin("ada", NOON).await;
    let mut now = NOON;
    while now < NOON + 8 * HOUR - 20 * MINUTE {
        now += 20 * MINUTE;
        assert!(world.accounts.touch(&session, now).await.unwrap(), "{now}");
        session = world.get(&secret, now).await.unwrap();
    }
    assert_eq!(session.expires_at, NOON + 8 * HOUR, "not beyond the end of its life");
    assert!(world.get(&secret, NOON + 8 * HOUR - 1).await.is_some());
    assert_eq!(world.get(&secret, NOON + 8 * HOUR).await, None, "expired at the limit itself");
    let (idle, _) = world.begin("ada", NOON).await;
    assert!(world.get(&idle, NOON + IDLE - 1).await.is_some());
    assert_eq!(world.get(&idle, NOON + IDLE).await, None);
}

async fn an_expired_session_that_was_extended_is_not_deleted(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    // One request reads the session a moment before its end, another one at its end. The first is faster.
    assert!(world.accounts.touch(&session, NOON + IDLE - 1).await.unwrap());
    assert_eq!(world.accounts.delete_expired(session.hash, NOON + IDLE).await, Ok(false));
    assert!(world.get(&secret, NOON + IDLE).await.is_some());
    assert_eq!(world.accounts.delete_expired(session.hash, NOON + 2 * IDLE).await, Ok(true));
}

async fn a_session_lives_for_the_idle_limit_after_its_last_request(world: World) {
    for (seconds, late) in [(4, 400_000), (60, 6_000_000), (1800, MINUTE), (86_400, MINUTE)] {
        let limit: Micros = seconds * 1_000_000;
        let idle_timeout = Duration::from_micros(limit.unsigned_abs());
        let session_lifetime = Duration::from_secs(30 * 86_400);
        let limits = Console { idle_timeout, session_lifetime, ..settings() };
        let accounts = Accounts::new(&world.server.url(), &limits).unwrap();
        let (secret, _) = accounts.begin(of("ada"), NOON).await.unwrap();
        let mut last = NOON;
        // Requests before, at and after the moments at which one is written.
        for step in [limit / 30, late - 1, 1, late, limit / 4, limit - 1, late / 2, limit] {
            last += step;
            let session = accounts.session(&secret, last).await.unwrap();
            let session = session.unwrap_or_else(|| panic!("idle for {step} of {limit}"));
            accounts.touch(&session, last).await.unwrap();
        }
        assert!(accounts.session(&secret, last + limit).await.unwrap().is_some(), "{limit}");
        assert_eq!(accounts.session(&secret, last + limit + late).await, Ok(None), "{limit}");
        accounts.close().await;
    }
}

async fn sessions_are_listed_by_their_last_use(world: World) {
    let (_, first) = world.begin("ada", NOON).await;
    let (_, second) = world.begin("ada", NOON + 1).await;
    world.begin("bob", NOON).await;
    let (_, ended) = world.begin("ada", NOON + 2).await;
    world.accounts.revoke("ada", &ended.public_id, "ended", NOON).await.unwrap();
    let ids = async |now| {
        let sessions = world.accounts.sessions_of("ada", now).await.unwrap();
        sessions.into_iter().map(|session| session.public_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(NOON + 2).await, [second.public_id.clone(), first.public_id.clone()]);
    world.accounts.touch(&first, NOON + 2 * MINUTE).await.unwrap();
    assert_eq!(ids(NOON + 2 * MINUTE).await, [first.public_id.clone(), second.public_id]);
    assert_eq!(ids(NOON + IDLE + 1).await, [first.public_id], "the other has expired");
}

async fn a_session_is_ended_by_its_owner_only(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    let (other, _) = world.begin("ada", NOON).await;
    let revoke = async |user: &str, id: &str| world.accounts.revoke(user, id, "ended", NOON).await.unwrap();
    assert!(!revoke("eve", &session.public_id).await);
    assert!(!revoke("ada", "' OR 1 = 1 --").await);
    assert!(world.get(&secret, NOON).await.is_some());
    assert!(revoke("ada", &session.public_id).await);
    assert!(!revoke("ada", &session.public_id).await, "it has ended already");
    assert_eq!(world.get(&secret, NOON).await, None);
    let (third, _) = world.begin("ada", NOON).await;
    let kept = world.get(&third, NOON).await.unwrap().public_id;
    assert_eq!(world.accounts.revoke_all("ada", Some(&kept), "ended", NOON).await, Ok(1));
    assert_eq!(world.get(&other, NOON).await, None);
    assert!(world.get(&third, NOON).await.is_some());
}

async fn a_clean_up_goes_on_until_nothing_is_left(world: World) {
    for number in 0..1203u64 {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        world.accounts.insert(SecretHash(hash), &format!("{number:032x}"), of("ada"), NOON).await.unwrap();
    }
    let (alive, _) = world.begin("bob", NOON + 20 * MINUTE).await;
    let (_, revoked) = world.begin("cyd", NOON + 20 * MINUTE).await;
    world.accounts.revoke("cyd", &revoked.public_id, "ended", NOON + 25 * MINUTE).await.unwrap();
    assert_eq!(world.accounts.clean_up(NOON).await, Ok(0));
    assert_eq!(world.accounts.clean_up(NOON + IDLE).await, Ok(1204), "two batches, with the revoked one");
    assert_eq!(world.accounts.clean_up(NOON + IDLE).await, Ok(0));
    assert!(world.get(&alive, NOON + IDLE).await.is_some());
}

async fn a_rotation_keeps_the_data_and_kills_the_old_secret(world: World) {
    let (old, session) = world.begin("ada", NOON).await;
    let new = world.accounts.rotate(&session, NOON).await.unwrap().unwrap();
    assert_eq!(world.get(&old, NOON).await, None, "dead at once");
    let rotated = world.get(&new, NOON).await.unwrap();
    assert_eq!((&rotated.public_id, json(&rotated)), (&session.public_id, json(&session)));
    assert_eq!(world.accounts.rotate(&session, NOON).await, Ok(None), "the old secret rotates nothing");
    assert!(world.get(&new, NOON).await.is_some());
}

async fn a_renewed_secret_lets_in_for_a_moment_and_renews_nothing(world: World) {
    let (old, mut session) = world.begin("ada", NOON).await;
    assert_eq!(world.accounts.renew(&session, NOON + HOUR - 1).await, Ok(None), "it is too young");
    for minutes in [20, 40] {
        world.accounts.touch(&session, NOON + minutes * MINUTE).await.unwrap();
        session = world.get(&old, NOON + minutes * MINUTE).await.unwrap();
    }
    let now = NOON + HOUR;
    let new = world.accounts.renew(&session, now).await.unwrap().unwrap();
    let by_old = world.get(&old, now + 29_999_999).await.unwrap();
    assert!(by_old.by_previous);
    assert_eq!(world.accounts.renew(&by_old, now + 29_999_999).await, Ok(None));
    assert_eq!(world.get(&old, now + 30_000_000).await, None, "half a minute later it is dead");
    let renewed = world.get(&new, now).await.unwrap();
    assert_eq!((renewed.by_previous, &renewed.public_id), (false, &session.public_id));
    assert_eq!(world.accounts.renew(&renewed, now + HOUR - 1).await, Ok(None));
    world.accounts.delete(by_old.hash, now).await.unwrap();
    assert_eq!(world.get(&new, now).await, None, "a log-out with either of them ends the session");
}

async fn a_rotation_kills_a_secret_that_was_renewed_meanwhile(world: World) {
    let (old, session) = world.begin("ada", NOON).await;
    // A request that changes the password, and renews the secret before.
    let renewed = world.accounts.renew_now(&session, NOON).await.unwrap().unwrap();
    let new = world.accounts.rotate(&session, NOON).await.unwrap().unwrap();
    for dead in [&old, &renewed] {
        assert_eq!(world.get(dead, NOON).await, None, "dead at once");
    }
    assert_eq!(world.get(&new, NOON).await.unwrap().public_id, session.public_id);
    assert_eq!(world.accounts.rotate(&session, NOON).await, Ok(None), "neither rotates anything now");
}

async fn of_two_renewals_at_once_one_is_done(world: World) {
    let mut limits = settings();
    limits.renewal = Duration::from_secs(600);
    let accounts = Accounts::new(&world.server.url(), &limits).unwrap();
    let (secret, session) = world.begin("ada", NOON).await;
    let now = NOON + 20 * MINUTE;
    let (one, two) = tokio::join!(accounts.renew(&session, now), accounts.renew(&session, now));
    let renewed: Vec<_> = [one, two].into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(renewed.len(), 1);
    assert!(world.get(&renewed[0], now).await.is_some());
    assert!(world.get(&secret, now).await.unwrap().by_previous);
    accounts.close().await;
}

async fn secrets_and_names_that_differ_in_case_are_two(world: World) {
    let of_id = |id: &str| Secret::presented(id).unwrap();
    for (id, public_id, user) in [("aBc", "a", "Ada"), ("AbC", "A", "ada")] {
        world.accounts.insert(of_id(id).hash(), &public_id.repeat(32), of(user), NOON).await.unwrap();
    }
    assert_eq!(world.get(&of_id("aBc"), NOON).await.unwrap().user_id.as_deref(), Some("Ada"));
    assert_eq!(world.get(&of_id("AbC"), NOON).await.unwrap().user_id.as_deref(), Some("ada"));
    assert_eq!(world.get(&of_id("abc"), NOON).await, None);
    assert_eq!(world.accounts.sessions_of("ada", NOON).await.unwrap().len(), 1);
    assert_eq!(world.accounts.sessions_of("ADA", NOON).await.unwrap().len(), 0);
}

async fn data_is_json_and_not_too_long(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    let invalid = |update| assert!(matches!(update, Err(StoreError::Invalid(_))), "{update:?}");
    for wrong in ["", "{", "{'a': 1}", "nonsense"] {
        invalid(world.accounts.update(&session, wrong, NOON).await);
    }
    let long = format!("\"{}\"", "a".repeat((64 << 10) - 2));
    assert_eq!(world.accounts.update(&session, &long, NOON).await, Ok(Updated::Done));
    let kept = world.get(&secret, NOON).await.unwrap();
    assert_eq!(kept.data.len(), 64 << 10);
    invalid(world.accounts.update(&kept, &format!("{long} "), NOON).await);
    let new = New { data: "nonsense", ..of("ada") };
    assert!(matches!(world.accounts.begin(new, NOON).await, Err(StoreError::Invalid(_))));
}

async fn text_of_any_language_comes_back(world: World) {
    let data = serde_json::json!({"text": "Grüße 👋 'quoted' \\ \"double\" \u{202e}"});
    let agent = "Ä".repeat(600);
    let new = New { data: &data.to_string(), user_agent: Some(&agent), ..of("Ünï-user") };
    let (secret, _) = world.accounts.begin(new, NOON).await.unwrap();
    let session = world.get(&secret, NOON).await.unwrap();
    assert_eq!(json(&session), data);
    assert_eq!(session.user_agent, Some("Ä".repeat(512)), "cut to what the column holds");
    assert_eq!(session.user_id.as_deref(), Some("Ünï-user"));
}

async fn two_migrations_at_once_are_one(world: World) {
    let url = world.server.another();
    let open = async || {
        let accounts = Accounts::new(&url, &settings()).unwrap();
        let opened = accounts.open(NOON).await;
        accounts.close().await;
        opened
    };
    let (one, two, three, four) = tokio::join!(open(), open(), open(), open());
    assert_eq!([one, two, three, four], [Ok(()), Ok(()), Ok(()), Ok(())]);
}

async fn a_store_that_lacks_a_table_or_is_of_a_newer_version_cannot_be_used(world: World) {
    let url = world.server.url();
    for table in
        ["schema_version", "login_sessions", "imported_sessions", "users", "api_tokens", "audit_log", "audit_salt"]
    {
        assert_eq!(world.accounts.probe(NOON).await, Ok(()), "{table}");
        ask(&url, &format!("ALTER TABLE {table} RENAME TO away")).unwrap();
        let error = world.accounts.probe(NOON).await.unwrap_err().to_string();
        assert!(error.starts_with("the account store cannot be used: a table is missing (code "), "{table}: {error}");
        ask(&url, &format!("ALTER TABLE away RENAME TO {table}")).unwrap();
    }
    ask(&url, "INSERT INTO schema_version VALUES (99, 0)").unwrap();
    let accounts = Accounts::new(&url, &settings()).unwrap();
    let message = "a newer version of sessionmill has changed it: use that version or a later one";
    assert_eq!(accounts.open(NOON).await, Err(StoreError::Unusable(message.to_owned())));
    accounts.close().await;
}

async fn many_writers_at_once_all_succeed(world: World) {
    let accounts = Arc::new(world.accounts);
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..50 {
        let accounts = Arc::clone(&accounts);
        writers.spawn(async move {
            let user = format!("user-{}", number % 5);
            for _ in 0..5 {
                let (secret, _) = accounts.begin(of(&user), NOON).await.unwrap();
                let session = accounts.session(&secret, NOON).await.unwrap().unwrap();
                assert_eq!(accounts.update(&session, "{}", NOON).await, Ok(Updated::Done));
                assert_eq!(accounts.touch(&session, NOON + MINUTE).await, Ok(true));
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    for number in 0..5 {
        let sessions = accounts.sessions_of(&format!("user-{number}"), NOON).await.unwrap();
        assert_eq!(sessions.len(), 50);
    }
}

async fn the_store_holds_no_secret(world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    let renewed = world.accounts.rotate(&session, NOON).await.unwrap().unwrap();
    let (token, _) =
        world.accounts.add_token("ada", "ci", &[Scope::Read], Duration::from_secs(3600), NOON).await.unwrap();
    let entry = Entry { actor: Some("ada"), event: "login", session: Some(&session.public_id), ..Entry::default() };
    world.accounts.log(entry, NOON).await.unwrap();
    let dump = world.server.dump();
    assert!(dump.contains(&session.public_id), "the dump shows what is there");
    for secret in [&secret, &renewed, &token] {
        let text = secret.reveal().trim_start_matches("sm_");
        assert!(!dump.contains(text));
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.to_lowercase().contains(&hex));
    }
    let (written, _) = world.accounts.audit(None, None, 10, NOON).await.unwrap();
    let mark = written[0].session_mark.as_deref().unwrap();
    assert!(mark.len() == 16 && !session.public_id.contains(mark), "{mark}");
}

async fn sessions_outlast_a_restart(mut world: World) {
    let (secret, session) = world.begin("ada", NOON).await;
    if world.server.stop() {
        let away = world.accounts.session(&secret, NOON).await;
        assert!(matches!(away, Err(StoreError::Unreachable(_))), "{away:?}");
        let away = world.accounts.delete(session.hash, NOON).await;
        assert!(matches!(away, Err(StoreError::Unreachable(_))), "a log-out that was not done: {away:?}");
        world.server.start_again();
        assert_eq!(world.get(&secret, NOON).await, Some(session.clone()), "the same pool connects again");
    }
    let restarted = Accounts::new(&world.server.url(), &settings()).unwrap();
    assert_eq!(restarted.session(&secret, NOON).await.unwrap(), Some(session));
    restarted.close().await;
}

async fn a_user_is_known_by_name_and_loses_everything_at_the_end(world: World) {
    let accounts = &world.accounts;
    let password_hash = Some("$argon2id$".to_owned());
    let ada =
        User { name: "ada".into(), role: Role::Lead, person: Some("Ada L".into()), password_hash, created_at: NOON };
    accounts.add_user(&ada, NOON).await.unwrap();
    assert_eq!(accounts.add_user(&ada, NOON).await, Err(StoreError::Taken));
    assert_eq!(accounts.user("ada", NOON).await, Ok(Some(ada.clone())));
    for stranger in ["ADA", "ada ", "ad", "", "a'; DROP TABLE users; --"] {
        assert_eq!(accounts.user(stranger, NOON).await, Ok(None), "{stranger}");
    }
    let invalid = User { name: "a b".into(), ..ada.clone() };
    assert!(matches!(accounts.add_user(&invalid, NOON).await, Err(StoreError::Invalid(_))));
    let (secret, _) = world.begin("ada", NOON).await;
    assert_eq!(accounts.set_role("ada", Role::Admin, NOON).await, Ok(true));
    assert_eq!(world.get(&secret, NOON).await, None, "another role is another log-in");
    let (kept, session) = world.begin("ada", NOON).await;
    let (secret, _) = world.begin("ada", NOON).await;
    assert_eq!(accounts.set_password("ada", "$new", Some(&session.public_id), NOON).await, Ok(true));
    assert_eq!(world.get(&secret, NOON).await, None);
    assert!(world.get(&kept, NOON).await.is_some());
    assert_eq!(accounts.set_role("eve", Role::Admin, NOON).await, Ok(false));
    let (token, _) = accounts.add_token("ada", "ci", &[Scope::Read], Duration::from_secs(3600), NOON).await.unwrap();
    assert_eq!(accounts.remove_user("ada", NOON).await, Ok(true));
    assert_eq!(accounts.remove_user("ada", NOON).await, Ok(false));
    assert_eq!(world.get(&kept, NOON).await, None);
    assert_eq!(accounts.token(&token, NOON).await, Ok(None));
    assert_eq!(accounts.users(NOON).await, Ok(vec![]));
}

async fn a_token_has_scopes_and_an_end(world: World) {
    let accounts = &world.accounts;
    let scopes = [Scope::Read, Scope::Ingest];
    let (secret, id) = accounts.add_token("ada", "ci", &scopes, Duration::from_secs(3600), NOON).await.unwrap();
    assert!(secret.reveal().starts_with("sm_"));
    let token = accounts.token(&secret, NOON).await.unwrap().unwrap();
    assert_eq!((&*token.user_id, &*token.label, &token.scopes[..]), ("ada", "ci", &scopes[..]));
    let listed = accounts.tokens(Some("ada"), NOON).await.unwrap();
    assert_eq!((listed.len(), listed[0].last_used_at), (1, Some(NOON)));
    assert_eq!(accounts.token(&secret, NOON + HOUR).await, Ok(None));
    assert_eq!(accounts.revoke_token(Some("eve"), &id, NOON).await, Ok(false));
    assert_eq!(accounts.revoke_token(Some("ada"), &id, NOON).await, Ok(true));
    assert_eq!(accounts.token(&secret, NOON).await, Ok(None));
    accounts.add_token("ada", "old", &scopes, Duration::from_secs(3599), NOON - HOUR).await.unwrap();
    assert_eq!(accounts.clean_up_tokens(NOON).await, Ok(1));
}

async fn the_audit_log_is_read_by_pages(world: World) {
    let accounts = &world.accounts;
    for number in 0..5 {
        let detail = format!("line {number}\nsecond line");
        let actor = if number == 3 { "eve" } else { "ada" };
        let owner = (number == 3).then_some("bob");
        let entry = Entry { actor: Some(actor), event: "test", owner, detail: Some(&detail), ..Entry::default() };
        accounts.log(entry, NOON + number).await.unwrap();
    }
    let (page, total) = accounts.audit(None, None, 2, NOON).await.unwrap();
    let details = page.iter().map(|entry| entry.detail.as_deref().unwrap()).collect::<Vec<_>>();
    assert_eq!(details, ["line 4 second line", "line 3 second line"], "one line each");
    let (next, of_all) = accounts.audit(None, Some(page[1].id), 10, NOON).await.unwrap();
    let at = |number| sessionmill::console::accounts::text(NOON + number);
    assert_eq!(next.iter().map(|entry| entry.at.clone()).collect::<Vec<_>>(), [2, 1, 0].map(at));
    assert_eq!(at(3), "2026-11-30T12:00:00.000003Z");
    let bob = User { name: "bob".into(), role: Role::Member, person: None, password_hash: None, created_at: NOON + 3 };
    let (of_bob, of_his) = accounts.audit(Some(&bob), None, 10, NOON).await.unwrap();
    assert_eq!(of_bob.iter().map(|entry| entry.at.clone()).collect::<Vec<_>>(), [at(3)], "what was read of theirs");
    assert_eq!([total, of_all, of_his], [5, 5, 1], "on all pages");
    let later = User { created_at: NOON + 4, ..bob };
    assert_eq!(accounts.audit(Some(&later), None, 10, NOON).await.unwrap(), (vec![], 0), "another user of the name");
    let zero = accounts.log(Entry { actor: Some("a\0b"), event: "test", ..Entry::default() }, NOON).await;
    assert!(matches!(zero, Err(StoreError::Invalid(_))), "which one of the stores could not hold: {zero:?}");
}

async fn old_entries_of_the_audit_log_are_deleted(world: World) {
    const DAY: Micros = 24 * HOUR;
    let accounts = &world.accounts;
    let log = async |at: Micros| {
        accounts.log(Entry { event: "test", ..Entry::default() }, at).await.unwrap();
    };
    // The second one was written by a clock that was wrong, the fourth by one that is a minute slow.
    for at in [NOON - 401 * DAY, NOON + 9999 * DAY, NOON - 400 * DAY + 1, NOON - 400 * DAY, NOON] {
        log(at).await;
    }
    let left = async |now: Micros| {
        let (entries, _) = accounts.audit(None, None, 10, now).await.unwrap();
        entries.into_iter().rev().map(|entry| entry.at).collect::<Vec<_>>()
    };
    let times = |times: &[Micros]| times.iter().map(|at| sessionmill::console::accounts::text(*at)).collect::<Vec<_>>();
    assert_eq!(accounts.clean_up(NOON).await, Ok(1));
    let all = [NOON + 9999 * DAY, NOON - 400 * DAY + 1, NOON - 400 * DAY, NOON];
    assert_eq!(left(NOON).await, times(&all), "behind a younger one, it waits");
    assert_eq!(accounts.clean_up(NOON + 1).await, Ok(2));
    assert_eq!(left(NOON).await, times(&[all[0], NOON]));
    let settings = Console { audit_retention: Duration::from_secs(3600), ..settings() };
    let briefly = Accounts::new(&world.server.url(), &settings).unwrap();
    assert_eq!(briefly.clean_up(NOON + HOUR - 1).await, Ok(0));
    assert_eq!(briefly.clean_up(NOON + HOUR).await, Ok(1));
    assert_eq!(left(NOON).await, times(&[all[0]]));
}

/// The table of an older program, with the types of the back end: a session in use, one that has ended, one that was
/// logged out, one from before a log-in, and one without an id.
fn older(url: &str) -> String {
    let (time, flag, json, address) = match url.split(':').next() {
        Some("postgres") => ("TIMESTAMPTZ", "BOOLEAN", "JSONB", "INET"),
        Some("mysql") => ("DATETIME(6)", "BOOLEAN", "JSON", "VARCHAR(45)"),
        _ => ("TEXT", "INTEGER", "TEXT", "TEXT"),
    };
    let time_of = |text: &str| format!("'{text}{}'", if time == "TIMESTAMPTZ" { "+00" } else { "" });
    let [morning, noon, evening] = ["2026-11-30 09:00:00", "2026-11-30 11:59:59", "2026-11-30 12:20:00"].map(time_of);
    let row = |id: &str, user: &str, ends: &str, active: &str| {
        format!(
            "('{id}', {user}, {morning}, {morning}, {ends}, '192.0.2.9', 'Firefox', {active}, '{{\"cart\": [1, 2]}}')"
        )
    };
    let rows = [
        row("old-secret-1", "'ada'", &evening, "TRUE"),
        row("old-secret-2", "'bob'", &noon, "TRUE"),
        row("old-secret-3", "'bob'", &evening, "FALSE"),
        row("old-secret-4", "NULL", &evening, "TRUE"),
        row("", "'ada'", &evening, "TRUE"),
    ];
    format!(
        "CREATE TABLE sessions (id VARCHAR(255) PRIMARY KEY, user_id VARCHAR(100), created_at {time},
             last_accessed_at {time}, expires_at {time}, ip_address {address}, user_agent TEXT, is_active {flag},
             data {json});
         INSERT INTO sessions VALUES {}",
        rows.join(", ")
    )
}

async fn login_sessions_of_an_older_program_go_on(world: World) {
    let url = world.server.another();
    ask(&url, &older(&url)).unwrap();
    world.add("ada").await;
    world.add("bob").await;
    let no_id = refused(1, Some("ada"), "its id is empty or over 512 bytes");
    let imported = world.import(&url).await;
    assert_eq!(imported, Imported { taken: 2, ended: 2, refused: vec![no_id.clone()], ..Imported::default() });
    let secret = |name: &str| Secret::presented(name).unwrap();
    let session = world.get(&secret("old-secret-1"), NOON).await.unwrap();
    let times = (session.created_at, session.last_accessed_at, session.expires_at, session.absolute_expires_at);
    assert_eq!(times, (NOON - 3 * HOUR, NOON - 3 * HOUR, NOON + 20 * MINUTE, NOON + 20 * MINUTE), "as long as before");
    assert_eq!((session.user_id.as_deref(), session.ip_address.as_deref()), (Some("ada"), Some("192.0.2.9")));
    assert_eq!(json(&session), serde_json::json!({"older": {"cart": [1, 2]}}));
    assert_eq!(world.get(&secret("old-secret-4"), NOON).await.unwrap().user_id, None);
    for ended in ["old-secret-2", "old-secret-3"] {
        assert_eq!(world.get(&secret(ended), NOON).await, None, "{ended}");
    }
    let renewed = world.accounts.rotate(&session, NOON).await.unwrap().unwrap();
    assert_eq!(world.get(&secret("old-secret-1"), NOON).await, None, "its secret was replaced");
    assert_eq!(world.get(&renewed, NOON).await.unwrap().public_id, session.public_id);
    let again = world.import(&url).await;
    assert_eq!(again, Imported { known: 2, ended: 2, refused: vec![no_id], ..Imported::default() });
}

fn refused(row: u64, user: Option<&str>, why: &str) -> Refused {
    Refused { row, user: user.map(str::to_owned), why: why.to_owned() }
}

async fn a_second_import_brings_nothing_back(world: World) {
    let url = world.server.another();
    ask(&url, &older(&url)).unwrap();
    world.add("ada").await;
    let secret = Secret::presented("old-secret-1").unwrap();
    let again = async |what: &str| {
        let again = world.import(&url).await;
        assert_eq!((again.taken, again.known), (0, 2), "{what}");
        assert_eq!(world.get(&secret, NOON).await, None, "{what}");
    };
    assert_eq!(world.import(&url).await.taken, 2);
    // As a program that did not remember imports yet has left the store.
    ask(&world.server.url(), "DELETE FROM imported_sessions").unwrap();
    assert_eq!(world.import(&url).await.known, 2);
    let session = world.get(&secret, NOON).await.unwrap();
    let session = {
        let renewed = world.accounts.rotate(&session, NOON).await.unwrap().unwrap();
        world.get(&renewed, NOON).await.unwrap()
    };
    again("its secret is another one").await;
    world.accounts.delete(session.hash, NOON).await.unwrap();
    again("it was logged out").await;
    world.accounts.remove_user("ada", NOON).await.unwrap();
    world.accounts.clean_up(NOON + HOUR).await.unwrap();
    world.add("ada").await;
    let of_another = world.import(&url).await;
    assert_eq!((of_another.taken, of_another.known), (0, 2), "of an earlier user of the name");
    assert_eq!(world.get(&secret, NOON).await, None);
}

async fn an_import_waits_for_users(world: World) {
    let url = world.server.another();
    ask(&url, &older(&url)).unwrap();
    let secret = Secret::presented("old-secret-1").unwrap();
    let imported = world.import(&url).await;
    let told = (imported.taken, imported.of_strangers, imported.strangers.into_iter().collect::<Vec<_>>());
    assert_eq!(told, (1, 1, vec!["ada".to_owned()]), "the one of before a log-in is nobody's");
    assert_eq!(world.get(&secret, NOON).await, None);
    world.add("ada").await;
    let again = world.import(&url).await;
    assert_eq!((again.taken, again.known, again.of_strangers), (1, 1, 0));
    assert_eq!(world.get(&secret, NOON).await.unwrap().user_id.as_deref(), Some("ada"));
}

async fn a_row_that_cannot_be_used_is_told_and_the_others_are_taken(world: World) {
    let url = world.server.another();
    let kind = url.split(':').next().unwrap().to_owned();
    let (time, flag) = match &*kind {
        "postgres" => ("TIMESTAMPTZ", "BOOLEAN"),
        "mysql" => ("DATETIME(6)", "BOOLEAN"),
        _ => ("TEXT", "INTEGER"),
    };
    let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
    let long = "u".repeat(300);
    let rows = [
        ("1-good", "ada", "{}"),
        ("2-zero", "ada", r#"{"text": "\u0000"}"#),
        ("3-half", "ada", r#"{"text": "\ud800"}"#),
        ("4-deep", "ada", &deep),
        ("5-huge", "ada", r#"{"n": 1e400000}"#),
        ("6-user", &*long, "{}"),
        ("7-text", "ada", "{"),
        ("8-time", "ada", "{}"),
        ("9-good", "ada", "{}"),
    ];
    let row = |(id, user, data): &(&str, &str, &str)| {
        let end = if id.contains("time") { "NULL" } else { "'2026-11-30 12:20:00'" };
        let begin = "'2026-11-30 09:00:00'";
        format!("('{id}', '{user}', {begin}, {begin}, {end}, '192.0.2.9', 'Firefox', TRUE, '{data}')")
    };
    let sql = format!(
        "CREATE TABLE sessions (id VARCHAR(255) PRIMARY KEY, user_id VARCHAR(400), created_at {time},
             last_accessed_at {time}, expires_at {time}, ip_address VARCHAR(45), user_agent TEXT, is_active {flag},
             data TEXT);
         INSERT INTO sessions VALUES {}",
        rows.iter().map(row).collect::<Vec<_>>().join(", ")
    );
    // A backslash in quotes is a backslash, as in the other back ends.
    let sql = if kind == "mysql" { format!("SET sql_mode = 'NO_BACKSLASH_ESCAPES'; {sql}") } else { sql };
    ask(&url, &sql).unwrap();
    world.add("ada").await;
    let imported = world.import(&url).await;
    let cannot =
        |row, code: &str| refused(row, Some("ada"), &format!("the database cannot hold a value (code {code})"));
    let mut expected = match &*kind {
        "postgres" => vec![cannot(2, "22P05"), cannot(3, "22P02"), cannot(5, "22003")],
        "mysql" => vec![cannot(3, "23000"), cannot(4, "23000")],
        _ => Vec::new(),
    };
    expected.extend([
        refused(6, None, "its user has no name that the console allows"),
        refused(7, Some("ada"), "its data is not JSON, or too long"),
        refused(8, Some("ada"), "its end is not a time"),
    ]);
    assert_eq!(imported.taken + expected.len() as u64, 9);
    assert_eq!(imported.refused, expected);
    for good in ["1-good", "9-good"] {
        assert!(world.get(&Secret::presented(good).unwrap(), NOON).await.is_some(), "{good}");
    }
}

/// What only one of the back ends has: infinite times of PostgreSQL, and text that is not UTF-8 in SQLite.
#[test]
fn odd_values_of_one_back_end_end_no_import() {
    let change = |kind: StoreServer, change: &str, expected: &Imported| {
        let Some(server) = kind.start() else { return };
        play(server, async |world| {
            let url = world.server.another();
            ask(&url, &format!("{}; {change}", older(&url))).unwrap();
            world.add("ada").await;
            assert_eq!(&world.import(&url).await, expected);
        });
    };
    let no_id = refused(1, Some("ada"), "its id is empty or over 512 bytes");
    let expected = Imported { taken: 2, ended: 2, refused: vec![no_id.clone()], ..Imported::default() };
    let forever = "UPDATE sessions SET expires_at = 'infinity' WHERE id = 'old-secret-1';
                   UPDATE sessions SET created_at = '-infinity'";
    change(StoreServer::Postgres, forever, &expected);
    let wrong = refused(2, None, "a value is of another type, or is not text in UTF-8");
    let zero = refused(5, None, "a text has a zero byte in it");
    let expected = Imported { ended: 2, refused: vec![no_id, wrong, zero], ..Imported::default() };
    let broken = "UPDATE sessions SET user_agent = CAST(x'ff41' AS TEXT) WHERE id = 'old-secret-1';
                  UPDATE sessions SET user_agent = 'a' || char(0) WHERE id = 'old-secret-4'";
    change(StoreServer::Sqlite, broken, &expected);
}

#[test]
fn an_older_file_is_only_read() {
    let Some(server) = StoreServer::Sqlite.start() else { return };
    play(server, async |world| {
        let url = world.server.another();
        ask(&url, &older(&url)).unwrap();
        let file = url.trim_start_matches("sqlite://");
        let bytes = std::fs::read(file).unwrap();
        world.import(&url).await;
        assert!(std::fs::read(file).unwrap() == bytes, "the file was written to");
        let misspelt = world.accounts.import(&format!("{url}x?mode=rwc"), &settings(), NOON).await;
        let expected = "cannot read the older program's login sessions: the file cannot be opened or created (code 14)";
        assert_eq!(misspelt.unwrap_err().to_string(), expected);
        assert!(!std::path::Path::new(&format!("{file}x")).exists());
    });
}

async fn what_is_kept_is_sealed_by_a_key(world: World) {
    let folder = tempfile::tempdir().unwrap();
    let with_key = |key: &str| {
        let file = folder.path().join("key");
        std::fs::write(&file, format!("{key}\n")).unwrap();
        Accounts::new(&world.server.url(), &Console { data_key: Some(file), ..settings() })
    };
    let (before, _) = world.begin("ada", NOON).await;
    let sealing = with_key(&"07".repeat(32)).unwrap();
    let new = New { data: r#"{"cart": "millstones"}"#, ..of("ada") };
    let (secret, _) = sealing.begin(new, NOON).await.unwrap();
    let session = sealing.session(&secret, NOON).await.unwrap().unwrap();
    assert_eq!(json(&session), serde_json::json!({"cart": "millstones"}));
    assert_eq!(sealing.update(&session, r#"{"cart": "grindstones"}"#, NOON).await, Ok(Updated::Done));
    let secret = sealing.rotate(&session, NOON).await.unwrap().unwrap();
    let session = sealing.session(&secret, NOON).await.unwrap().unwrap();
    assert_eq!(json(&session), serde_json::json!({"cart": "grindstones"}));
    let dump = world.server.dump();
    assert!(!dump.contains("millstones") && !dump.contains("grindstones"));
    let old = sealing.session(&before, NOON).await.unwrap().unwrap();
    assert_eq!(json(&old), serde_json::json!({"n": 1}), "what was kept before there was a key");
    let other = with_key(&"08".repeat(32)).unwrap();
    for (accounts, key) in [(&world.accounts, "without a key"), (&other, "with another one")] {
        assert_eq!(accounts.session(&secret, NOON).await, Ok(None), "{key}");
        assert_eq!(accounts.sessions_of("ada", NOON).await.unwrap().len(), 2, "{key}");
    }
    assert_eq!(sealing.session(&secret, NOON).await, Ok(Some(session)), "it goes on with its own key");
    other.delete(secret.hash(), NOON).await.unwrap();
    assert_eq!(sealing.session(&secret, NOON).await, Ok(None), "a log-out needs no key");
    assert!(matches!(with_key("short"), Err(StoreError::Invalid(_))));
    sealing.close().await;
    other.close().await;
}

/// Each back end has a server of its own here, because the test stops it.
#[test]
fn sessions_outlast_a_restart_of_each_back_end() {
    for kind in [StoreServer::Sqlite, StoreServer::Postgres, StoreServer::MariaDb] {
        if let Some(server) = kind.start_own() {
            play(server, async |world| sessions_outlast_a_restart(world).await);
        }
    }
}

#[test]
fn the_zone_of_a_connection_changes_nothing() {
    for zone in ["America/New_York", "Asia/Tokyo", "UTC"] {
        let Some(server) = StoreServer::Postgres.start() else { return };
        let separator = if server.url().contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}options=-c%20TimeZone%3D{}", server.url(), zone.replace('/', "%2F"));
        runtime().block_on(async {
            let accounts = Accounts::new(&url, &settings()).unwrap();
            let (secret, _) = accounts.begin(of("ada"), NOON).await.unwrap();
            assert_eq!(accounts.clean_up(NOON + IDLE - 1).await, Ok(0), "{zone}");
            assert!(accounts.session(&secret, NOON + IDLE - 1).await.unwrap().is_some(), "{zone}");
            assert_eq!(accounts.clean_up(NOON + IDLE).await, Ok(1), "{zone}");
            accounts.close().await;
        });
    }
}

#[test]
fn a_store_that_cannot_be_reached_is_away_in_time() {
    let settings = Console { acquire_timeout: Duration::from_millis(300), ..Console::default() };
    // A local port on which no server listens.
    for url in ["postgres://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none"] {
        runtime().block_on(async {
            let accounts = Accounts::new(url, &settings).unwrap();
            let begun = std::time::Instant::now();
            let away = accounts.session(&Secret::new(""), NOON).await;
            assert!(matches!(away, Err(StoreError::Unreachable(_))), "{away:?}");
            assert!(begun.elapsed() < Duration::from_secs(10));
        });
    }
}

#[test]
fn an_error_names_what_an_administrator_can_mend() {
    let why = |url: &str| {
        runtime().block_on(async {
            let settings = Console { acquire_timeout: Duration::from_secs(5), ..settings() };
            let accounts = Accounts::new(url, &settings).unwrap();
            accounts.session(&Secret::new(""), NOON).await.unwrap_err().to_string()
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    std::fs::write(folder.path().join("notes"), "Not a database, but text of more than one page. ".repeat(100))
        .unwrap();
    assert!(why(&file("notes")).ends_with("the file is not an SQLite database (code 26)"), "{}", why(&file("notes")));
    assert!(why(&file("none/of")).ends_with("the file cannot be opened or created (code 14)"));
    for scheme in ["postgres", "mysql"] {
        let unknown = why(&format!("{scheme}://nobody@no..host/none"));
        assert_eq!(unknown, "the account store cannot be reached: the name of its host is unknown");
    }
    if let Some(server) = StoreServer::Postgres.start() {
        let name = format!("latin{}", std::process::id());
        ask(&server.url(), &format!("CREATE DATABASE {name} ENCODING LATIN1 TEMPLATE template0")).unwrap();
        let url = server.url();
        let (before, options) = url.split_once('?').unwrap();
        let latin = why(&format!("{}/{name}?{options}", before.rsplit_once('/').unwrap().0));
        let expected = "the account store cannot be used: its database has the encoding LATIN1: make one with UTF8";
        assert_eq!(latin, expected);
    }
    for (kind, user, database) in [
        (StoreServer::Postgres, "postgres@", "the server has no such database (code 3D000)"),
        (StoreServer::MariaDb, "root@", "the server has no such database, or the user may not use it (code 42000)"),
    ] {
        let Some(server) = kind.start() else { continue };
        let login = why(&server.url().replace(user, "nobody:wrong@"));
        assert!(login.ends_with("the server rejects this user or this password (code 28000)"), "{login}");
        let url = server.url();
        let (before, options) = url.split_once('?').unwrap();
        let missing = why(&format!("{}/missing?{options}", before.rsplit_once('/').unwrap().0));
        assert!(missing.ends_with(database), "{missing}");
    }
}
