//! The units: what they allow according to their text, and to systemd's own check if it is installed.

use crate::world::{World, response, skip};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)).unwrap()
}

/// The settings in a section of a unit, with all their values.
fn settings(unit: &str, section: &str) -> BTreeMap<String, Vec<String>> {
    let mut settings: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let text = unit.split(&format!("[{section}]\n")).nth(1).unwrap().split("\n[").next().unwrap();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.split_once('=').unwrap();
        settings.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    settings
}

#[test]
fn the_package_has_every_page_of_the_manual() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let recipe = "\t$(MILL) man --out $(PACKAGE)/man && gzip -9n $(PACKAGE)/man/*.1\n";
    assert!(text("Makefile").contains(recipe));
    let asset = "[\"target/release/package/man/*.1.gz\", \"usr/share/man/man1/\", \"644\"],";
    assert!(text("Cargo.toml").contains(asset));
}

const SERVICES: [&str; 2] = ["sessionmill.service", "sessionmill@.service"];

/// Settings that restrict a service, see systemd.exec(5) and systemd.resource-control(5).
const HARDENING: [(&str, &[&str]); 33] = [
    ("AmbientCapabilities", &[""]),
    ("CapabilityBoundingSet", &[""]),
    ("DevicePolicy", &["closed"]),
    ("ExecPaths", &["/usr"]),
    ("IPAddressDeny", &["any"]),
    ("KeyringMode", &["private"]),
    ("LimitCORE", &["0"]),
    ("LockPersonality", &["yes"]),
    ("MemoryDenyWriteExecute", &["yes"]),
    ("NoExecPaths", &["/"]),
    ("NoNewPrivileges", &["yes"]),
    ("PrivateDevices", &["yes"]),
    ("PrivateIPC", &["yes"]),
    ("PrivateMounts", &["yes"]),
    ("PrivateNetwork", &["yes"]),
    ("PrivateTmp", &["yes"]),
    ("ProtectClock", &["yes"]),
    ("ProtectControlGroups", &["yes"]),
    ("ProtectHome", &["read-only"]),
    ("ProtectHostname", &["yes"]),
    ("ProtectKernelLogs", &["yes"]),
    ("ProtectKernelModules", &["yes"]),
    ("ProtectKernelTunables", &["yes"]),
    ("ProtectProc", &["invisible"]),
    ("ProtectSystem", &["strict"]),
    ("RemoveIPC", &["yes"]),
    ("RestrictAddressFamilies", &["AF_UNIX"]),
    ("RestrictNamespaces", &["yes"]),
    ("RestrictRealtime", &["yes"]),
    ("RestrictSUIDSGID", &["yes"]),
    ("SystemCallArchitectures", &["native"]),
    ("SystemCallFilter", &["@system-service", "~@privileged @resources"]),
    ("UMask", &["0077"]),
];

#[test]
fn services_may_read_and_write_their_state_and_nothing_else() {
    for name in SERVICES {
        let service = settings(&read(name), "Service");
        for (setting, values) in HARDENING {
            assert_eq!(service.get(setting).map(Vec::as_slice), Some(&owned(values)[..]), "{name}: {setting}");
        }
        assert_eq!(service["User"], ["sessionmill"]);
        assert_eq!(service["StateDirectory"], ["sessionmill"]);
        for setting in ["PrivateUsers", "EnvironmentFile", "ReadWritePaths", "ProcSubset"] {
            assert!(!service.contains_key(setting), "{name}: {setting}");
        }
    }
    let daemon = settings(&read("sessionmill.service"), "Service");
    for (setting, value) in [
        ("Type", "notify"),
        ("ExecStart", "/usr/bin/sessionmill daemon"),
        ("RestartPreventExitStatus", "64 78"),
        ("TimeoutStopSec", "25"),
        ("Restart", "on-failure"),
        ("Environment", "MALLOC_ARENA_MAX=2"),
    ] {
        assert_eq!(daemon[setting], [value], "{setting}");
    }
    let once = settings(&read("sessionmill@.service"), "Service");
    assert_eq!(once["SuccessExitStatus"], ["1 75"]);
    assert_eq!(once["ExecStart"], ["/usr/bin/sessionmill run %i", "/usr/bin/sessionmill publish"]);
    let llm = settings(&read("llm.conf"), "Service");
    assert_eq!(
        llm.keys().collect::<Vec<_>>(),
        ["IPAddressDeny", "LoadCredential", "PrivateNetwork", "RestrictAddressFamilies"]
    );
    let transcripts = settings(&read("transcripts.conf"), "Service");
    assert_eq!(transcripts.keys().collect::<Vec<_>>(), ["InaccessiblePaths"]);
    assert_eq!(transcripts["InaccessiblePaths"], [""]);
    // With a path, a missing key would keep the service from starting.
    assert_eq!(llm["LoadCredential"], ["model-key"]);
}

#[test]
fn a_loop_of_restarts_ends_in_a_failed_unit() {
    let text = read("sessionmill.service");
    let (unit, service) = (settings(&text, "Unit"), settings(&text, "Service"));
    let burst: u64 = unit["StartLimitBurst"][0].parse().unwrap();
    let interval: u64 = unit["StartLimitIntervalSec"][0].parse().unwrap();
    let pause: u64 = service["RestartSec"][0].parse().unwrap();
    assert!(burst * (pause + 60) < interval, "{burst} starts in {interval} s, also of a service that takes a minute");
    // A run that hangs for ten minutes is killed by the watchdog.
    let watchdog = 60 * service["WatchdogSec"][0].trim_end_matches("min").parse::<u64>().unwrap();
    assert!(burst * (pause + 600 + watchdog) < interval, "{burst} starts in {interval} s, {watchdog} s of watchdog");
}

#[test]
fn an_alarm_makes_a_one_shot_fail_and_a_failed_file_does_not() {
    let once = settings(&read("sessionmill@.service"), "Service");
    let variable = once["Environment"].iter().find(|value| value.contains("ALARM")).unwrap();
    let (name, value) = variable.split_once('=').unwrap();
    let is_success =
        |status: i32| status == 0 || once["SuccessExitStatus"][0].split(' ').any(|code| code == status.to_string());
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).write("eve/e.jsonl", "{}\n");
    let close = |path: &str, mode| {
        fs::set_permissions(world.root().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    close("eve/e.jsonl", 0o000);
    let args = ["run", "usage", "--sessions", "root"];
    let Some(said) = world.mill_unprivileged(&args, &[(name, value)]) else { return };
    assert!(said.status == 1 && is_success(said.status), "{said:?}");
    assert!(!world.path("data/published").exists());
    close("eve", 0o000);
    let said = world.mill_unprivileged(&args, &[(name, value)]).unwrap();
    close("eve", 0o700);
    assert!(said.status == 2 && !is_success(said.status) && said.stdout.contains("alarm"), "{said:?}");
    assert!(world.path("data/published/mill.duckdb").exists(), "what was read reaches its readers");
    close("eve", 0o000);
    assert_eq!(world.mill_unprivileged(&args, &[]).unwrap().status, 1, "as ever, where nobody asks for it");
    close("eve", 0o700);
}

#[test]
fn maintainer_scripts_know_the_timers_and_say_what_a_purge_leaves() {
    for (name, words) in [
        ("prerm", &["systemctl stop 'sessionmill@*.timer' 'sessionmill@*.service'", "*.wants/sessionmill@*.timer"][..]),
        (
            "postrm",
            &[
                "rm -r /var/lib/sessionmill\"",
                "rm -r /var/lib/sessionmill-events\"",
                "userdel sessionmill",
                "quote what people wrote",
            ],
        ),
    ] {
        let script = read(name);
        assert!(script.starts_with("#!/bin/sh\n") && script.contains("\n#DEBHELPER#\n"), "{name}");
        words.iter().for_each(|words| assert!(script.contains(words), "{name}: {words}"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name);
        assert!(Command::new("sh").arg("-n").arg(path).status().unwrap().success(), "{name}");
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(manifest.contains("changelog = \"packaging/changelog\""));
    let first = read("changelog").lines().next().unwrap().to_owned();
    assert_eq!(first, format!("sessionmill ({}) unstable; urgency=medium", env!("CARGO_PKG_VERSION")));
}

#[test]
fn everybody_may_append_events_and_the_service_reads_them() {
    let text = read("sessionmill.tmpfile");
    let line = text.lines().find(|line| line.contains(sessionmill::source::events::SERVER_ROOT)).unwrap();
    // Sticky, so that no user can replace another user's folder; new files belong to the group.
    assert_eq!(line, "d /var/lib/sessionmill-events 3773 root sessionmill -");
    for name in SERVICES {
        let service = settings(&read(name), "Service");
        assert_eq!(service["Group"], ["sessionmill"], "{name}");
        assert!(!service.contains_key("InaccessiblePaths"), "{name}");
    }
}

#[test]
fn the_console_is_a_service_of_its_own_that_somebody_starts() {
    let service = settings(&read("console/sessionmill-console.service"), "Service");
    for (setting, value) in [
        ("User", "sessionmill-console"),
        ("SupplementaryGroups", "sessionmill"),
        ("StateDirectory", "sessionmill-console"),
        ("ExecStart", "/usr/bin/sessionmill console"),
        ("CapabilityBoundingSet", ""),
        ("LoadCredential", "console-store"),
    ] {
        assert_eq!(service[setting], [value], "{setting}");
    }
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    // An entry without a name applies to all units, and starts them.
    for entry in [
        "{ unit-name = \"sessionmill\", unit-scripts = \"packaging\" },",
        "{ unit-name = \"sessionmill-console\", unit-scripts = \"packaging/console\", enable = false, start = false },",
    ] {
        assert!(manifest.contains(entry), "{entry}");
    }
    for (name, words) in [
        ("sessionmill.sysusers", "u sessionmill-console - "),
        ("sessionmill.tmpfile", "d /var/lib/sessionmill-console 0700 sessionmill-console sessionmill-console -"),
        // Its unit can only write a folder that is there when it starts.
        ("sessionmill.tmpfile", "d /var/lib/sessionmill/triggers 1770 sessionmill sessionmill -"),
        ("prerm", "systemctl stop sessionmill-console.service"),
        ("postrm", "\n    rm -rf /var/lib/sessionmill-console\n"),
        ("postrm", "/etc/credstore/console-store /etc/credstore/console-key;"),
    ] {
        assert!(read(name).contains(words), "{name}");
    }
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no systemd-analyze");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/console/sessionmill-console.service");
    let args = ["security", "--offline=true", "--no-pager", "--threshold=15"];
    let output = Command::new("systemd-analyze").args(args).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// The units in a new folder, with a program that exists, with the network open or blocked.
fn installed(world: &World, open: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (name, as_name) in [
        ("sessionmill.service", "sessionmill.service"),
        ("sessionmill@.service", "sessionmill@usage.service"),
        ("sessionmill@.timer", "sessionmill@usage.timer"),
    ] {
        let path = world.path(as_name);
        fs::write(&path, read(name).replace("/usr/bin/sessionmill", env!("CARGO_BIN_EXE_sessionmill"))).unwrap();
        let extra = world.path(&format!("{as_name}.d"));
        fs::create_dir(&extra).unwrap();
        if as_name.ends_with("service") && open == "open" {
            fs::write(extra.join("llm.conf"), read("llm.conf")).unwrap();
        }
        paths.push(path);
    }
    paths
}

#[test]
fn systemd_finds_the_units_right_and_the_services_safe() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("there is no systemd-analyze");
    }
    // In tenths: at most 1.0 without a network, and 1.5 with one.
    for (open, most) in [("closed", "10"), ("open", "15")] {
        let world = World::new();
        let units = installed(&world, open);
        let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let about_ours = said.lines().filter(|line| line.contains("sessionmill")).collect::<Vec<_>>();
        assert!(about_ours.is_empty(), "{said}");
        for service in &units[..2] {
            let threshold = format!("--threshold={most}");
            let args = ["security", "--offline=true", "--no-pager", &threshold];
            let output = Command::new("systemd-analyze").args(args).arg(service).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{open}: {said}{}", String::from_utf8_lossy(&output.stderr));
            let network = said.lines().find(|line| line.contains("PrivateNetwork=")).unwrap();
            assert_eq!(network.contains('✗'), open == "open", "{network}");
        }
    }
}
