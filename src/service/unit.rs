//! What the service's systemd unit allows: which files the service may write and see, and which capabilities it has.
//! `config check` needs this, because a check from a shell has neither the service's sandbox nor its capabilities.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The settings of the unit that concern files and the network, as `systemctl show` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemdUnit {
    pub user: String,
    /// `no`, `yes`, `full` or `strict`.
    protect_system: String,
    /// `no`, `yes`, `read-only` or `tmpfs`.
    protect_home: String,
    has_private_tmp: bool,
    /// Folders below `/var/lib` that systemd makes for the service's user.
    state: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    read_only: Vec<PathBuf>,
    hidden: Vec<PathBuf>,
    /// Whether a capability lets the service read every file.
    pub reads_all: bool,
    /// Whether the service cannot open network connections.
    pub is_offline: bool,
}

const NAME: &str = "sessionmill.service";

const PROPERTIES: &str = "LoadState,User,ProtectSystem,ProtectHome,PrivateTmp,StateDirectory,ReadWritePaths,\
                          ReadOnlyPaths,InaccessiblePaths,AmbientCapabilities,CapabilityBoundingSet,PrivateNetwork,\
                          RestrictAddressFamilies";

impl SystemdUnit {
    /// The unit of the service, if it is installed and this process is not the service itself.
    pub fn of_service() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "a file of the kernel, not the database")]
        let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        if group.contains(NAME) {
            return None;
        }
        let shown = Command::new("systemctl").args(["show", NAME, "--property", PROPERTIES]).output().ok()?;
        if shown.status.success() { Self::parse(&String::from_utf8_lossy(&shown.stdout)) } else { None }
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let value = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| *key == name);
            value.map_or("", |(_, value)| value.trim())
        };
        let words = |name: &str| value(name).split_whitespace();
        // A prefix allows a path to be missing (`-`), or places it in the service's root directory (`+`).
        let paths = |name: &str| words(name).map(|path| PathBuf::from(path.trim_start_matches(['-', '+']))).collect();
        let has = |name: &str, capability: &str| words(name).any(|word| word.eq_ignore_ascii_case(capability));
        let may = |capability: &str| has("AmbientCapabilities", capability) && has("CapabilityBoundingSet", capability);
        let families = value("RestrictAddressFamilies");
        if value("LoadState") != "loaded" || value("User").is_empty() {
            return None;
        }
        Some(Self {
            user: value("User").to_owned(),
            protect_system: value("ProtectSystem").to_owned(),
            protect_home: value("ProtectHome").to_owned(),
            has_private_tmp: value("PrivateTmp") == "yes",
            // A name and a link to it can be joined by a colon.
            state: words("StateDirectory")
                .map(|name| Path::new("/var/lib").join(name.split(':').next().unwrap_or(name)))
                .collect(),
            writable: paths("ReadWritePaths"),
            read_only: paths("ReadOnlyPaths"),
            hidden: paths("InaccessiblePaths"),
            reads_all: may("cap_dac_read_search") || may("cap_dac_override"),
            is_offline: value("PrivateNetwork") == "yes"
                || (!families.is_empty() && !families.starts_with('~') && !families.contains("AF_INET")),
        })
    }

    /// Whether a folder is one that systemd makes for the service's user.
    pub fn is_state(&self, folder: &Path) -> bool {
        self.state.iter().any(|state| folder.starts_with(state))
    }

    /// The setting that prevents the service from writing a file, if there is one.
    pub fn keeps_from_writing(&self, file: &Path) -> Option<String> {
        let file = real(file);
        let depth = |folders: &[PathBuf]| {
            let around = folders.iter().map(|folder| real(folder)).filter(|folder| file.starts_with(folder));
            around.map(|folder| folder.components().count()).max()
        };
        let is_in = |folders: &[&str]| folders.iter().any(|folder| file.starts_with(folder));
        let allowed = depth(&self.writable).max(depth(&self.state));
        if let Some(forbidden) = depth(&self.read_only)
            && allowed.is_none_or(|allowed| allowed < forbidden)
        {
            return Some("ReadOnlyPaths".to_owned());
        }
        if allowed.is_some() || self.has_private_tmp && is_in(&TEMPORARY) {
            return None;
        }
        let Self { protect_system, protect_home, .. } = self;
        let by_system = match protect_system.as_str() {
            "strict" => !is_in(&["/dev", "/proc", "/sys"]),
            "full" => is_in(&["/usr", "/boot", "/efi", "/etc"]),
            "yes" => is_in(&["/usr", "/boot", "/efi"]),
            _ => false,
        };
        if by_system {
            return Some(format!("ProtectSystem={protect_system}"));
        }
        (!["", "no"].contains(&&**protect_home) && is_in(&HOMES)).then(|| format!("ProtectHome={protect_home}"))
    }

    /// The setting that hides a folder from the service, if there is one.
    pub fn hides(&self, folder: &Path) -> Option<String> {
        let folder = real(folder);
        let is_in = |folders: &[&str]| folders.iter().any(|outer| folder.starts_with(outer));
        if self.hidden.iter().any(|hidden| folder.starts_with(real(hidden))) {
            return Some("InaccessiblePaths".to_owned());
        }
        if self.has_private_tmp && is_in(&TEMPORARY) {
            return Some("PrivateTmp=yes".to_owned());
        }
        let hides_homes = ["yes", "tmpfs"].contains(&&*self.protect_home);
        (hides_homes && is_in(&HOMES)).then(|| format!("ProtectHome={}", self.protect_home))
    }
}

const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// The path with links resolved in the part of it that exists.
fn real(path: &Path) -> PathBuf {
    for folder in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (folder.canonicalize(), path.strip_prefix(folder)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGED: &str = "LoadState=loaded\nUser=sessionmill\nProtectSystem=strict\nProtectHome=read-only\n\
                            PrivateTmp=yes\nStateDirectory=sessionmill\nReadWritePaths=-/srv/no-such/metrics\n\
                            ReadOnlyPaths=\nInaccessiblePaths=\nAmbientCapabilities=\nCapabilityBoundingSet=\n\
                            PrivateNetwork=yes\nRestrictAddressFamilies=AF_UNIX\n";

    fn unit(changes: &[(&str, &str)]) -> SystemdUnit {
        let text = changes.iter().fold(PACKAGED.to_owned(), |text, (old, new)| text.replace(old, new));
        SystemdUnit::parse(&text).unwrap()
    }

    #[test]
    fn a_unit_that_is_not_installed_says_nothing() {
        assert_eq!(SystemdUnit::parse(&PACKAGED.replace("loaded", "not-found")), None);
        assert_eq!(SystemdUnit::parse(""), None);
    }

    #[test]
    fn the_service_writes_its_state_and_what_the_unit_names() {
        let why = |unit: &SystemdUnit, file: &str| unit.keeps_from_writing(Path::new(file));
        let packaged = unit(&[]);
        for file in ["/var/lib/sessionmill/x.duckdb", "/srv/no-such/metrics/m.prom", "/tmp/x"] {
            assert_eq!(why(&packaged, file), None, "{file}");
        }
        for file in ["/var/lib/sessionmill-other/x", "/srv/no-such/x", "/home/x", "/etc/x"] {
            assert_eq!(why(&packaged, file).as_deref(), Some("ProtectSystem=strict"), "{file}");
        }
        let full = unit(&[("strict", "full"), ("ReadOnlyPaths=", "ReadOnlyPaths=/srv/no-such/metrics/a")]);
        assert_eq!(why(&full, "/srv/no-such/x"), None);
        assert_eq!(why(&full, "/etc/x").as_deref(), Some("ProtectSystem=full"));
        assert_eq!(why(&full, "/home/x").as_deref(), Some("ProtectHome=read-only"));
        assert_eq!(why(&full, "/srv/no-such/metrics/a/m").as_deref(), Some("ReadOnlyPaths"));
        let open = unit(&[("strict", "no"), ("read-only", "no")]);
        assert_eq!([why(&open, "/home/x"), why(&open, "/usr/x")], [None, None]);
    }

    #[test]
    fn the_service_does_not_see_what_the_unit_hides() {
        let why = |unit: &SystemdUnit, folder: &str| unit.hides(Path::new(folder));
        let packaged = unit(&[]);
        assert_eq!(why(&packaged, "/var/tmp/x").as_deref(), Some("PrivateTmp=yes"));
        assert_eq!([why(&packaged, "/home/ada"), why(&packaged, "/data")], [None, None]);
        let closed = unit(&[("read-only", "yes"), ("InaccessiblePaths=", "InaccessiblePaths=-/no-such/data")]);
        assert_eq!(why(&closed, "/home/ada").as_deref(), Some("ProtectHome=yes"));
        assert_eq!(why(&closed, "/no-such/data/x").as_deref(), Some("InaccessiblePaths"));
    }

    #[test]
    fn a_capability_counts_where_it_is_not_cut_off_and_the_drop_in_opens_the_network() {
        let capable = |bounding: &str| {
            let ambient = "AmbientCapabilities=cap_dac_read_search\nCapability";
            unit(&[("AmbientCapabilities=\nCapability", ambient), ("BoundingSet=", bounding)])
        };
        assert!(capable("BoundingSet=cap_chown cap_dac_read_search").reads_all);
        assert!(!capable("BoundingSet=cap_chown").reads_all && !unit(&[]).reads_all);
        assert!(unit(&[]).is_offline && unit(&[("AF_UNIX", "AF_UNIX AF_INET")]).is_offline);
        let open = unit(&[("PrivateNetwork=yes", "PrivateNetwork=no"), ("AF_UNIX", "AF_UNIX AF_INET AF_INET6")]);
        assert!(!open.is_offline && unit(&[("PrivateNetwork=yes", "PrivateNetwork=no")]).is_offline);
    }
}
