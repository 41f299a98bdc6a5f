//! The configuration: its values, its mistakes, and what its file permissions allow.

use crate::world::{World, skip};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn world(config: &str) -> World {
    let world = World::new();
    world.write("ada/a.jsonl", "").write("bob/b.jsonl", "");
    std::fs::write(world.path("c.toml"), config).unwrap();
    world
}

const TEAM: &str = "[[source]]\nname = \"team\"\npath = \"root\"\n";

#[test]
fn every_value_is_shown_with_its_origin() {
    let world = world(
        "timezone = \"Europe/Berlin\"\n\n[schedule]\nusage = \"daily 17:00, 5:00\"\n\n[daemon]\ntick = \"60s\"\nallow_uids = [7, 8]\n",
    );
    let variables = [("SCHEDULER_TICK_SECONDS", "90"), ("SCHEDULER_VERIFICATION_DETECTOR_INTERVAL", "601")];
    let said = world.mill_with(&["config", "show", "--config", "c.toml", "--sessions", "root"], &variables);
    assert_eq!((said.status, &*said.stderr), (0, ""));
    let rows: Vec<_> = said.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "Setting Value From",
        "database [world]/data/mill.duckdb SESSIONMILL_DATABASE",
        "timezone Europe/Berlin c.toml:1",
        "caps.file 17179869184 its default",
        "schedule.timezone UTC its default",
        "schedule.usage daily 05:00,17:00 c.toml:4",
        "schedule.verification every 11m SCHEDULER_VERIFICATION_DETECTOR_INTERVAL",
        "daemon.tick 90s SCHEDULER_TICK_SECONDS",
        "daemon.triggers [world]/data/triggers its default",
        "daemon.allow_uids [7,8] c.toml:8",
        "daemon.max_files none its default",
        "source[0].path [world]/root --sessions",
        "source[0].layout users --sessions",
    ] {
        assert!(rows.iter().any(|shown| shown == row), "{row}\n{}", said.stdout);
    }
    let said = world.mill_with(&["config", "show", "--json"], &[("SESSION_DATA_DIR", "root")]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let of = |setting: &str| json.as_array().unwrap().iter().find(|row| row["setting"] == setting).unwrap();
    let expected = |setting: &str, value: serde_json::Value, from: &str| {
        assert_eq!(of(setting), &serde_json::json!({"setting": setting, "value": value, "from": from}));
    };
    expected("daemon.tick", "30s".into(), "its default");
    expected("daemon.watch", false.into(), "its default");
    expected("timezone", "UTC".into(), "TZ");
    expected("source[0].path", "[world]/root".into(), "SESSION_DATA_DIR");
    let said = world.mill_with(&["config", "show", "--json"], &[("TZ", "")]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().iter().find(|row| row["setting"] == "timezone").unwrap()["from"], "the system");
    let said = world.mill(&["config", "show", "--json", "--database", "other.duckdb", "--config", "c.toml"]);
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&json[0]["value"], &json[0]["from"]), (&"[world]/other.duckdb".into(), &"--database".into()));
    assert!(!world.database().exists() && !world.path("other.duckdb.lock").exists(), "nothing is made");
}

#[test]
fn a_configuration_that_can_be_worked_with_is_fine() {
    let world = world(TEAM);
    for args in [&["config", "check", "--config", "c.toml"][..], &["run", "--config", "c.toml"]] {
        let said = world.mill(args);
        assert_eq!(said.status, 0, "{said:?}");
    }
    let said = world.mill(&["config", "check"]);
    assert_eq!(
        (said.status, &*said.stdout),
        (
            0,
            "no configuration file: OK\n\
             [world]/root: 2 transcripts can be read\n\
             [world]/data/mill.duckdb: can be written\n\
             [world]/data/triggers/usage.trigger: can be written\n"
        ),
        "the database remembers its source"
    );
}

#[test]
fn a_store_of_the_console_that_cannot_work_is_a_mistake() {
    let said = |console: &str| {
        let world = world(&format!("{TEAM}\n[console]\n{console}\n"));
        let said = world.mill(&["config", "check", "--config", "c.toml"]);
        let line = said.stdout.lines().next().unwrap().split_once(' ').unwrap().1.to_owned();
        (said.status, line)
    };
    let of_connections =
        |found: u32| format!("`console.max_connections` must be a whole number from 1 to 65535, not `{found}`");
    assert_eq!(said("max_connections = 0"), (78, of_connections(0)));
    assert_eq!(said("max_connections = 70000"), (78, of_connections(70_000)));
    let expected = "`console.min_connections` is 11, and `console.max_connections` only 10";
    assert_eq!(said("min_connections = 11"), (78, expected.to_owned()));
    assert_eq!(said("min_connections = 10").0, 0);
    let in_memory = "users and login sessions in memory end with the process: the store must be a file";
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://x?mode=memory", "sqlite:", "sqlite://"] {
        let (status, line) = said(&format!("store = \"{url}\""));
        assert!(status == 78 && line.contains(in_memory), "{url}: {line}");
    }
    let (status, line) = said("store = \"oracle://u:a-password@host/name\"");
    let expected = "`console.store`: the URL must begin with `sqlite:`, `postgres:` or `mysql:`";
    assert!(status == 78 && line.starts_with(expected) && !line.contains("a-password"), "{line}");
    for url in ["sqlite:///var/x.sqlite", "sqlite:x.sqlite", "postgres://u:p@h/x", "mysql://u:p@h/x"] {
        assert_eq!(said(&format!("store = \"{url}\"")).0, 0, "{url}");
    }
}

#[test]
fn every_mistake_is_explained_with_its_line() {
    let world = world(&format!("timezon = \"UTC\"\n\n[daemon]\ntick = 30\n\n{TEAM}layout = \"user\"\n"));
    let variable = [("SESSION_PROCESSOR_MAX_PER_RUN", "0")];
    let said = world.mill_with(&["config", "check", "--config", "c.toml", "--sessions", "root"], &variable);
    assert_eq!(
        (said.status, &*said.stdout),
        (
            78,
            "c.toml:1: unknown key `timezon`\n  did you mean `timezone`?\n\
             c.toml:4: `daemon.tick` must be a time in quotes, not `30`\n  for example: tick = \"30s\"\n\
             c.toml:9: `source.layout` must be `users`, `claude-projects` or `codex-sessions`, not `\"user\"`\n  did you mean `users`?\n\
             SESSION_PROCESSOR_MAX_PER_RUN: `0` is not a whole number above 0\n\
             [world]/root: 2 transcripts can be read\n\
             [world]/data/mill.duckdb: can be written\n\
             [world]/data/triggers/usage.trigger: can be written\n"
        )
    );
    let said = world.mill(&["config", "check", "--sessions", "nowhere"]);
    let missing = "cannot read `[world]/nowhere`: there is no such file or folder\n  is the folder mounted? name another with --sessions DIR; if a known source has moved: `sessionmill sources moved NAME DIR`\n";
    assert!(said.status == 78 && said.stdout.contains(missing), "{said:?}");
}

fn lock(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The user who runs the tests, as the program shows them.
fn user() -> (String, u32) {
    let uid = rustix::process::geteuid().as_raw();
    (name("/etc/passwd", uid), uid)
}

fn name(file: &str, number: u32) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let number = number.to_string();
    let line = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[2] == number);
    line.map_or(number, |fields| fields[0].to_owned())
}

#[test]
fn what_cannot_be_read_is_told_with_its_numbers_and_ways_out() {
    let world = world(TEAM);
    world.write("ada/c.jsonl", "").write("eve/e.jsonl", "").write("eve/f.jsonl", "");
    [("ada/a.jsonl", 0), ("ada/c.jsonl", 0), ("eve", 0o300)]
        .iter()
        .for_each(|(file, mode)| lock(&world.root().join(file), *mode));
    let metadata = world.root().join("ada/a.jsonl").metadata().unwrap();
    let (user, uid) = user();
    let marks = format!(
        "owner {} ({}), group {} ({})",
        name("/etc/passwd", metadata.uid()),
        metadata.uid(),
        name("/etc/group", metadata.gid()),
        metadata.gid()
    );
    let Some(said) = world.mill_unprivileged(&["config", "check", "--config", "c.toml"], &[]) else { return };
    lock(&world.root().join("eve"), 0o700);
    let expected = format!(
        "c.toml: OK
[world]/root: 1 transcript can be read
`{user}` (uid {uid}) cannot list `[world]/root/eve`: permission denied; {marks}, mode 0300
`{user}` (uid {uid}) cannot read `[world]/root/ada/a.jsonl`: permission denied; {marks}, mode 0000; and 1 other like it
one of these lets them be read:
  an ACL: setfacl -R -m u:{user}:rX,d:u:{user}:rX [world]/root
          (without effect on new files whose owners keep them to themselves, mode 0600)
  a capability: systemctl edit sessionmill, and there
          [Service]
          AmbientCapabilities=CAP_DAC_READ_SEARCH
          CapabilityBoundingSet=CAP_DAC_READ_SEARCH
[world]/data/mill.duckdb: can be written
[world]/data/triggers/usage.trigger: can be written
"
    );
    assert_eq!((said.status, said.stdout), (78, expected));
}

#[test]
fn a_group_that_may_read_and_a_folder_that_may_not_be_passed_are_told() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can give a file to another group");
    }
    let world = world(TEAM);
    let give = |path: &str, mode| {
        let path = world.path(path);
        std::os::unix::fs::chown(&path, Some(4321), Some(4322)).unwrap();
        lock(&path, mode);
    };
    give("root/bob", 0o750);
    let check = || world.mill_unprivileged(&["config", "check", "--config", "c.toml"], &[]);
    let Some(said) = check() else { return };
    let expected = "`root` (uid 0) cannot list `[world]/root/bob`: permission denied; owner 4321 (4321), group 4322 (4322), mode 0750
one of these lets them be read:
  its group: usermod -aG 4322 root
  an ACL: setfacl -R";
    assert!(said.stdout.contains(expected), "{}", said.stdout);
    std::fs::rename(world.path("root"), world.path("inner")).unwrap();
    std::fs::create_dir(world.path("outer")).unwrap();
    std::fs::rename(world.path("inner"), world.path("outer/root")).unwrap();
    std::fs::write(world.path("c.toml"), TEAM.replace("\"root\"", "\"outer/root\"")).unwrap();
    std::fs::create_dir(world.path("data")).unwrap();
    give("outer", 0o710);
    give("data", 0o755);
    let expected = "c.toml: OK
[world]/outer/root: 0 transcripts can be read
`root` (uid 0) cannot pass `[world]/outer`: permission denied; owner 4321 (4321), group 4322 (4322), mode 0710
one of these lets them be read:
  its group: usermod -aG 4322 root
  an ACL: setfacl -m u:root:x [world]/outer
  a capability: systemctl edit sessionmill, and there
          [Service]
          AmbientCapabilities=CAP_DAC_READ_SEARCH
          CapabilityBoundingSet=CAP_DAC_READ_SEARCH
`root` (uid 0) cannot write `[world]/data`: permission denied; owner 4321 (4321), group 4322 (4322), mode 0755
this lets `[world]/data/mill.duckdb` be written:
  chown root [world]/data
`root` (uid 0) cannot write `[world]/data`: permission denied; owner 4321 (4321), group 4322 (4322), mode 0755
this lets `[world]/data/triggers/usage.trigger` be written:
  install -d -o root [world]/data/triggers
";
    assert_eq!(check().map(|said| (said.status, said.stdout)), Some((78, expected.to_owned())));
}

/// A fake systemctl that shows a unit of the user who runs the tests, with these settings.
fn unit(world: &World, settings: &str) -> String {
    let path = world.path("bin/systemctl");
    std::fs::create_dir_all(world.path("bin")).unwrap();
    let shown = format!("LoadState=loaded\nUser={}\nStateDirectory=sessionmill\n{settings}", user().0);
    std::fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{shown}\nEND\n")).unwrap();
    lock(&path, 0o755);
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", world.path("bin").display())
}

#[test]
fn the_service_is_judged_by_what_its_unit_lets_it_do() {
    let world = world("");
    let config = world.path("home/.config/sessionmill/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let metrics = world.path("metrics/mill.prom");
    let asks = "[verification]\ndetector = \"openai\"\nmodel = \"m\"\nbase_url = \"http://127.0.0.1:9/v1\"\n";
    let text = |more: &str| {
        let source = format!("[[source]]\nname = \"team\"\npath = \"{}\"\n", world.root().display());
        std::fs::write(&config, format!("[daemon]\nmetrics_file = \"{}\"\n{more}{source}", metrics.display())).unwrap();
    };
    text("");
    std::fs::create_dir(world.path("metrics")).unwrap();
    let check = |settings: &str| {
        let path = unit(&world, settings);
        let said = world.mill_unprivileged(&["config", "check"], &[("PATH", &path)])?;
        Some((
            said.status,
            said.stdout
                .replace(&*config.to_string_lossy(), "[config]")
                .replace("[world]/home/.config/sessionmill/config.toml", "[config]"),
        ))
    };
    let strict = "ProtectSystem=strict\nProtectHome=read-only\n";
    let folder = world.path("data");
    let [data, metric] = [folder.to_str().unwrap(), metrics.parent().unwrap().to_str().unwrap()];
    let Some(said) = check(&format!("{strict}ReadWritePaths={data}\n")) else { return };
    let expected = "[config]: OK
[world]/root: 2 transcripts can be read
[world]/data/mill.duckdb: can be written
[world]/data/triggers/usage.trigger: can be written
[world]/metrics/mill.prom: the unit keeps the service from writing it: ProtectSystem=strict
  systemctl edit sessionmill, and there
  [Service]
  ReadWritePaths=[world]/metrics
";
    assert_eq!(said, (78, expected.to_owned()));
    let open = format!("{strict}ReadWritePaths={data} -{metric}\n");
    assert_eq!(check(&open).unwrap().0, 0, "with what it recommends");

    lock(&world.root().join("ada/a.jsonl"), 0);
    let (status, stdout) = check(&open).unwrap();
    assert!(status == 78 && stdout.contains("AmbientCapabilities=CAP_DAC_READ_SEARCH"), "{stdout}");
    let capable = "AmbientCapabilities=cap_dac_read_search\nCapabilityBoundingSet=cap_dac_read_search\n";
    let (status, stdout) = check(&format!("{open}{capable}")).unwrap();
    let rest = "[world]/root: 1 transcript can be read\n[world]/root: the capability of the unit lets the service read the others, too\n";
    assert!(status == 0 && stdout.contains(rest), "with the capability that it recommends: {stdout}");

    let (status, stdout) = check(&format!("{open}{capable}InaccessiblePaths={}\n", world.root().display())).unwrap();
    let hidden = "[world]/root: the unit hides it from the service: InaccessiblePaths\n";
    assert!(status == 78 && stdout.contains(hidden), "{stdout}");
    text(asks);
    let (status, stdout) = check(&format!("{open}{capable}PrivateNetwork=yes\n")).unwrap();
    let closed = "`verification` cannot run: the unit of this service closes the network; copy \
                  `/usr/share/doc/sessionmill/examples/llm.conf` to `/etc/systemd/system/sessionmill.service.d/`";
    assert!(status == 78 && stdout.contains(closed), "{stdout}");
    assert_eq!(check(&format!("{open}{capable}")).unwrap().0, 0);
}

#[test]
fn the_folder_of_a_service_is_not_given_away() {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[2] == "1");
    let (true, Some(account)) = (rustix::process::geteuid().is_root(), account) else {
        return skip("only root can give a file to the user of number 1");
    };
    let world = world(TEAM);
    std::fs::create_dir(world.path("data")).unwrap();
    std::os::unix::fs::chown(world.path("data"), Some(1), None).unwrap();
    lock(&world.path("data"), 0o750);
    let Some(said) = world.mill_unprivileged(&["config", "check", "--config", "c.toml"], &[]) else { return };
    let way = format!("it belongs to `{0}`: runuser -u {0} -- sessionmill config check\n", account[0]);
    let way = if Path::new("/usr/bin/sudo").exists() { way.replace("runuser", "sudo").replace(" --", "") } else { way };
    assert!(said.status == 78 && said.stdout.contains(&way) && !said.stdout.contains("chown"), "{said:?}");
}
