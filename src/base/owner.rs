//! Who owns a file. Also keeps root from writing databases of other users.

use crate::base::error::{Error, Result, Status};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Keeps root from writing a database that belongs to another user: files that root makes beside it would lock the
/// owner out. A database that does not exist yet belongs to the owner of its folder.
///
/// # Errors
///
/// If root runs the program and the database belongs to another user.
pub fn leave_to_owner(database: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let owner = database.ancestors().find_map(|path| Some(std::fs::metadata(path).ok()?.uid()));
    let Some(owner) = owner.filter(|owner| *owner != 0) else { return Ok(()) };
    let known = name("/etc/passwd", owner);
    let message = format!("`{}` belongs to {known}, who could not use what root leaves beside it", database.display());
    Err(Error::new(Status::CannotRun, message).hint(run_as_owner(owner)))
}

/// The hint to run the program as the owner of a file. A user without a name is given by number.
pub fn run_as_owner(owner: u32) -> String {
    let owner = known("/etc/passwd", owner).unwrap_or_else(|| format!("'#{owner}'"));
    format!("run it as its owner: {} sessionmill …", become_user(&owner))
}

/// The command with which root runs something as another user: `sudo`, or `runuser` where there is no sudo.
pub fn become_user(user: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has_sudo = std::env::split_paths(&path).any(|folder| folder.join("sudo").is_file());
    // Only sudo accepts a user by number.
    if has_sudo || user.contains('#') { format!("sudo -u {user}") } else { format!("runuser -u {user} --") }
}

/// What `/etc/passwd` says about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The number of the user's group.
    pub group: String,
    pub home: String,
}

/// The account of a user, if it exists.
pub fn account(user: &str) -> Option<Account> {
    #[expect(clippy::disallowed_methods, reason = "users, not the database")]
    let text = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == user)?;
    Some(Account { group: (*fields.get(3)?).to_owned(), home: (*fields.get(5)?).to_owned() })
}

/// The name of a user or group in a file such as `/etc/passwd`, or the number if it has none.
pub fn name(file: &str, number: u32) -> String {
    known(file, number).unwrap_or_else(|| number.to_string())
}

/// The name of a user or group, if it has one.
pub fn known(file: &str, number: u32) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "names of users and groups, not the database")]
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number.to_string()).then(|| name.to_owned())
    })
}
