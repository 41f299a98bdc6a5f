//! The folder of triggers, where users who may drop triggers are not trusted: links that they put in place of a folder
//! or a file are not followed.

use crate::world::{World, skip};
use chrono::{DateTime, Utc};
use sessionmill::plugs::PLUGS;
use sessionmill::service::order::{Action, Order};
use sessionmill::service::trigger::{Answer, Folder, answer_of, drop_into};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Names that could be those of claimed triggers or of other users' files.
const THEIRS: [&str; 3] = ["usage-20260101T000000000000-0", "notes.txt", "usage.trigger"];

/// A world with a folder of triggers, and a folder elsewhere with files that must not be touched.
fn world() -> (World, PathBuf, PathBuf) {
    let world = World::new();
    let (triggers, elsewhere) = (world.path("data/triggers"), world.path("elsewhere"));
    fs::create_dir_all(&triggers).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    THEIRS.iter().for_each(|name| fs::write(elsewhere.join(name), "theirs").unwrap());
    (world, triggers, elsewhere)
}

fn assert_untouched(elsewhere: &Path) {
    let mut names: Vec<_> = fs::read_dir(elsewhere).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["notes.txt", "usage-20260101T000000000000-0", "usage.trigger"]);
    THEIRS.iter().for_each(|name| assert_eq!(fs::read_to_string(elsewhere.join(name)).unwrap(), "theirs", "{name}"));
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

#[test]
fn a_daemon_does_not_serve_through_a_link() {
    for place in ["triggers", "triggers/claimed", "triggers/results"] {
        let (world, triggers, elsewhere) = world();
        let link = world.path("data").join(place);
        if link == triggers {
            fs::remove_dir(&triggers).unwrap();
        }
        symlink(&elsewhere, &link).unwrap();
        // A daemon that runs despite the link is stopped after a while.
        let daemon = ["300", env!("CARGO_BIN_EXE_sessionmill"), "daemon", "--sessions", "root"];
        let said = world.command("timeout", &daemon, &[]);
        let expected = format!(
            "sessionmill: cannot open `[world]/data/{place}`: it is a link or not a folder\n  hint: remove it: a folder is made there\n"
        );
        assert!(said.status == 2 && said.stderr.ends_with(&expected), "{said:?}");
        assert_untouched(&elsewhere);
    }
}

#[test]
fn a_folder_that_is_swapped_for_a_link_while_it_is_served_gets_nothing() {
    let (_world, triggers, elsewhere) = world();
    let folder = Folder::open(&triggers, &[], PLUGS).unwrap();
    for name in ["claimed", "results"] {
        fs::rename(triggers.join(name), triggers.join(format!("{name}.old"))).unwrap();
        symlink(&elsewhere, triggers.join(name)).unwrap();
    }
    assert_eq!(folder.left(now()).len(), 0, "what the link leads to was never claimed");
    drop_into(&triggers, "usage", &Order { id: Some("mine".into()), ..Order::default() }).unwrap();
    let claim = folder.claim(now()).remove(0);
    assert_eq!((claim.id.as_str(), claim.order.is_ok()), ("mine", true));
    folder.answer(&claim, &Answer::Refused("for a test"), now()).unwrap();
    folder.tidy(now() + Duration::from_secs(90 * 86_400));
    assert_untouched(&elsewhere);
    assert!(answer_of(&triggers, "notes").is_none());
    assert_eq!(fs::read_dir(triggers.join("claimed.old")).unwrap().count(), 0);
}

#[test]
fn a_request_is_written_through_no_link() {
    let (_world, triggers, elsewhere) = world();
    let theirs = elsewhere.join("notes.txt");
    // The name that a temporary file could have, and the name of the trigger itself.
    symlink(&theirs, triggers.join(format!(".usage.{}", std::process::id()))).unwrap();
    drop_into(&triggers, "usage", &Order::default()).unwrap();
    assert_eq!(fs::read_to_string(triggers.join("usage.trigger")).unwrap(), "{\"command\":\"run\",\"args\":{}}");
    fs::remove_file(triggers.join("usage.trigger")).unwrap();
    symlink(&theirs, triggers.join("usage.trigger")).unwrap();
    let error = drop_into(&triggers, "usage", &Order::default()).unwrap_err();
    assert!(error.to_string().ends_with("another trigger is waiting there"), "{error}");
    assert_untouched(&elsewhere);
    assert_eq!(fs::read_dir(&triggers).unwrap().count(), 2, "nothing is left aside");
}

#[test]
fn an_answer_is_read_from_nobody_else() {
    let (_world, triggers, elsewhere) = world();
    let folder = Folder::open(&triggers, &[], PLUGS).unwrap();
    fs::write(elsewhere.join("a.json"), "{\"state\": \"done\"}").unwrap();
    symlink(elsewhere.join("a.json"), triggers.join("results/a.json")).unwrap();
    assert_eq!(answer_of(&triggers, "a"), None, "a link");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        triggers.join("results/b.json"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    assert_eq!(answer_of(&triggers, "b"), None, "nobody waits for a writer");
    fs::set_permissions(triggers.join("results"), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(triggers.join("results/c.json"), "{\"state\": \"done\"}").unwrap();
    assert_eq!(answer_of(&triggers, "c"), None, "anybody could have written it");
    drop(folder);
}

#[test]
fn a_clock_that_was_wrong_leaves_no_trigger_and_no_answer_for_years() {
    let (_world, triggers, _) = world();
    let folder = Folder::open(&triggers, &[], PLUGS).unwrap();
    let ahead = |path: &Path| {
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(3650 * 86_400)).unwrap();
    };
    drop_into(&triggers, "usage", &Order { id: Some("later".into()), ..Order::default() }).unwrap();
    ahead(&triggers.join("usage.trigger"));
    let claim = folder.claim(now()).remove(0);
    assert_eq!(claim.order, Err("it is dated more than a day ahead".to_owned()));
    folder.answer(&claim, &Answer::Refused("it is dated more than a day ahead"), now()).unwrap();
    let answer = triggers.join("results").join(format!("{}.json", claim.id));
    folder.tidy(now());
    assert!(answer.exists());
    ahead(&answer);
    folder.tidy(now());
    assert!(!answer.exists());
}

#[test]
fn a_trigger_that_is_a_folder_is_answered_once() {
    let (_world, triggers, _) = world();
    let folder = Folder::open(&triggers, &[], PLUGS).unwrap();
    for below in ["", "full"] {
        fs::create_dir_all(triggers.join("usage.trigger").join(below)).unwrap();
        let claim = folder.claim(now()).remove(0);
        folder.answer(&claim, &Answer::Refused("it is not a regular file"), now()).unwrap();
        assert_eq!(folder.left(now()).len(), 0, "{below}");
    }
}

#[test]
fn nobody_is_forgotten_for_those_who_may_only_ask() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can write a trigger as somebody else");
    }
    let (_world, triggers, _) = world();
    let folder = Folder::open(&triggers, &[4242], PLUGS).unwrap();
    let path = triggers.join("out.trigger");
    let claim = |by: u32, text: &str| {
        fs::write(&path, text).unwrap();
        std::os::unix::fs::chown(&path, Some(by), None).unwrap();
        let claim = folder.claim(now()).remove(0);
        folder.answer(&claim, &Answer::Refused("for a test"), now()).unwrap();
        fs::remove_file(triggers.join("results/out.json")).unwrap();
        claim.order.map(|order| order.action(None, "root"))
    };
    let forget = r#"{"command": "remove", "args": {"user": "ada"}}"#;
    assert_eq!(claim(0, forget), Ok(Some(Action::Forget("ada".into()))));
    let refused = "only root and the daemon's own user may forget a person";
    assert_eq!(claim(4242, forget), Err(refused.to_owned()));
    assert!(claim(4242, r#"{"command": "remove", "processor": "tasks", "args": {"ids": ["t-1"]}}"#).is_ok());
}
