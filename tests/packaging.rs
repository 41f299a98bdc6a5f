//! The units: what they allow, by their text, and by systemd's own reckoning where that is installed.

use crate::world::World;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name)).unwrap()
}

/// The settings of a unit's section, with all their values.
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

/// What makes a service harmless, in the words of systemd.exec(5) and systemd.resource-control(5).
const HARDENING: [(&str, &[&str]); 30] = [
    ("AmbientCapabilities", &[""]),
    ("CapabilityBoundingSet", &[""]),
    ("DevicePolicy", &["closed"]),
    ("IPAddressDeny", &["any"]),
    ("KeyringMode", &["private"]),
    ("LockPersonality", &["yes"]),
    ("MemoryDenyWriteExecute", &["yes"]),
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
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// The units in a folder of their own, with a program that exists, and the network open or not.
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
        return eprintln!("skipped: there is no systemd-analyze");
    }
    // Tenths: at most 1.0 without network and 1.5 with.
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
